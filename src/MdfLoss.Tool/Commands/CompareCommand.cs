using System.CommandLine;
using System.Diagnostics;
using Mdf.Experiments.Comparisons;
using Mdf.Experiments.Sweeps;
using Mdf.Runtime;
using TorchSharp;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf compare</c>: trains networks with different losses, measures them, and shows them side by side.</summary>
internal sealed class CompareCommand : MdfCommand
{
    private readonly Argument<string> _comparison = new("comparison") { Description = "the comparison file (docs/compare.md): tasks, losses, seeds, test sets, and pictures to show" };

    private readonly Option<string?> _output = new("--output", "-o") { Description = "the folder of the comparison [default: runs/ and the name of the file]", HelpName = "folder" };

    private readonly Option<int> _jobs = CommonOptions.Jobs("networks to train or measure");

    private readonly Option<bool> _retry = new("--retry") { Description = "run failed trainings again" };

    private readonly Option<bool> _dryRun = new("--dry-run") { Description = "list the trainings, with the estimated time of each from a few measured steps, and train nothing" };

    private readonly Option<ComputeDevice> _device = CommonOptions.Device();

    // A worker reads the numbers of its cells from standard input (WorkerMessage).
    private readonly Option<string?> _worker = new("--worker") { Hidden = true };

    private readonly Option<string?> _work = new("--work") { Hidden = true };

    public CompareCommand()
        : base(
            "compare",
            "Trains networks with different losses for one or more tasks, measures them on test sets, and makes a page that shows them side by side. Run again, it does what is missing.",
            new Example("compare experiments/cpu/matrix.yaml --jobs 2", "compare losses, two networks at once"),
            new Example("compare mine.yaml --dry-run", "list the trainings, and how long they will take"),
            new Example("compare mine.yaml -o runs/mine", "write to another folder"))
    {
        Arguments.Add(_comparison);
        foreach (var option in new Option[] { _output, _jobs, _retry, _dryRun, _device, _worker, _work })
            Options.Add(option);
    }

    /// <inheritdoc/>
    public override int Run(CommandContext context)
    {
        var comparison = Comparison.Load(context.Get(_comparison));
        var folder = context.Get(_output) ?? Comparison.DefaultFolder(context.Get(_comparison));
        if (context.Get(_worker) is { } id)
            return RunWorker(context, comparison, folder, id);
        NativeLibraries.Load();
        torch.set_num_threads(comparison.Tasks[0].Sweep.Threads);
        var device = context.Get(_device).Resolve();
        if (context.Get(_dryRun))
        {
            return DryRun.List(
                context, comparison.Title,
                [.. comparison.Tasks.SelectMany(task => task.Sweep.Cells.Select(cell => ((string?)task.Id, cell, new ComparisonFolder(folder, task).Sweep.Read(cell).State)))], new SweepEstimate(device));
        }

        context.WarnOfSubfolders(comparison.Tasks.SelectMany(task => task.Sweep.Cells).SelectMany(cell => cell.Experiment.TrainingFolders).Distinct());
        var run = new ComparisonRun(comparison, folder, device)
        {
            Worker = (task, work) => Worker(context, folder, task, work),
            Jobs = context.Get(_jobs),
            Retry = context.Get(_retry),
            Warn = context.Warn,
        };
        try
        {
            var isWhole = context.WithProgress(progress => run.Run(progress, context.Cancellation));
            // Not the whole folder: it may have results of tasks that the file no longer names.
            ReportCommand.Write(context, [.. comparison.Tasks.Select(task => run.FolderOf(task).Path)], Path.Combine(folder, "site"), device);
            return isWhole ? CommandLine.Success : CommandLine.Failure;
        }
        catch (OperationCanceledException e)
        {
            throw new RunInterruptedException("what has ended is kept: run the same command again", folder, e);
        }
    }

    /// <summary>Trains or measures networks of one task, as the main process asks.</summary>
    private int RunWorker(CommandContext context, Comparison comparison, string folder, string id)
    {
        var task = comparison.Tasks.FirstOrDefault(task => task.Id == id) ?? throw new InputException($"the comparison has no task {Untrusted.Quote(id)}");
        var results = new ComparisonFolder(folder, task);
        NativeLibraries.Load();
        torch.set_num_threads(task.Sweep.Threads);
        var device = context.Get(_device).Resolve();
        return SweepWorker.Run(context, task.Sweep, Console.In, warn =>
        {
            if (context.Get(_work) == nameof(CellWork.Train))
                return new CellRun(task.Sweep, results.Sweep, device, warn) { Retry = context.Get(_retry), Advice = error => Advice.For(error, Name) }.Run;
            var measurement = new Measurement(task, results, device, warn: null);
            return (cell, progress, cancellationToken) =>
            {
                measurement.Measure(cell, progress, cancellationToken);
                return results.Sweep.Read(cell).Record;
            };
        });
    }

    private ProcessStartInfo Worker(CommandContext context, string folder, ComparisonTask task, CellWork work) => ThisProgram.Start([
        Name, context.Get(_comparison), _output.Name, folder, _worker.Name, task.Id, _work.Name, work.ToString(), .. context.Get(_retry) ? [_retry.Name] : (string[])[],
        .. new[] { _device, context.OfAll(Plugins.Name), context.OfAll(CommonOptions.Libtorch) }.SelectMany(context.Typed)]);
}
