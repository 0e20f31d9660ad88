using System.CommandLine;

namespace Mdf.Cli;

/// <summary>The options of every command.</summary>
internal static class GlobalOptions
{
    /// <summary>Prints the result as one JSON object.</summary>
    public const string Json = "--json";

    /// <summary>Says what is being done, and where an error comes from.</summary>
    public const string Verbose = "--verbose";

    /// <summary>The options, for one root command.</summary>
    public static Option[] Create() =>
    [
        new Option<bool>(Json) { Description = "print the result as one JSON object", Recursive = true },
        new Option<bool>(Verbose) { Description = "say what is being done, and where an error comes from", Recursive = true },
    ];
}
