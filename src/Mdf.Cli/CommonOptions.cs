using System.CommandLine;
using Mdf.Distortions;
using Mdf.Losses;
using Mdf.Networks;
using Mdf.Runtime;

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

    /// <summary>Refuses <c>--extend</c> without <c>--resume</c>.</summary>
    /// <param name="extend">The value of the one.</param>
    /// <param name="resume">The value of the other.</param>
    /// <exception cref="InputException">It is so.</exception>
    public static void RequireResume(int? extend, bool resume)
    {
        if (extend is not null && !resume)
            throw new InputException("--extend adds to a run that exists: give --resume with it");
    }

    /// <summary>What the network of another project's weights is built as.</summary>
    public static Option<NetworkArchitecture?> Network() => new("--network")
    {
        Description = "what the network of another project's weights is built as, such as 'edsr?factor=4&residual_scale=0.1': BasicSR's EDSR and MSRResNet, EDSR-PyTorch's EDSR, KAIR's DnCNN",
        HelpName = "network",
        CustomParser = TextParser.Of<NetworkArchitecture?>(NetworkArchitecture.Parse),
    };

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
