using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using System.Runtime.InteropServices;
using Mdf.Cli.Commands;
using Mdf.Runtime;

namespace Mdf.Cli;

/// <summary>The program: finds the command, runs it, and turns every error into one line and an exit code.</summary>
internal static class CommandLine
{
    /// <summary>The command succeeded.</summary>
    public const int Success = 0;

    /// <summary>The work failed.</summary>
    public const int Failure = 1;

    /// <summary>The usage or the input is wrong.</summary>
    public const int Misuse = 2;

    /// <summary>The exit code after Ctrl-C: 128 plus the number of the signal, as in shells. <see cref="Interruption.ExitCode"/> has the codes of other signals.</summary>
    public const int Interrupted = 130;

    private const string OutOfMemory = "out of memory: use smaller images, patches, batches or tiles, or fewer threads";

    /// <summary>Parts of libtorch's messages if it cannot allocate memory, on a processor and on a GPU.</summary>
    private static readonly string[] s_allocationFailures = ["can't allocate memory", "not enough memory", "out of memory"];

    /// <summary>Creates all commands of <c>mdf</c>, in the order of the help.</summary>
    private static Command[] Commands() =>
        [
            new DemoCommand(), new LossCommand(), new TrainCommand(), new SweepCommand(), new CompareCommand(), new ReportCommand(), new RestoreCommand(), new EvaluateCommand(), new ScoreCommand(), new CorrelateCommand(), new NiqeCommand(), new OptimizeCommand(),
            new ConvertCommand(), new WeightsCommand(), new DoctorCommand(), new CompletionCommand(), new HelpCommand(),
        ];

    /// <summary>Runs one command line.</summary>
    /// <param name="args">The words after <c>mdf</c>.</param>
    /// <param name="output">The stream for results.</param>
    /// <param name="error">The stream for messages and progress.</param>
    /// <param name="interruption">Handles Ctrl-C and other signals; null if the caller uses only <paramref name="cancellationToken"/>.</param>
    /// <param name="cancellationToken">Stops the command. Ignored if <paramref name="interruption"/> is given, which has its own.</param>
    /// <returns>The exit code.</returns>
    public static int Run(
        IReadOnlyList<string> args,
        TextWriter output,
        TextWriter error,
        Interruption? interruption = null,
        CancellationToken cancellationToken = default) => Run(Commands, args, output, error, interruption, cancellationToken);

    /// <summary>Runs one command line of a program with other commands.</summary>
    /// <param name="commands">Creates the commands. It is called after the plugins are loaded, because the help contains their names.</param>
    /// <param name="args">The words after <c>mdf</c>.</param>
    /// <param name="output">The stream for results.</param>
    /// <param name="error">The stream for messages and progress.</param>
    /// <param name="interruption">As above.</param>
    /// <param name="cancellationToken">As above.</param>
    internal static int Run(
        Func<IEnumerable<Command>> commands,
        IReadOnlyList<string> args,
        TextWriter output,
        TextWriter error,
        Interruption? interruption = null,
        CancellationToken cancellationToken = default)
    {
        cancellationToken = interruption?.Token ?? cancellationToken;
        var isVerbose = args.Contains(CommonOptions.Verbose);
        var name = ""; // of the command, once it is known
        try
        {
            // File names may start with '@', so response files are switched off.
            Plugins.Load(args);
            var parsed = Root(commands())
                .Parse(args, new ParserConfiguration { ResponseFileTokenReplacer = null });
            var configuration = new InvocationConfiguration
            {
                Output = output,
                Error = error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            };
            if (parsed.Tokens.Any(token => token.Type == TokenType.Directive && token.Value.StartsWith("[suggest", StringComparison.Ordinal)))
                return parsed.Invoke(configuration); // a shell requests completions
            var isGroup = parsed.CommandResult.Command.Subcommands.Count > 0;
            if (isGroup && parsed.UnmatchedTokens.Count > 0 && parsed.UnmatchedTokens[0] is not ['-', ..] and var unknown)
                return Refuse(parsed, configuration, CommandNames.Unknown(parsed.CommandResult.Command, unknown));
            if (parsed.Action is { } action and not ParseErrorAction)
                return parsed.Invoke(configuration);
            if (isGroup && parsed.UnmatchedTokens.Count == 0)
                return RefuseWithHelp(parsed, configuration);
            if (Mistakes(parsed) is { Length: > 0 } mistakes)
                return Refuse(parsed, configuration, mistakes);
            if (parsed.Errors.Count > 0)
                return Refuse(parsed, configuration, parsed.Errors[0].Message.ReplaceLineEndings(" ").TrimEnd('.'));
            if (parsed.CommandResult.Command is not MdfCommand command)
                throw new InvalidOperationException($"'{parsed.CommandResult.Command.Name}' does nothing");
            name = string.Join(' ', PathTo(parsed));
            if (parsed.GetValue<string?>(CommonOptions.Libtorch) is { } libtorch)
                NativeLibraries.UseLibtorch(libtorch, CommonOptions.Libtorch);
            return command.Run(new CommandContext(
                parsed,
                new Terminal(output, ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected),
                new Terminal(error, ReferenceEquals(error, Console.Error) && !Console.IsErrorRedirected),
                interruption is null ? null : interruption.Watch,
                cancellationToken));
        }
        catch (Exception thrown)
        {
            var (code, message) = Explain(thrown, name, interruption, cancellationToken);
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
            HelpName = "mdf", // a fixed name, because the running file may have another name, for example in tests
        };
        foreach (var option in CommonOptions.Create())
            root.Options.Add(option);
        foreach (var command in commands)
            root.Subcommands.Add(command);
        var help = root.Options.OfType<HelpOption>().Single();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        return root;
    }

    /// <summary>Prints the help of an incomplete command, such as <c>mdf loss</c>, to standard error.</summary>
    private static int RefuseWithHelp(ParseResult parsed, InvocationConfiguration configuration)
    {
        configuration.Output = configuration.Error;
        parsed.RootCommandResult.Command.Parse([.. PathTo(parsed), "--help"]).Invoke(configuration);
        return Misuse;
    }

    private static int Refuse(ParseResult parsed, InvocationConfiguration configuration, string message)
    {
        configuration.Error.WriteLine($"mdf: {InputException.OneLine(message)}; try '{string.Join(' ', ["mdf", .. PathTo(parsed), "--help"])}'");
        return Misuse;
    }

    /// <summary>Lists all unknown options, and all options and arguments that are missing, superfluous, or without a value; empty if there are none.</summary>
    private static string Mistakes(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        var options = command.Options.Concat(parsed.RootCommandResult.Command.Options.Where(option => option.Recursive)).Distinct().ToList();
        var meant = new List<Option?>();
        var mistakes = UnknownOptions(parsed).Select(name =>
        {
            var mistake = CommandNames.Unknown(name, options, out var option);
            meant.Add(option);
            return mistake;
        }).ToList();
        var results = parsed.CommandResult.Children.OfType<OptionResult>().Where(result => !result.Implicit).ToList();
        mistakes.AddRange(results.Where(result => result.Tokens.Count < result.Option.Arity.MinimumNumberOfValues).Select(result => $"the option '{result.Option.Name}' needs a value"));

        var refused = parsed.Errors.FirstOrDefault(error => results.Any(result => result.Tokens.Count >= result.Option.Arity.MinimumNumberOfValues && (error.SymbolResult == result || error.SymbolResult?.Parent == result)));
        if (refused is not null && meant.Count == 0)
            mistakes.Add(refused.Message.ReplaceLineEndings(" ").TrimEnd('.'));
        string[] missingOptions = [.. options.Where(option => option.Required && !meant.Contains(option) && results.All(result => result.Option != option)).Select(option => option.Name)];
        // If an option is unknown or refuses a value, the parser may have taken its values for arguments, or arguments for its values.
        string[] missingArguments = meant.Count > 0 || refused is not null ? [] :
            [.. command.Arguments.Where(argument => (parsed.GetResult(argument)?.Tokens.Count ?? 0) < argument.Arity.MinimumNumberOfValues).Select(argument => argument.Name)];
        if (missingArguments.Length + missingOptions.Length > 0)
        {
            mistakes.Add($"missing: {string.Join(" and ", ((string[])
                [Listed("the argument", missingArguments), Listed("the option", missingOptions)]).Where(part => part.Length > 0))}");
        }

        if (meant.Count == 0)
            mistakes.AddRange(parsed.UnmatchedTokens.Select(token => $"unexpected argument {Untrusted.Quote(token)}"));
        return string.Join("; ", mistakes);

        static string Listed(string what, string[] names) => names.Length == 0 ? "" : $"{what}{(names.Length > 1 ? "s" : "")} {string.Join(", ", names.Select(name => $"'{name}'"))}";
    }

    /// <summary>
    /// Finds options that the parser does not know. The parser takes them for arguments, or for values of an option with several values. After <c>--</c>, such words
    /// are names.
    /// </summary>
    private static IEnumerable<string> UnknownOptions(ParseResult parsed)
    {
        if (parsed.Tokens.Any(token => token.Type == TokenType.DoubleDash))
            return [];
        var ofSeveral = parsed.CommandResult.Children.OfType<OptionResult>().Where(result => result.Option.AllowMultipleArgumentsPerToken).SelectMany(result => result.Tokens);
        return parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(argument => argument.Tokens).Concat(ofSeveral).Select(token => token.Value)
            .Concat(parsed.UnmatchedTokens)
            .Where(word => word is ['-', _, ..]).Distinct();
    }

    private static Stack<string> PathTo(ParseResult parsed)
    {
        var names = new Stack<string>();
        for (var result = parsed.CommandResult; result.Parent is CommandResult parent; result = parent)
            names.Push(result.Command.Name);
        return names;
    }

    private static (int Code, string Message) Explain(Exception thrown, string command, Interruption? interruption, CancellationToken cancellationToken)
    {
        // Exceptions from a worker thread or a static constructor are wrapped. Only the cause is reported.
        var error = thrown;
        while (error is AggregateException or TypeInitializationException && error.InnerException is { } inner)
            error = inner;
        var advice = Advice.For(error, command);
        return error switch
        {
            InputException when !cancellationToken.IsCancellationRequested => (Misuse, error.Message + advice),
            RunInterruptedException when cancellationToken.IsCancellationRequested => (interruption?.ExitCode(isResumable: true) ?? Interrupted, $"interrupted; {error.Message}{advice}"),
            // Ctrl-C reaches a program that we have started as well, and what it leaves behind is no fault of the input.
            OperationCanceledException or InputException when cancellationToken.IsCancellationRequested => (interruption?.ExitCode(isResumable: false) ?? Interrupted, "interrupted"),
            DivergedException or IOException or UnauthorizedAccessException => (Failure, FirstLine(error) + advice),
            OutOfMemoryException => (Failure, OutOfMemory),
            ExternalException when s_allocationFailures.Any(words => error.Message.Contains(words, StringComparison.OrdinalIgnoreCase)) => (Failure, OutOfMemory),
            _ => (Failure, $"unexpected failure: {FirstLine(error)} ({error.GetType().Name}); --verbose shows where"),
        };
    }

    /// <summary>Returns the first line of a message, because libtorch's messages have many lines of C++ frames after it.</summary>
    private static string FirstLine(Exception error) => InputException.OneLine(error.Message.Split('\n', 2)[0].Trim().TrimEnd('.'));
}
