using System.CommandLine.Parsing;
using System.Globalization;
using Mdf.Runtime;

namespace Mdf.Cli;

/// <summary>Creates parsers for the command line from methods of the library.</summary>
internal static class TextParser
{
    /// <summary>Creates a parser for one word. If the library refuses the word, its message becomes an error of the command line.</summary>
    /// <param name="parse">Reads the text; throws <see cref="InputException"/>. Must not load libtorch.</param>
    /// <returns>The <c>CustomParser</c> of an argument or option that takes one word.</returns>
    public static Func<ArgumentResult, T?> From<T>(Func<string, T> parse) => result =>
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

    /// <summary>Creates the same parser for several words.</summary>
    /// <param name="parse">Reads one word; throws <see cref="InputException"/>. Must not load libtorch.</param>
    /// <returns>The <c>CustomParser</c> of an argument or option that takes several words.</returns>
    public static Func<ArgumentResult, T[]?> OfMany<T>(Func<string, T> parse) => result =>
    {
        try
        {
            return [.. result.Tokens.Select(token => parse(token.Value))];
        }
        catch (InputException e)
        {
            result.AddError(e.Message);
            return default;
        }
    };

    /// <summary>Creates a parser for a whole number in a range.</summary>
    /// <param name="name">The option, for the message.</param>
    /// <param name="from">The smallest allowed value.</param>
    /// <param name="to">The largest allowed value.</param>
    public static Func<ArgumentResult, int> Integer(string name, int from, int to = int.MaxValue) => From(text =>
        int.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= from && value <= to
            ? value
            : throw new InputException($"{name} takes a whole number {(to == int.MaxValue ? $"of at least {from}" : $"from {from} to {to}")}, found '{text}'"));

    /// <summary>Creates a parser for a finite number of at least 0.</summary>
    /// <param name="name">The option, for the message.</param>
    public static Func<ArgumentResult, double> Amount(string name) => From(text =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value >= 0 && double.IsFinite(value)
            ? value
            : throw new InputException($"{name} takes a number of at least 0, found '{text}'"));
}
