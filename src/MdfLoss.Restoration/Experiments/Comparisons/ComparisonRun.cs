using System.Diagnostics;
using System.Globalization;
using Mdf.Evaluation;
using Mdf.Experiments.Sweeps;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Experiments.Comparisons;

/// <summary>The two kinds of work that a worker process does with a cell.</summary>
internal enum CellWork
{
    /// <summary>Train the network.</summary>
    Train,

    /// <summary>Measure the trained network, and restore the pictures that are shown.</summary>
    Measure,
}

/// <summary>Runs a comparison: for each task, trains the networks and measures them in worker processes. Existing results are kept.</summary>
/// <param name="comparison">The comparison.</param>
/// <param name="path">The folder of the comparison.</param>
/// <param name="device">The device to compute on.</param>
internal sealed class ComparisonRun(Comparison comparison, string path, Device device)
{
    /// <summary>Creates the command of a worker process for a task.</summary>
    public required Func<ComparisonTask, CellWork, ProcessStartInfo> Worker { get; init; }

    /// <summary>The largest number of workers at once.</summary>
    public int Jobs { get; init; } = 1;

    /// <summary>Whether to run failed trainings again.</summary>
    public bool Retry { get; init; }

    /// <summary>Takes one line about each thing that was ignored, or that went wrong.</summary>
    public required Action<string> Warn { get; init; }

    /// <summary>The folder of a task.</summary>
    /// <param name="task">The task.</param>
    public ComparisonFolder FolderOf(ComparisonTask task) => new(path, task);

    /// <summary>Runs all tasks.</summary>
    /// <param name="progress">Takes a report for every step.</param>
    /// <param name="cancellationToken">Stops all workers; they write checkpoints.</param>
    /// <returns>Whether every network was trained and measured.</returns>
    /// <exception cref="InputException">A test set or a measure cannot be used, or a folder has results of other settings.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled, and all workers have ended.</exception>
    public bool Run(IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        // Everything is checked before anything is trained.
        foreach (var task in comparison.Tasks)
        {
            FolderOf(task).Sweep.Todo(task.Sweep, Retry);
            using var measurement = new Measurement(task, FolderOf(task), device, warn: null);
            foreach (var restorer in task.Restorers)
                measurement.Require(restorer);
        }

        var isWhole = true;
        for (var i = 0; i < comparison.Tasks.Count; i++)
            isWhole &= Run(comparison.Tasks[i], i, progress, cancellationToken);

        return isWhole;
    }

    private bool Run(ComparisonTask task, int order, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        var folder = FolderOf(task);
        folder.Sweep.Prepare();
        using var measurement = new Measurement(task, folder, device, Warn);
        set_num_threads(task.Sweep.Threads);
        var description = Describe(task, order, folder, measurement);
        if (!File.Exists(Path.Combine(folder.Path, TaskDescription.FileName)))
            description.Write(folder.Path); // for a report while networks are trained
        var isWhole = Finished(Work(task, CellWork.Train, folder.Sweep.Todo(task.Sweep, Retry), progress, cancellationToken));
        if (task.Sweep.Cells.Any(cell => folder.Sweep.Read(cell).State != CellState.Finished))
            isWhole = false;
        description.Write(folder.Path);
        measurement.WriteOriginals(cancellationToken);
        SweepCell[] unmeasured = [.. task.Sweep.Cells.Where(cell => folder.Sweep.Read(cell).State == CellState.Finished && !measurement.IsDone(cell))];
        isWhole &= Finished(Work(task, CellWork.Measure, unmeasured, progress, cancellationToken));
        foreach (var restorer in task.Restorers)
        {
            try
            {
                measurement.Measure(restorer, progress, cancellationToken);
            }
            catch (Exception e) when (e is InputException or IOException)
            {
                Warn($"{task.Id}: {restorer.Name}: {e.Message}");
                isWhole = false;
            }
        }

        return isWhole;

        bool Finished(IReadOnlyList<WorkerMessage> messages)
        {
            foreach (var message in messages.Where(message => message.State != CellState.Finished))
                Warn($"{task.Id}: {task.Sweep.Cells[message.Cell].Name}: {message.Message ?? SweepResults.Words(message.State ?? CellState.Unfinished)}");
            return messages.All(message => message.State == CellState.Finished);
        }
    }

    private IReadOnlyList<WorkerMessage> Work(ComparisonTask task, CellWork work, SweepCell[] cells, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken) => cells.Length == 0
        ? []
        : WorkerPool.Run(cells, () => Worker(task, work), Jobs, failFast: false, line => Warn($"{task.Id}: {line}"), progress is null ? null : new Named(task, work, progress), cancellationToken);

    private TaskDescription Describe(ComparisonTask task, int order, ComparisonFolder folder, Measurement measurement)
    {
        var first = task.Sweep.Cells[0].Experiment;
        return new TaskDescription(
            comparison.Title, comparison.About, order, task.Id, task.Title, first.Task,
            first.NetworkText,
            measurement.Sets, [.. measurement.Measures.Select(measure => measure.Name)], task.Baseline,
            [
                .. task.Sweep.Losses.Select(loss => new DescribedRow(loss.Name, loss.Expression, [.. task.Sweep.Cells.Where(cell => cell.Setting.Loss == loss)
                    .Select(cell => new DescribedResult(cell.Seed ?? cell.Experiment.Training.Seed, Relative(folder.Of(cell))))])),
                .. task.Restorers.Select(restorer => new DescribedRow(restorer.Name, null, [new DescribedResult(null, Relative(folder.Of(restorer)))], Restorers.Names.Find(restorer.Value.Split(':')[0]) is null ? Path.GetFileName(restorer.Value) : restorer.Value.Split(':')[0])),
            ],
            [.. measurement.Pictures.Select(picture => new DescribedPicture(picture, task.Gallery?.Credits.GetValueOrDefault(picture) ?? ""))],
            task.Gallery?.Size ?? GalleryPictures.DefaultSize, task.Sweep.Threads, measurement.Settings, measurement.PicturesSettings, TrainingOf(first));

        string Relative(ResultFolder result) => Path.GetRelativePath(folder.Path, result.Path).Replace('\\', '/');
    }

    /// <summary>The training in a few words. Of the data, only the names of the folders are said.</summary>
    private static string TrainingOf(Experiment experiment)
    {
        var schedule = experiment.Training.Schedule;
        var data = string.Join(" and ", experiment.TrainingFolders.Select(path => Path.GetFileName(Path.TrimEndingDirectorySeparator(path))));
        return string.Create(CultureInfo.InvariantCulture, $"{schedule.Iterations:N0} steps on {data}, batch {schedule.Batch}, patches of {experiment.Training.Sampling.Patch} pixels");
    }

    /// <summary>Puts the task before the stage of a report.</summary>
    private sealed class Named(ComparisonTask task, CellWork work, IProgress<ProgressUpdate> progress) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate value) =>
            progress.Report(value with { Stage = string.Create(CultureInfo.InvariantCulture, $"{task.Id}: {(work == CellWork.Train ? "train" : "measure")} {value.Stage}") });
    }
}
