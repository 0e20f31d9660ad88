using System.CommandLine;
using Mdf.Distortions;

namespace Mdf.Cli;

/// <summary>The options of every command, and those that several have.</summary>
internal static class CommonOptions
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

    /// <summary>How long an external program may take.</summary>
    public static Option<int> ExternalTimeout() => new("--external-timeout")
    {
        Description = "seconds that an external program may take for an image",
        HelpName = "seconds",
        DefaultValueFactory = _ => (int)ExternalDistortion.DefaultTimeLimit.TotalSeconds,
        CustomParser = TextParser.Integer("--external-timeout", 1),
    };

    /// <summary>The seed of a command that draws random numbers.</summary>
    /// <param name="of">What it seeds.</param>
    public static Option<int> Seed(string of) => new("--seed")
    {
        Description = $"seed of {of}",
        HelpName = "n",
        DefaultValueFactory = _ => 0,
        CustomParser = TextParser.Integer("--seed", 0),
    };
}
