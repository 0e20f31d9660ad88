using System.CommandLine.Parsing;
using Mdf.Runtime;

namespace Mdf.Cli;

/// <summary>Lets the library read what is on the command line.</summary>
internal static class TextParser
{
    /// <summary>What the library refuses becomes a mistake on the command line, in the library's words.</summary>
    /// <param name="parse">Reads the text; throws <see cref="InputException"/>. Must not load libtorch.</param>
    /// <returns>For the <c>CustomParser</c> of an argument or option that takes one word.</returns>
    public static Func<ArgumentResult, T?> Of<T>(Func<string, T> parse) => result =>
    {
        try
        {
            return parse(result.Tokens[0].Value);
        }
        catch (InputException e)
        {
            result.AddError(e.Message);
            return default;
        }
    };
}
