using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Mdf.Cli;
using Mdf.Distortions;
using Mdf.Losses;
using Mdf.Networks;
using Mdf.Reports;
using Mdf.Runtime;

namespace Mdf.Tests.Cli;

public sealed class CommandLineTests
{
    /// <summary>A command that does what a test tells it to.</summary>
    private sealed class Probe(Func<CommandContext, int> run)
        : MdfCommand("probe", "Does what the test says.", new Example("probe 1", "does it once"))
    {
        public override int Run(CommandContext context) => run(context);
    }

    private static Answer Run(Command command, CancellationToken cancellationToken, params string[] args)
    {
        var (output, error) = (new StringWriter { NewLine = "\n" }, new StringWriter { NewLine = "\n" });
        var code = CommandLine.Run(() => [command], args, output, error, cancellationToken: cancellationToken);
        return new Answer(code, output.ToString(), error.ToString());
    }

    private static Answer Run(Func<CommandContext, int> run, params string[] args) =>
        Run(new Probe(run), TestContext.Current.CancellationToken, ["probe", .. args]);

    private static Answer Throwing(Exception exception, params string[] args) => Run(_ => throw exception, args);

    [Fact]
    public void A_message_is_no_longer_than_a_screen_whatever_is_in_it()
    {
        var text = new string('x', 10_000);
        foreach (var answer in new[] { Throwing(new InputException(text)), Throwing(new IOException(text)), Run(_ => 0, "--" + text), Run(_ => 0, text) })
        {
            Assert.Equal(1, answer.Error.Count(c => c == '\n'));
            Assert.InRange(answer.Error.Length, 80, 1200);
        }
    }

    [Fact]
    public void The_exit_code_is_the_commands() => Assert.Equal(new Answer(7, "", ""), Run(_ => 7));

    [Fact]
    public void Bad_input_is_one_line_and_exit_code_2() => Assert.Equal(
        new Answer(2, "", "mdf: a.png: expected an image, found text\n"),
        Throwing(new InputException("a.png: expected an image,\nfound text")));

    [Fact]
    public void Bad_input_found_on_a_worker_thread_or_in_a_static_constructor_is_the_same()
    {
        var answer = Throwing(new AggregateException(new TypeInitializationException("T", new InputException("bad"))));
        Assert.Equal(new Answer(2, "", "mdf: bad\n"), answer);
    }

    [Fact]
    public void A_failure_that_no_one_expected_is_one_line_and_exit_code_1()
    {
        var answer = Throwing(new InvalidOperationException("the scope is closed.\nException raised from scope"));
        Assert.Equal(new Answer(1, "", "mdf: unexpected failure: the scope is closed (InvalidOperationException); --verbose shows where\n"), answer);
    }

    public static TheoryData<Exception, string> ExpectedFailures => new()
    {
        { new DivergedException("the loss became NaN at iteration 7: try a lower learning rate"), "the loss became NaN at iteration 7: try a lower learning rate" },
        { new IOException("No space left on device : '/a/best.safetensors'"), "No space left on device : '/a/best.safetensors'" },
        { new DirectoryNotFoundException("Could not find a part of the path '/a/b'."), "Could not find a part of the path '/a/b'" },
        { new UnauthorizedAccessException("Access to the path '/a' is denied."), "Access to the path '/a' is denied" },
        { new AggregateException(new IOException("Input/output error")), "Input/output error" },
        { new InsufficientMemoryException(), "out of memory: use smaller images, patches, batches or tiles, or fewer threads" },
    };

    [Theory]
    [MemberData(nameof(ExpectedFailures), DisableDiscoveryEnumeration = true)]
    public void A_failure_that_can_be_expected_is_told_in_plain_words(Exception failure, string expected) =>
        Assert.Equal(new Answer(1, "", $"mdf: {expected}\n"), Throwing(failure));

    [Fact]
    public void Libtorchs_own_message_on_memory_is_told_in_plain_words()
    {
        var answer = Run(_ =>
        {
            using var tensor = TorchSharp.torch.empty(1L << 46);
            return 0;
        });
        Assert.Equal(new Answer(1, "", "mdf: out of memory: use smaller images, patches, batches or tiles, or fewer threads\n"), answer);
    }

    [Fact]
    public void A_stack_trace_is_shown_only_with_verbose()
    {
        var answer = Throwing(new InvalidOperationException("broken"), "--verbose");
        Assert.Equal(1, answer.ExitCode);
        Assert.StartsWith("mdf: unexpected failure: broken (InvalidOperationException)", answer.Error);
        Assert.Contains(nameof(CommandLineTests), answer.Error);
        Assert.Empty(answer.Output);
    }

    [Fact]
    public void An_interruption_is_exit_code_130()
    {
        using var source = new CancellationTokenSource();
        source.Cancel();
        var answer = Run(new Probe(context =>
        {
            context.Cancellation.ThrowIfCancellationRequested();
            return 0;
        }), source.Token, "probe");
        Assert.Equal(new Answer(130, "", "mdf: interrupted\n"), answer);

        // Ctrl-C reaches a program that we have started as well; what it leaves behind cannot be used.
        Assert.Equal(answer, Run(new Probe(_ => throw new InputException("the external program failed")), source.Token, "probe"));
    }

    [Fact]
    public void A_cancellation_that_no_one_asked_for_is_a_failure() =>
        Assert.Equal(1, Throwing(new OperationCanceledException()).ExitCode);

    [Theory]
    [InlineData("mdf: unknown command 'docter' (did you mean 'doctor'?); try 'mdf --help'\n", "docter")]
    [InlineData("mdf: unknown command 'docter' (did you mean 'doctor'?); try 'mdf --help'\n", "docter", "--help")]
    [InlineData("mdf: unknown command 'tarin' (did you mean 'train'?); try 'mdf --help'\n", "tarin", "a.yaml", "--set", "x=y")]
    [InlineData("mdf: unknown command 'inspect' (did you mean 'loss inspect'?); try 'mdf --help'\n", "inspect", "jpeg")]
    [InlineData("mdf: unknown command 'trai' (did you mean 'train'?); try 'mdf loss --help'\n", "loss", "trai", "a.png")]
    [InlineData("mdf: unknown command 'quux'; try 'mdf --help'\n", "quux")]
    [InlineData("mdf: unknown option '--versoin' (did you mean '--version'?); try 'mdf --help'\n", "--versoin")]
    [InlineData("mdf: unknown option '--nope'; try 'mdf doctor --help'\n", "doctor", "--nope")]
    [InlineData("mdf: unknown option '--jsno' (did you mean '--json'?); try 'mdf doctor --help'\n", "doctor", "--jsno")]
    [InlineData("mdf: the option '--output' needs a value; missing: the option '--task'; try 'mdf loss train --help'\n", "loss", "train", "a.png", "-o")]
    [InlineData("mdf: --seed takes a whole number of at least 0, found '-1'; missing: the option '--task'; try 'mdf loss train --help'\n", "loss", "train", "a.png", "-o", "b", "--seed", "-1")]
    [InlineData("mdf: unexpected argument '@file'; try 'mdf doctor --help'\n", "doctor", "@file")]
    [InlineData("mdf: unknown command 'docter' (did you mean 'doctor'?)\n", "help", "docter")]
    [InlineData("mdf: unknown command 'trian' (did you mean 'train'?)\n", "help", "loss", "trian")]
    public void A_mistake_in_the_arguments_is_one_line_and_exit_code_2(string expected, params string[] args) =>
        Assert.Equal(new Answer(2, "", expected), MdfProgram.Run(args));

    [Fact]
    public void Without_a_command_the_help_goes_to_standard_error()
    {
        var answer = MdfProgram.Run();
        Assert.Equal(2, answer.ExitCode);
        Assert.Empty(answer.Output);
        Assert.Equal(MdfProgram.Run("--help").Output, answer.Error);
    }

    [Fact]
    public void A_group_of_commands_without_one_of_them_shows_its_own_help()
    {
        var group = new Command("loss", "All about losses.") { new Probe(_ => 0) };
        var answer = Run(group, TestContext.Current.CancellationToken, "loss");
        Assert.Equal(2, answer.ExitCode);
        Assert.Contains("All about losses.", answer.Error);
        Assert.Equal(
            "mdf: unknown command 'prope' (did you mean 'probe'?); try 'mdf loss --help'\n",
            Run(group, TestContext.Current.CancellationToken, "loss", "prope").Error);
    }

    [Fact]
    public void Help_goes_to_standard_output_and_ends_with_the_examples()
    {
        var answer = Run(_ => 0, "--help");
        Assert.Equal((0, ""), (answer.ExitCode, answer.Error));
        Assert.StartsWith("Description:\n  Does what the test says.\n", answer.Output);
        Assert.Contains("mdf probe [options]", answer.Output);
        Assert.EndsWith("Examples:\n  mdf probe 1\n      does it once\n\n", answer.Output);
    }

    public static TheoryData<string[]> Paths => [.. MdfProgram.CommandPaths().Append([]).Append(["loss"])];

    [Theory]
    [MemberData(nameof(Paths))]
    public void Help_of_a_command_can_be_asked_for_in_two_ways(string[] path)
    {
        var answer = MdfProgram.Run(["help", .. path]);
        Assert.Equal(0, answer.ExitCode);
        Assert.Equal(MdfProgram.Run([.. path, "--help"]), answer);
    }

    [Theory]
    [InlineData("loss", "train")]
    [InlineData("evaluate")]
    [InlineData("train")]
    public void Help_names_every_task_that_the_command_takes(params string[] path)
    {
        var help = MdfProgram.Run(["help", .. path]).Output;
        foreach (var task in OwnTasks)
        {
            var example = path is ["loss", "train"] ? task.ForLoss : task.ForNetwork;
            if (example is not null)
                Assert.Contains($"{example} ({task.Meaning})", help.ReplaceLineEndings(" ").Replace("  ", "", StringComparison.Ordinal), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("train")]
    [InlineData("score")]
    [InlineData("optimize")]
    [InlineData("evaluate")]
    public void Help_names_every_loss(string command) =>
        Assert.All(LossExpression.Kinds.OwnNames, name => Assert.Contains(name, MdfProgram.Run(command, "--help").Output));

    [Fact]
    public void Help_of_training_names_every_network() =>
        Assert.All(Architectures.Kinds.OwnNames, name => Assert.Contains(name, MdfProgram.Run("train", "--help").Output));

    private static IEnumerable<TaskName> OwnTasks => Tasks.Names.OwnNames.Select(name => Tasks.Names.Find(name)!);

    [Fact]
    public void The_documentation_names_every_task_loss_and_network()
    {
        Assert.All(OwnTasks, task => Assert.Contains($"`{task.ForLoss}`", Document("loss.md")));
        Assert.All(OwnTasks.Select(task => task.ForNetwork).OfType<string>(), example => Assert.Contains($"`{example}`", Document("experiment.md")));
        Assert.All(LossExpression.Kinds.OwnNames, name => Assert.Contains($"`{name}`", Document("numerics.md")));
        Assert.All(Architectures.Kinds.OwnNames, name => Assert.Contains($"`{name}`", Document("experiment.md")));

        static string Document(string name) => File.ReadAllText(Path.Combine(Shared.Repository, "docs", name));
    }

    [Fact]
    public void Every_command_has_examples_that_begin_with_its_name()
    {
        var paths = MdfProgram.CommandPaths().ToArray();
        Assert.Contains(["loss", "train"], paths);
        foreach (var path in paths)
        {
            var name = string.Join(' ', path);
            var examples = MdfProgram.Run([.. path, "--help"]).Output.Split("Examples:\n")[1].Split('\n', StringSplitOptions.RemoveEmptyEntries);
            Assert.All(examples.Where((_, line) => line % 2 == 0), line => Assert.StartsWith($"  mdf {name}", line));
        }
    }

    [Fact]
    public void The_version_is_the_assemblys() =>
        Assert.StartsWith(
            typeof(CommandLine).Assembly.GetName().Version!.ToString(3), MdfProgram.Run("--version").Output);

    private sealed record Scores(string File, double Psnr, double Loss, float Step);

    [Fact]
    public void Json_is_one_object_whose_numbers_come_back_as_they_were()
    {
        var scores = new Scores("a.png", 1.0 / 3, double.PositiveInfinity, 0.1f);
        var answer = Run(
            context =>
            {
                context.Result(scores, terminal => terminal.WriteLine("text"));
                return 0;
            }, "--json");
        using var json = JsonDocument.Parse(answer.Output);
        Assert.Equal(JsonValueKind.Object, json.RootElement.ValueKind);
        Assert.Equal(1.0 / 3, json.RootElement.GetProperty("psnr").GetDouble());
        Assert.Equal(0.1f, json.RootElement.GetProperty("step").GetSingle());
        Assert.Equal("Infinity", json.RootElement.GetProperty("loss").GetString());
    }

    [Fact]
    public void Results_and_messages_go_their_own_ways()
    {
        static int Work(CommandContext context)
        {
            context.Log("detail");
            context.Warn("careful");
            context.Result(1, terminal => terminal.WriteLine("result"));
            return 0;
        }

        Assert.Equal(new Answer(0, "result\n", "mdf: careful\n"), Run(Work));
        Assert.Equal(new Answer(0, "result\n", "mdf: detail\nmdf: careful\n"), Run(Work, "--verbose"));
    }

    [Fact]
    public void Progress_goes_to_standard_error()
    {
        var answer = Run(context => context.WithProgress(sink =>
        {
            new ProgressMeter(sink, "stage", 1).Report(1, new ProgressValue("loss", 2));
            return 5;
        }));
        Assert.Equal((5, ""), (answer.ExitCode, answer.Output));
        Assert.StartsWith("stage: 1/1, loss 2, ", answer.Error);
    }

    [Fact]
    public void A_table_is_written_whole_also_where_the_terminal_is_narrow()
    {
        var table = new ResultTable("t", [new("file"), ResultColumn.Number("PSNR (dB)", "F2")],
            [[new string('x', 150), 30.123]]);
        var answer = Run(context =>
        {
            context.Result(table.Title, terminal => terminal.Console.WriteTable(table));
            return 0;
        });
        Assert.Contains(new string('x', 150), answer.Output);
        Assert.Contains(30.12.ToString(CultureInfo.InvariantCulture), answer.Output);
    }

    [Fact]
    public void The_first_signal_asks_to_stop_and_the_second_ends_at_once()
    {
        var (ended, time) = (new List<int>(), new StandingTime());
        using var interruption = new Interruption(time, ended.Add);
        interruption.Watch();
        var (first, second) = (new PosixSignalContext(PosixSignal.SIGINT), new PosixSignalContext(PosixSignal.SIGTERM));
        interruption.Handle(first);
        Assert.True(first.Cancel);
        Assert.True(interruption.Token.IsCancellationRequested);
        Assert.Empty(ended);
        interruption.Handle(second);
        Assert.Empty(ended); // the same request may come twice at once
        time.Pass(Interruption.Grace);
        interruption.Handle(new PosixSignalContext(PosixSignal.SIGTERM));
        Assert.Equal([143], ended);
        interruption.Handle(new PosixSignalContext(PosixSignal.SIGINT));
        Assert.Equal([143, 130], ended);
    }

    [Fact]
    public void A_second_ctrl_c_ends_at_once()
    {
        var ended = new List<int>();
        using var interruption = new Interruption(new StandingTime(), ended.Add);
        interruption.Watch();
        interruption.Handle(new PosixSignalContext(PosixSignal.SIGTERM));
        interruption.Handle(new PosixSignalContext(PosixSignal.SIGINT));
        Assert.Equal([130], ended);
    }

    [Theory]
    [InlineData(PosixSignal.SIGINT, 130, 130)]
    [InlineData(PosixSignal.SIGTERM, 143, 75)]
    [InlineData(PosixSignal.SIGHUP, 129, 75)]
    [InlineData((PosixSignal)10, 138, 75)]
    public void The_exit_code_tells_the_signal_and_whether_a_run_can_be_resumed(PosixSignal signal, int without, int with)
    {
        foreach (var (thrown, expected, message) in new[]
        {
            (new OperationCanceledException(), without, "mdf: interrupted\n"),
            (new RunInterruptedException("run/checkpoints/1", new OperationCanceledException()), with,
                "mdf: interrupted; the checkpoint 'run/checkpoints/1' is written: resume the run from there (--resume)\n"),
        })
        {
            using var interruption = new Interruption(TimeProvider.System, _ => { });
            var (output, error) = (new StringWriter { NewLine = "\n" }, new StringWriter { NewLine = "\n" });
            var code = CommandLine.Run(
                () => [new Probe(_ =>
                {
                    interruption.Handle(new PosixSignalContext(signal));
                    throw thrown;
                })],
                ["probe"], output, error, interruption);
            Assert.Equal((expected, message), (code, error.ToString()));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_signal_ends_the_program_only_where_the_command_does_not_look_for_it(bool looks)
    {
        var ended = false;
        var time = new ImmediateTime();
        using var interruption = new Interruption(time, _ => ended = true);
        var (output, error) = (new StringWriter(), new StringWriter());
        CommandLine.Run(
            () => [new Probe(context => looks && context.Cancellation.IsCancellationRequested ? 1 : 0)],
            ["probe"], output, error, interruption);
        interruption.Handle(new PosixSignalContext(PosixSignal.SIGTERM));
        Assert.Equal(Interruption.Grace, time.Asked);
        Assert.Equal(!looks, ended);
    }

    /// <summary>A clock that stands still until it is told to move on; its timers never run.</summary>
    private sealed class StandingTime : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public void Pass(TimeSpan time) => _now += time.Ticks;

        public override long GetTimestamp() => _now;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            base.CreateTimer(callback, state, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>A clock whose timers run as soon as they are set.</summary>
    private sealed class ImmediateTime : TimeProvider
    {
        public TimeSpan? Asked { get; private set; }

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            new ImmediateTimer(this, () => callback(state));

        private sealed class ImmediateTimer(ImmediateTime time, Action callback) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                time.Asked = dueTime;
                callback();
                return true;
            }

            public void Dispose()
            {
            }

            public ValueTask DisposeAsync() => default;
        }
    }
}
