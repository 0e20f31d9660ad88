using System.CommandLine;
using System.Globalization;
using Mdf.Distortions;
using Mdf.Losses;
using Mdf.Networks;
using Mdf.Runtime;

namespace Mdf.Cli;

/// <summary>The options of all commands, and the options that several commands share.</summary>
internal static class CommonOptions
{
    /// <summary>Creates the option <c>--jobs</c>.</summary>
    /// <param name="what">The things of which several are done at once.</param>
    public static Option<int> Jobs(string what) => new("--jobs", "-j")
    {
        Description = $"the number of {what} at once, each in a process of its own; results do not depend on it",
        HelpName = "n",
        DefaultValueFactory = _ => 1,
        CustomParser = TextParser.Integer("--jobs", 1, 1024),
    };

    /// <summary>Prints the result as one JSON object.</summary>
    public const string Json = "--json";

    /// <summary>Prints the steps of the work, and the stack trace of an error.</summary>
    public const string Verbose = "--verbose";

    /// <summary>The folder of the libtorch to use.</summary>
    public const string Libtorch = "--libtorch";

    /// <summary>The names of all losses, for the help of an option that takes a loss expression.</summary>
    public static string Losses => $"the losses are {string.Join(", ", LossExpression.Names)}";

    /// <summary>Creates the options of all commands, for one root command.</summary>
    public static Option[] Create() =>
    [
        new Option<bool>(Json) { Description = "print the result as one JSON object", Recursive = true },
        Plugins.Option(),
        new Option<bool>(Verbose) { Description = "print the steps of the work, and the stack trace of an error", Recursive = true },
        new Option<string?>(Libtorch)
        {
            Description = $"folder of the libtorch {LibtorchFolder.ExpectedVersion} to use, such as PyTorch's torch/lib [default: {NativeLibraries.LibtorchVariable}, or the one beside the program]",
            HelpName = "folder",
            Recursive = true,
        },
    ];

    /// <summary>Creates the option for the device to compute on.</summary>
    public static Option<ComputeDevice> Device() => new("--device")
    {
        Description = "auto (a CUDA device if there is one), cpu, cuda or cuda:N",
        HelpName = "name",
        CustomParser = TextParser.From(ComputeDevice.Parse),
        DefaultValueFactory = _ => ComputeDevice.Auto,
    };

    /// <summary>Refuses <c>--extend</c> without <c>--resume</c>.</summary>
    /// <param name="extend">The value of <c>--extend</c>.</param>
    /// <param name="resume">The value of <c>--resume</c>.</param>
    /// <exception cref="InputException"><c>--extend</c> is given without <c>--resume</c>.</exception>
    public static void RequireResume(int? extend, bool resume)
    {
        if (extend is not null && !resume)
            throw new InputException("--extend adds to a run that exists: give --resume with it");
    }

    /// <summary>Creates the option for the architecture of a network with weights of another project.</summary>
    public static Option<NetworkArchitecture?> Network() => new("--network")
    {
        Description = "the architecture of the network, for weights of another project, such as 'edsr?factor=4&residual_scale=0.1': BasicSR's EDSR and MSRResNet, EDSR-PyTorch's EDSR, KAIR's DnCNN",
        HelpName = "network",
        CustomParser = TextParser.From<NetworkArchitecture?>(Architectures.Parse),
    };

    /// <summary>Creates the option for the time limit of an external program; null if it is not given.</summary>
    public static Option<int?> ExternalTimeout() => new("--external-timeout")
    {
        Description = string.Create(CultureInfo.InvariantCulture,
            $"time limit in seconds of an external program for one image [default: {ExternalDistortion.DefaultTimeLimit.TotalSeconds}]"),
        HelpName = "seconds",
        CustomParser = result => TextParser.Integer("--external-timeout", 1)(result),
    };

    /// <summary>Finds the distortions that the user typed. Only here a task may be a program.</summary>
    /// <param name="context">The command. Its cancellation stops a program.</param>
    /// <param name="timeout">The option of <see cref="ExternalTimeout"/>.</param>
    /// <param name="tasks">The tasks.</param>
    /// <param name="parse">Finds the distortion of a task, <see cref="Tasks.ParseTyped"/> or <see cref="Tasks.ParseTypedForNetwork"/>.</param>
    /// <param name="hasOtherPrograms">Whether the time limit also has another use.</param>
    /// <exception cref="InputException">A task cannot be used; or a time limit was given, but no task is a program.</exception>
    public static Distortion[] TypedTasks(
        CommandContext context, Option<int?> timeout, IReadOnlyList<string> tasks, Func<string, TimeSpan, CancellationToken, Distortion> parse, bool hasOtherPrograms = false)
    {
        var given = context.Get(timeout);
        if (given is not null && !hasOtherPrograms && !tasks.Any(ExternalDistortion.IsNameOf))
            throw new InputException("--external-timeout is for a task that is a program, 'external:command': leave it out");
        var limit = ProgramTimeLimit(context, timeout);
        return [.. tasks.Select(task => parse(task, limit, ExternalDistortion.IsNameOf(task) ? context.Cancellation : CancellationToken.None))];
    }

    /// <summary>Returns the time limit of a program for one image.</summary>
    /// <param name="context">The command.</param>
    /// <param name="timeout">The option of <see cref="ExternalTimeout"/>.</param>
    public static TimeSpan ProgramTimeLimit(CommandContext context, Option<int?> timeout) =>
        context.Get(timeout) is { } seconds ? TimeSpan.FromSeconds(seconds) : ExternalDistortion.DefaultTimeLimit;

    /// <summary>Creates the option for the seed of a command that draws random numbers.</summary>
    /// <param name="of">The random numbers that it seeds, for the help.</param>
    public static Option<int> Seed(string of) => new("--seed")
    {
        Description = $"seed of {of}",
        HelpName = "n",
        DefaultValueFactory = _ => 0,
        CustomParser = TextParser.Integer("--seed", 0),
    };
}
