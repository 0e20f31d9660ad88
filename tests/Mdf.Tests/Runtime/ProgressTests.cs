using Mdf.Runtime;

namespace Mdf.Tests.Runtime;

public sealed class ProgressTests
{
    private sealed class Recorder : IProgress<ProgressUpdate>
    {
        public List<ProgressUpdate> Updates { get; } = [];

        public void Report(ProgressUpdate update) => Updates.Add(update);
    }

    [Fact]
    public void A_meter_reports_its_start_and_every_step_with_the_time_per_step_and_what_is_left()
    {
        var (sink, time) = (new Recorder(), new ManualTime());
        var meter = new ProgressMeter(sink, "scale 0 of 8", 10, time: time);
        time.Advance(2);
        meter.Report(1, new ProgressValue("loss", 0.5));
        time.Advance(4);
        meter.Report(2);
        time.Advance(24);
        meter.Report(10);

        Assert.Equal([0L, 1, 2, 10], sink.Updates.Select(u => u.Step));
        Assert.Equal([null, 2.0, 4.0, 3.0], sink.Updates.Select(u => u.TimePerStep?.TotalSeconds));
        Assert.Equal([null, null, 32.0, 0.0], sink.Updates.Select(u => u.Remaining?.TotalSeconds));
        Assert.Equal([false, false, false, true], sink.Updates.Select(u => u.IsLast));
        Assert.Equal(new ProgressValue("loss", 0.5), Assert.Single(sink.Updates[1].Values));
    }

    [Fact]
    public void Steps_of_an_earlier_run_do_not_make_the_pace_look_better()
    {
        var (sink, time) = (new Recorder(), new ManualTime());
        var meter = new ProgressMeter(sink, "scale 0 of 8", 1000, first: 900, time: time);
        time.Advance(20);
        meter.Report(910);
        Assert.Equal(2, sink.Updates[^1].TimePerStep?.TotalSeconds);
        Assert.Equal(180, sink.Updates[^1].Remaining?.TotalSeconds);
    }

    [Fact]
    public void Slow_first_steps_are_forgotten()
    {
        // Measured: the first step of phase 1 took 2.3 s, the next nine 0.15 s each, all others 0.06 s.
        var (sink, time) = (new Recorder(), new ManualTime());
        var meter = new ProgressMeter(sink, "scale 0 of 8", 1000, time: time, later: 80_000);
        for (var step = 1; step <= 1000; step++)
        {
            time.Advance(step == 1 ? 2.3 : step <= 10 ? 0.15 : 0.06);
            meter.Report(step);
        }

        Assert.Null(sink.Updates[1].RemainingInAll);
        Assert.Null(sink.Updates[1].Remaining);
        Assert.InRange(sink.Updates[2].RemainingInAll!.Value.TotalSeconds, 1, 2.51 * 81_000 * 0.06);
        Assert.All(sink.Updates[40..1000], update => Assert.Equal((1000 - update.Step + 80_000) * 0.06, update.RemainingInAll!.Value.TotalSeconds, precision: 1));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(100)]
    public void The_pace_is_that_of_at_least_half_of_the_steps(int last)
    {
        var (sink, time) = (new Recorder(), new ManualTime());
        var meter = new ProgressMeter(sink, "s", 100, time: time);
        for (var step = 1; step <= last; step++)
        {
            time.Advance(step);
            meter.Report(step);
        }

        Assert.InRange(sink.Updates[^1].TimePerStep!.Value.TotalSeconds, (last + 1) / 2.0, (last + 1) / 2.0 + last / 4.0);
    }

    [Fact]
    public void A_stage_that_begins_after_its_end_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new ProgressMeter(null, "s", total: 1, first: 2));
}
