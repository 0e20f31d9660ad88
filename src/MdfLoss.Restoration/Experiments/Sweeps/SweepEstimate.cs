using System.Diagnostics;
using System.Text.RegularExpressions;
using Mdf.Runtime;
using Mdf.Training;
using static TorchSharp.torch;

namespace Mdf.Experiments.Sweeps;

/// <summary>Estimates how long cells take, from a few steps of one cell of each kind. It writes nothing into the folder of the sweep.</summary>
internal sealed partial class SweepEstimate
{
    // The first step takes longer, because code is loaded and compiled.
    private const int Steps = 5;

    private readonly Dictionary<string, Cost> _costs = new(StringComparer.Ordinal);
    private readonly Device _device;

    /// <summary>Creates an empty estimate.</summary>
    /// <param name="device">The device to compute on.</param>
    public SweepEstimate(Device device) => _device = device;

    /// <summary>Estimates the time of one cell. Cells that differ only in their seed, their weights or their schedule share a measurement.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="cancellationToken">Stops the measurement.</param>
    /// <returns>The time on one worker; null with the reason if the cell cannot run.</returns>
    public (TimeSpan? Time, string? Problem) Of(SweepCell cell, CancellationToken cancellationToken)
    {
        var kind = KindOf(cell.Experiment);
        if (!_costs.TryGetValue(kind, out var cost))
            _costs.Add(kind, cost = Measure(cell.Experiment, cancellationToken));
        var (schedule, validation) = (cell.Experiment.Training.Schedule, cell.Experiment.Training.Validation);
        var validations = (schedule.TotalIterations + validation.Every - 1) / validation.Every;
        return cost.Problem is null ? (cost.Start + schedule.TotalIterations * cost.Step + validations * cost.Validation, null) : (null, cost.Problem);
    }

    private Cost Measure(Experiment experiment, CancellationToken cancellationToken)
    {
        var folder = Directory.CreateTempSubdirectory("mdf-").FullName;
        try
        {
            var schedule = new ScheduleOptions { Iterations = Steps, Batch = experiment.Training.Schedule.Batch, LearningRate = experiment.Training.Schedule.LearningRate };
            var watch = new Watch();
            var started = Stopwatch.GetTimestamp();
            using var run = new ExperimentRun(experiment.With(experiment.Training with { Schedule = schedule }), new RunFolder(Path.Combine(folder, "run")), _device);
            run.Run(resume: false, watch, cancellationToken);
            var end = Stopwatch.GetTimestamp();
            return new Cost(
                Stopwatch.GetElapsedTime(started, watch.First), Stopwatch.GetElapsedTime(watch.First, watch.Last) / (Steps - 1), Stopwatch.GetElapsedTime(watch.Last, end), null);
        }
        catch (Exception e) when (e is InputException or DivergedException or IOException)
        {
            return new Cost(default, default, default, e.Message);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The part of an experiment that decides how long a step takes. Numbers in the loss, such as weights, do not.</summary>
    private static string KindOf(Experiment experiment) => string.Join('\n', experiment.ToYaml().Split('\n').Skip(1)
        .Where(line => !CostsNothing().IsMatch(line)).Select(line => line.StartsWith("loss:", StringComparison.Ordinal) ? Weight().Replace(line, "") : line));

    [GeneratedRegex(@"\A(seed|  iterations|  learning_rate|  decay|  milestones|  decay_factor|  final_learning_rate|  warmup|  betas|  extend|  every|  images|checkpoint_every):")]
    private static partial Regex CostsNothing();

    [GeneratedRegex(@"(?<=[:+ '])[0-9.]+(e[+-]?[0-9]+)?\*", RegexOptions.IgnoreCase)]
    private static partial Regex Weight();

    /// <summary>The times of one kind of cell.</summary>
    private sealed record Cost(TimeSpan Start, TimeSpan Step, TimeSpan Validation, string? Problem);

    /// <summary>Notes when the first and the last step were done.</summary>
    private sealed class Watch : IProgress<ProgressUpdate>
    {
        public long First { get; private set; }

        public long Last { get; private set; }

        public void Report(ProgressUpdate value)
        {
            if (value is not { Stage: "training", Step: > 0 })
                return;
            Last = Stopwatch.GetTimestamp();
            if (value.Step == 1)
                First = Last;
        }
    }
}
