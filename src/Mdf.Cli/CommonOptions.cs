using System.CommandLine;
using Mdf.Losses;

namespace Mdf.Cli;

/// <summary>The options of every command, and those that several have.</summary>
internal static class CommonOptions
{
    /// <summary>Prints the result as one JSON object.</summary>
    public const string Json = "--json";

    /// <summary>Says what is being done, and where an error comes from.</summary>
    public const string Verbose = "--verbose";

    /// <summary>The names of all losses, for the help of an option that takes a loss expression.</summary>
    public static string Losses => $"the losses are {string.Join(", ", LossExpression.Names)}";

    /// <summary>The options, for one root command.</summary>
    public static Option[] Create() =>
    [
        new Option<bool>(Json) { Description = "print the result as one JSON object", Recursive = true },
        new Option<bool>(Verbose) { Description = "say what is being done, and where an error comes from", Recursive = true },
    ];

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
