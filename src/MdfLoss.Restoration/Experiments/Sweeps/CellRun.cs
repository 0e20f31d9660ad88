using System.Globalization;
using System.Text.Json.Nodes;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Experiments.Sweeps;

/// <summary>Runs the cells of a sweep in this process, one at a time.</summary>
/// <param name="sweep">The sweep.</param>
/// <param name="folder">Its folder.</param>
/// <param name="device">The device to compute on.</param>
/// <param name="warn">Takes one line about each thing that was ignored.</param>
internal sealed class CellRun(Sweep sweep, SweepFolder folder, Device device, Action<string>? warn)
{
    /// <summary>Whether to run failed cells again.</summary>
    public bool Retry { get; init; }

    /// <summary>The text to add to the message of an error, such as the options of a program that help.</summary>
    public Func<Exception, string> Advice { get; init; } = _ => "";

    /// <summary>Runs a cell, from the first step or from its newest checkpoint. A cell that has ended is only looked at.</summary>
    /// <param name="cell">The cell.</param>
    /// <param name="progress">Takes a report for every step.</param>
    /// <param name="cancellationToken">Stops the work between two steps and writes a checkpoint.</param>
    /// <returns>How the cell has ended; null if another process runs it.</returns>
    /// <exception cref="InputException">The folder has a cell of other settings, or cannot be written.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled: a <see cref="RunInterruptedException"/> if there is a checkpoint.</exception>
    public CellRecord? Run(SweepCell cell, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        using var taken = folder.TryLock(cell);
        if (taken is null)
            return null;
        var (state, record) = folder.Read(cell);
        if (state is CellState.Finished or CellState.Stopped || state == CellState.Failed && !Retry)
            return record;
        folder.Start(cell);
        record = Train(cell, progress, cancellationToken);
        try
        {
            folder.Write(cell, record);
        }
        catch (Exception e) when (e is IOException or InputException)
        {
            return Failed(cell, e); // the disk is full: the cell is unfinished for the next process
        }

        return record;
    }

    private CellRecord Train(SweepCell cell, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        var run = folder.Run(cell);
        if (StopOf(cell, LastValidation(run)) is { } already) // the process was killed before it could write the record
            return already;
        CellRecord? stopped = null;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        try
        {
            using var experiment = new ExperimentRun(cell.Experiment, run, device, warn)
            {
                Validated = (iteration, measures) =>
                {
                    stopped = StopOf(cell, (iteration, measures.Loss, measures.Scores.Values));
                    if (stopped is not null)
                        stop.Cancel();
                },
            };
            if (experiment.Caution is { } caution)
                warn?.Invoke(caution);
            var result = experiment.Run(run.IsBegun, progress, stop.Token);
            foreach (var unreadable in result.Unreadable)
                warn?.Invoke($"skipped: {unreadable}");
            return new CellRecord(CellState.Finished, cell.Settings, result.Iterations, result.Last.Loss, result.Last.Scores.Values, Message: null);
        }
        catch (OperationCanceledException) when (stopped is not null)
        {
            return stopped;
        }
        catch (Exception e) when (!cancellationToken.IsCancellationRequested && e is not OperationCanceledException)
        {
            return Failed(cell, e);
        }
        finally
        {
            FreedMemory.Return();
        }
    }

    private CellRecord Failed(SweepCell cell, Exception e) => new(
        CellState.Failed, cell.Settings, LastValidation(folder.Run(cell))?.Iteration ?? 0, Loss: null, Measures: null,
        InputException.OneLine((e is OutOfMemoryException ? "out of memory" : e.Message.Split('\n', 2)[0].Trim().TrimEnd('.')) + cell.Experiment.NeedsOf(e) + Advice(e)));

    /// <summary>The record of a cell that stops by the rule of the sweep; null if it continues.</summary>
    private CellRecord? StopOf(SweepCell cell, (int Iteration, double Loss, IReadOnlyDictionary<string, double?> Measures)? last)
    {
        if (sweep.StopEarly is not { } rule || last is not var (iteration, loss, measures) || iteration >= cell.Experiment.Training.Schedule.TotalIterations)
            return null;
        double[] others = [.. sweep.Cells.Where(other => other != cell).Select(other => At(other, iteration, rule.Measure.Name)).OfType<double>()];
        return rule.Stops(iteration, measures.GetValueOrDefault(rule.Measure.Name), others)
            ? new CellRecord(CellState.Stopped, cell.Settings, iteration, loss, measures, $"{rule.Measure.Name} was worse than the median of {others.Length} other cells at step {iteration}")
            : null;
    }

    private double? At(SweepCell other, int iteration, string measure) => Validations(folder.Run(other)).LastOrDefault(entry => (int)entry["iteration"]! == iteration) is { } found
        ? Number(found[TrainingLog.ValidationGroup]![measure])
        : null;

    private static (int Iteration, double Loss, IReadOnlyDictionary<string, double?> Measures)? LastValidation(RunFolder run)
    {
        if (Validations(run).LastOrDefault() is not { } last)
            return null;
        var values = (JsonObject)last[TrainingLog.ValidationGroup]!;
        return ((int)last["iteration"]!, Number(values["loss"]) ?? double.NaN,
            new OrderedDictionary<string, double?>(values.Where(entry => entry.Key != "loss").Select(entry => KeyValuePair.Create(entry.Key, Number(entry.Value)))));
    }

    private static IEnumerable<JsonObject> Validations(RunFolder run) => TrainingLog.Read(run).Where(entry => entry.ContainsKey(TrainingLog.ValidationGroup));

    // NaN and infinity are written as text.
    private static double? Number(JsonNode? node) => node is not JsonValue value ? null
        : value.TryGetValue<double>(out var number) ? number
        : double.TryParse((string?)value, CultureInfo.InvariantCulture, out number) ? number : null;
}
