using Mdf.Cli;
using Mdf.Runtime;
using Spectre.Console;

namespace Mdf.Tests.Cli;

public sealed class ProgressRenderingTests
{
    private static void Work(IProgress<ProgressUpdate> sink, ManualTime time)
    {
        foreach (var stage in new[] { "scale 0 of 2", "scale 1 of 2" })
        {
            var meter = new ProgressMeter(sink, stage, 1000, time: time);
            for (var step = 1; step <= 1000; step++)
            {
                time.Advance(0.012);
                meter.Report(step, new ProgressValue("loss", 1.0 / step), new ProgressValue("lr", 5e-4));
            }
        }
    }

    [Fact]
    public void Without_a_terminal_there_is_a_line_every_few_seconds_and_one_at_each_end()
    {
        var (writer, time) = (new StringWriter { NewLine = "\n" }, new ManualTime());
        Work(new ProgressLines(writer, time), time);
        Assert.Equal(
            """
            scale 0 of 2: 1/1000, loss 1, lr 0.0005, 12 ms/step
            scale 0 of 2: 418/1000, loss 0.002392, lr 0.0005, 12 ms/step, 0:06 left
            scale 0 of 2: 835/1000, loss 0.001198, lr 0.0005, 12 ms/step, 0:01 left
            scale 0 of 2: 1000/1000, loss 0.001, lr 0.0005, 12 ms/step
            scale 1 of 2: 417/1000, loss 0.002398, lr 0.0005, 12 ms/step, 0:06 left
            scale 1 of 2: 834/1000, loss 0.001199, lr 0.0005, 12 ms/step, 0:01 left
            scale 1 of 2: 1000/1000, loss 0.001, lr 0.0005, 12 ms/step

            """,
            writer.ToString());
    }

    [Theory]
    [InlineData(5, "0:05")]
    [InlineData(3599, "59:59")]
    [InlineData(3600 * 49 + 61, "49:01:01")]
    public void Times_are_written_as_clocks_do(int seconds, string expected) =>
        Assert.Equal(expected, ProgressLines.Clock(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData(0.4, "0.4 ms")]
    [InlineData(85.23, "85.2 ms")]
    [InlineData(999.4, "999 ms")]
    [InlineData(999.6, "1 s")]
    [InlineData(1254, "1.25 s")]
    [InlineData(59_940, "59.9 s")]
    [InlineData(59_960, "60 s")]
    [InlineData(125_000, "2:05")]
    [InlineData(7_384_000, "2:03:04")]
    public void The_time_of_a_step_has_the_unit_that_suits_it(double milliseconds, string expected) =>
        Assert.Equal(expected, ProgressLines.Duration(TimeSpan.FromMilliseconds(milliseconds)));

    [Theory]
    [InlineData(0.00001234, "lr 0.00001234")]
    [InlineData(123456, "lr 123500")]
    [InlineData(double.NaN, "lr NaN")]
    public void Values_have_no_exponent(double value, string expected) => Assert.Equal(expected, ProgressLines.Format(new ProgressValue("lr", value)));

    [Fact]
    public void On_a_terminal_there_is_a_bar_for_each_stage()
    {
        var (writer, time) = (new StringWriter(), new ManualTime());
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.Yes,
            ColorSystem = ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.Yes,
            Out = new AnsiConsoleOutput(writer),
        });
        console.Profile.Width = 120;
        var result = ProgressBars.Show(console, time, sink =>
        {
            Work(sink, time);
            return 7;
        });

        Assert.Equal(7, result);
        var text = writer.ToString();
        Assert.Contains("scale 0 of 2", text);
        Assert.Contains("loss 0.001  lr 0.0005", text);
        Assert.Contains("100%", text);
        Assert.Contains(" left", text);
        // 24 simulated seconds at ten pictures a second, each with one line per stage so far: no flood.
        Assert.InRange(text.Split("scale 0 of 2").Length, 100, 300);
    }

    [Fact]
    public void A_stage_with_brackets_in_its_name_is_shown_as_it_is()
    {
        var writer = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = AnsiSupport.Yes,
            Interactive = InteractionSupport.Yes,
            Out = new AnsiConsoleOutput(writer),
        });
        ProgressBars.Show(console, new ManualTime(), sink =>
        {
            _ = new ProgressMeter(sink, "[x] a.png", 0);
            return 0;
        });
        Assert.Contains("[x] a.png", writer.ToString());
    }
}
