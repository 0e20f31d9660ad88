using Mdf.Experiments;
using Mdf.Experiments.Sweeps;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Experiments.Sweeps;

public sealed class CellRunTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public CellRunTests()
    {
        Directory.CreateDirectory(_folder.File("train"));
        Cli.SmallInputs.Image(_folder, Path.Combine("train", "a.png"));
        Cli.SmallInputs.Image(_folder, "test.png", seed: 3);
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void An_interrupted_cell_continues_to_the_same_record()
    {
        var sweep = Load("seeds: [1]");
        var expected = Run(sweep, "whole");
        Assert.Equal((CellState.Finished, 20), (expected.State, expected.Iteration));
        using var stop = new CancellationTokenSource();
        Assert.Throws<RunInterruptedException>(() => Run(sweep, "parts", progress: new At(7, stop.Cancel), cancellationToken: stop.Token));
        Assert.Equal(CellState.Unfinished, new SweepFolder(_folder.File("parts")).Read(sweep.Cells[0]).State);
        Assert.Equivalent(expected, Run(sweep, "parts"), strict: true);
        Assert.Equal(File.ReadAllBytes(Record("whole")), File.ReadAllBytes(Record("parts")));

        // A finished cell is only looked at.
        File.Delete(new SweepFolder(_folder.File("parts")).Run(sweep.Cells[0]).Last);
        Assert.Equivalent(expected, Run(sweep, "parts"), strict: true);
        Assert.False(File.Exists(new SweepFolder(_folder.File("parts")).Run(sweep.Cells[0]).Last));

        string Record(string name) => Path.Combine(new SweepFolder(_folder.File(name)).Run(sweep.Cells[0]).Path, "cell.json");
    }

    [Fact]
    public void A_failed_cell_is_recorded_with_its_reason_and_runs_again_only_if_asked()
    {
        var sweep = Load("losses: {A: 'mdf:{}none.safetensors'}");
        var record = Run(sweep, "out");
        Assert.Equal(CellState.Failed, record.State);
        Assert.Contains("there is no such file", record.Message);
        Assert.EndsWith("(advice)", record.Message);
        File.Copy(Path.Combine(Shared.Repository, "models", "stacks", "jpeg.safetensors"), _folder.File("none.safetensors"));
        Assert.Equivalent(record, Run(sweep, "out"), strict: true);
        Assert.Equal(CellState.Finished, Run(sweep, "out", retry: true).State);
    }

    [Fact]
    public void A_cell_that_diverges_fails()
    {
        var record = Run(Load("axes: {schedule.learning_rate: [1e30]}"), "out");
        Assert.Equal(CellState.Failed, record.State);
        Assert.Contains("at iteration", record.Message);
    }

    [Fact]
    public void A_cell_that_another_process_runs_is_left_alone()
    {
        var sweep = Load("seeds: [1]");
        var folder = new SweepFolder(_folder.File("out"));
        using (folder.TryLock(sweep.Cells[0]))
            Assert.Null(new CellRun(sweep, folder, CPU, warn: null).Run(sweep.Cells[0], null, CancellationToken.None));
        Assert.Equal(CellState.Finished, Run(sweep, "out").State);
    }

    [Fact]
    public void A_cell_with_other_settings_is_refused_by_name()
    {
        Run(Load("seeds: [1]"), "out");
        var message = Assert.Throws<InputException>(() => Run(Load("seeds: [1]", iterations: 30), "out")).Message;
        Assert.Contains("found a cell that was trained with schedule.iterations = 20 instead of 30; use another folder", message);
        Assert.Contains("with other threads, plugins or rules, or not by a sweep", Assert.Throws<InputException>(() => Run(Load("seeds: [1]\nthreads: 2"), "out")).Message);
    }

    [Fact]
    public void An_unfinished_cell_with_other_settings_is_refused_too()
    {
        using var stop = new CancellationTokenSource();
        Assert.Throws<RunInterruptedException>(() => Run(Load("seeds: [1]"), "out", progress: new At(7, stop.Cancel), cancellationToken: stop.Token));
        Assert.Contains("with other threads", Assert.Throws<InputException>(() => Run(Load("seeds: [1]\nthreads: 2"), "out")).Message);
        Assert.Contains("schedule.iterations = 20 instead of 30", Assert.Throws<InputException>(() => Run(Load("seeds: [1]", iterations: 30), "out")).Message);
        Assert.Equal(CellState.Finished, Run(Load("seeds: [1]"), "out").State);
    }

    [Fact]
    public void A_cell_that_is_worse_than_the_median_stops_and_keeps_its_measures()
    {
        var sweep = Load("axes: {schedule.learning_rate: [1e-3, 2e-3, 3e-3, 1e-12]}\nstop_early: {measure: psnr, after: 10, others: 3}");
        for (var cell = 0; cell < 3; cell++)
            Assert.Equal(CellState.Finished, Run(sweep, "out", cell).State);
        var record = Run(sweep, "out", cell: 3);
        Assert.Equal((CellState.Stopped, 10), (record.State, record.Iteration));
        Assert.Contains("psnr was worse than the median of 3 other cells at step 10", record.Message);
        Assert.True(record.Measures!["psnr"] > 0);

        // A process that was killed before it could write the record comes to the same.
        new SweepFolder(_folder.File("out")).Start(sweep.Cells[3]);
        Assert.Equivalent(record, Run(sweep, "out", cell: 3), strict: true);
    }

    [Fact]
    public void The_time_of_a_cell_is_estimated_without_writing_into_its_folder()
    {
        var sweep = Load("axes: {schedule.learning_rate: [1e-3, 1e-2]}\nlosses: {A: l1, B: 'mdf:{}none.safetensors'}");
        var estimate = new SweepEstimate(CPU);
        var (time, problem) = estimate.Of(sweep.Cells[0], CancellationToken.None);
        Assert.True(time > TimeSpan.Zero && problem is null);
        Assert.Equal(time, estimate.Of(sweep.Cells[1], CancellationToken.None).Time);
        (time, problem) = estimate.Of(sweep.Cells[2], CancellationToken.None);
        Assert.True(time is null && problem!.Contains("there is no such file", StringComparison.Ordinal));
    }

    private CellRecord Run(Sweep sweep, string name, int cell = 0, bool retry = false, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellationToken = default) =>
        new CellRun(sweep, new SweepFolder(_folder.File(name)), CPU, warn: null) { Retry = retry, Advice = _ => " (advice)" }.Run(sweep.Cells[cell], progress, cancellationToken)!;

    private Sweep Load(string more, int iterations = 20)
    {
        File.WriteAllText(_folder.File("sweep.yaml"), _folder.Local($$"""
            experiment:
              task: denoise:50
              network: {name: dncnn, features: 4, layers: 3}
              loss: l1
              data: {train: '{}train', validation: '{}test.png', patch: 16}
              schedule: {iterations: {{iterations}}, batch: 2, learning_rate: 1e-3}
              validation: {every: 10, images: 0, measures: [psnr]}
              checkpoint_every: 5

            """) + _folder.Local(more));
        return Sweep.Load(_folder.File("sweep.yaml"), task: null, ExperimentArguments.InCode);
    }

    private sealed class At(int step, Action act) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate value)
        {
            if (value.Stage == "training" && value.Step == step)
                act();
        }
    }
}
