using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Mdf.Cli;
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

    private static Answer Run(Command command, CancellationToken cancellation, params string[] args)
    {
        var (output, error) = (new StringWriter { NewLine = "\n" }, new StringWriter { NewLine = "\n" });
        var code = CommandLine.Run([command], args, output, error, cancellation: cancellation);
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
            Assert.InRange(answer.Error.Length, 900, 1200);
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
    public void A_failure_is_one_line_and_exit_code_1()
    {
        var answer = Throwing(new InvalidOperationException("out of memory\nException raised from alloc_cpu"));
        Assert.Equal(new Answer(1, "", "mdf: InvalidOperationException: out of memory; --verbose shows where\n"), answer);
    }

    [Fact]
    public void A_stack_trace_is_shown_only_with_verbose()
    {
        var answer = Throwing(new InvalidOperationException("broken"), "--verbose");
        Assert.Equal(1, answer.ExitCode);
        Assert.StartsWith("mdf: InvalidOperationException: broken\n", answer.Error);
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
    }

    [Fact]
    public void A_cancellation_that_no_one_asked_for_is_a_failure() =>
        Assert.Equal(1, Throwing(new OperationCanceledException()).ExitCode);

    [Theory]
    [InlineData("mdf: unknown command 'docter'; try 'mdf --help'\n", "docter")]
    [InlineData("mdf: Unrecognized command or argument '--nope'; try 'mdf doctor --help'\n", "doctor", "--nope")]
    [InlineData("mdf: Unrecognized command or argument '@file'; try 'mdf doctor --help'\n", "doctor", "@file")]
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
            "mdf: unknown command 'prope'; try 'mdf loss --help'\n",
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
    public void The_first_signal_asks_to_stop_and_the_second_is_left_to_kill()
    {
        using var interruption = new Interruption(TimeProvider.System, () => { });
        var (first, second) = (new PosixSignalContext(PosixSignal.SIGINT), new PosixSignalContext(PosixSignal.SIGINT));
        interruption.Handle(first);
        Assert.True(first.Cancel);
        Assert.True(interruption.Token.IsCancellationRequested);
        interruption.Handle(second);
        Assert.False(second.Cancel);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_signal_ends_the_program_only_where_the_command_does_not_look_for_it(bool looks)
    {
        var ended = false;
        var time = new ImmediateTime();
        using var interruption = new Interruption(time, () => ended = true);
        var (output, error) = (new StringWriter(), new StringWriter());
        CommandLine.Run(
            [new Probe(context => looks && context.Cancellation.IsCancellationRequested ? 1 : 0)],
            ["probe"], output, error, interruption.Watch, interruption.Token);
        interruption.Handle(new PosixSignalContext(PosixSignal.SIGTERM));
        Assert.Equal(Interruption.Grace, time.Asked);
        Assert.Equal(!looks, ended);
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
