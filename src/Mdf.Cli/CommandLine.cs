using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Runtime.InteropServices;
using Mdf.Cli.Commands;
using Mdf.Runtime;

namespace Mdf.Cli;

/// <summary>The program: finds the command, runs it, and turns whatever happens into one line and an exit code.</summary>
internal static class CommandLine
{
    /// <summary>Everything went well.</summary>
    public const int Success = 0;

    /// <summary>A failure while working.</summary>
    public const int Failure = 1;

    /// <summary>Bad usage or bad input.</summary>
    public const int Misuse = 2;

    /// <summary>Ctrl-C: 128 and the signal's number, as shells have it. <see cref="Interruption.ExitCode"/> has the codes of other signals.</summary>
    public const int Interrupted = 130;

    private const string OutOfMemory = "the memory does not suffice: use smaller images, patches, batches or tiles, or fewer threads";

    /// <summary>How libtorch says that it could not allocate memory, on a processor and on a GPU.</summary>
    private static readonly string[] s_allocationFailures = ["can't allocate memory", "not enough memory", "out of memory"];

    /// <summary>Every command of <c>mdf</c>, in the order of its help.</summary>
    private static Command[] Commands() =>
        [
            new DemoCommand(), new LossCommand(), new TrainCommand(), new RestoreCommand(), new EvaluateCommand(), new ScoreCommand(), new OptimizeCommand(),
            new ConvertCommand(), new DoctorCommand(),
        ];

    /// <summary>Runs one command line.</summary>
    /// <param name="args">The words after <c>mdf</c>.</param>
    /// <param name="output">Where results go.</param>
    /// <param name="error">Where messages and progress go.</param>
    /// <param name="interruption">Ctrl-C and the other signals; null where the caller has <paramref name="cancellation"/> alone.</param>
    /// <param name="cancellation">Cancelled to end the command; that of <paramref name="interruption"/> where there is one.</param>
    /// <returns>The exit code.</returns>
    public static int Run(
        IReadOnlyList<string> args,
        TextWriter output,
        TextWriter error,
        Interruption? interruption = null,
        CancellationToken cancellation = default) => Run(Commands(), args, output, error, interruption, cancellation);

    /// <summary>Runs one command line of a program with other commands.</summary>
    internal static int Run(
        IEnumerable<Command> commands,
        IReadOnlyList<string> args,
        TextWriter output,
        TextWriter error,
        Interruption? interruption = null,
        CancellationToken cancellation = default)
    {
        cancellation = interruption?.Token ?? cancellation;
        var isVerbose = args.Contains(CommonOptions.Verbose);
        try
        {
            // File names may begin with '@': there are no response files.
            var parsed = Root(commands)
                .Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
            var configuration = new InvocationConfiguration
            {
                Output = output,
                Error = error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            };
            if (parsed.Action is { } action and not ParseErrorAction)
                return parsed.Invoke(configuration);
            if (parsed.Errors.Count > 0)
                return Refuse(parsed, configuration);
            if (UnknownOption(parsed) is { } option)
                return Refuse(parsed, configuration, $"unknown option '{option}'");
            if (parsed.CommandResult.Command is not MdfCommand command)
                throw new InvalidOperationException($"'{parsed.CommandResult.Command.Name}' does nothing");
            return command.Run(new CommandContext(
                parsed,
                new Terminal(output, ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected),
                new Terminal(error, ReferenceEquals(error, Console.Error) && !Console.IsErrorRedirected),
                interruption is null ? null : interruption.Watch,
                cancellation));
        }
        catch (Exception thrown)
        {
            var (code, message) = Explain(thrown, interruption, cancellation);
            error.WriteLine($"mdf: {message}");
            if (isVerbose && thrown is not OperationCanceledException)
                error.WriteLine(thrown);
            return code;
        }
    }

    private static RootCommand Root(IEnumerable<Command> commands)
    {
        var root = new RootCommand(
            "Trains a loss function for one image-restoration task from a single photograph, and restoration networks with it.")
        {
            HelpName = "mdf", // whatever the file is called that runs it, such as the tests
        };
        foreach (var option in CommonOptions.Create())
            root.Options.Add(option);
        foreach (var command in commands)
            root.Subcommands.Add(command);
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        return root;
    }

    /// <summary>One line for a mistake; the whole help for a command that was only begun.</summary>
    private static int Refuse(ParseResult parsed, InvocationConfiguration configuration)
    {
        var command = parsed.CommandResult.Command;
        if (command.Subcommands.Count > 0 && parsed.UnmatchedTokens.Count == 0)
        {
            configuration.Output = configuration.Error;
            parsed.RootCommandResult.Command.Parse([.. PathTo(parsed), "--help"]).Invoke(configuration);
            return Misuse;
        }

        var message = parsed.Errors[0].Message.ReplaceLineEndings(" ").TrimEnd('.');
        if (command.Subcommands.Count > 0)
            message = $"unknown command '{parsed.UnmatchedTokens[0]}'";
        return Refuse(parsed, configuration, message);
    }

    private static int Refuse(ParseResult parsed, InvocationConfiguration configuration, string message)
    {
        configuration.Error.WriteLine($"mdf: {InputException.OneLine(message)}; try '{string.Join(' ', ["mdf", .. PathTo(parsed), "--help"])}'");
        return Misuse;
    }

    /// <summary>An option that the parser does not know, and took for an argument where one was due; <c>--</c> comes before such names.</summary>
    private static string? UnknownOption(ParseResult parsed) => parsed.Tokens.Any(token => token.Type == TokenType.DoubleDash)
        ? null
        : parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(argument => argument.Tokens)
            .FirstOrDefault(token => token.Value is ['-', _, ..])?.Value;

    private static Stack<string> PathTo(ParseResult parsed)
    {
        var names = new Stack<string>();
        for (var result = parsed.CommandResult; result.Parent is CommandResult parent; result = parent)
            names.Push(result.Command.Name);
        return names;
    }

    private static (int Code, string Message) Explain(Exception thrown, Interruption? interruption, CancellationToken cancellation)
    {
        // What came from a worker thread or a static constructor is wrapped; the cause is what matters.
        var error = thrown;
        while (error is AggregateException or TypeInitializationException && error.InnerException is { } inner)
            error = inner;
        return error switch
        {
            InputException => (Misuse, error.Message),
            RunInterruptedException when cancellation.IsCancellationRequested => (interruption?.ExitCode(isResumable: true) ?? Interrupted, $"interrupted; {error.Message}"),
            OperationCanceledException when cancellation.IsCancellationRequested => (interruption?.ExitCode(isResumable: false) ?? Interrupted, "interrupted"),
            DivergedException or IOException or UnauthorizedAccessException => (Failure, FirstLine(error)),
            OutOfMemoryException => (Failure, OutOfMemory),
            ExternalException when s_allocationFailures.Any(words => error.Message.Contains(words, StringComparison.OrdinalIgnoreCase)) => (Failure, OutOfMemory),
            _ => (Failure, $"unexpected failure: {FirstLine(error)} ({error.GetType().Name}); --verbose shows where"),
        };
    }

    /// <summary>The first line of a message: libtorch's continue with many lines of C++ frames.</summary>
    private static string FirstLine(Exception error) => InputException.OneLine(error.Message.Split('\n', 2)[0].Trim().TrimEnd('.'));
}
