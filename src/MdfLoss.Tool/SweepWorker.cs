using System.Collections.Concurrent;
using System.Globalization;
using Mdf.Experiments.Sweeps;
using Mdf.Runtime;

namespace Mdf.Cli;

/// <summary>Does some work with a cell of a sweep.</summary>
/// <param name="cell">The cell.</param>
/// <param name="progress">Takes a report for every step.</param>
/// <param name="cancellationToken">Stops the work.</param>
/// <returns>How the cell has ended; null if another process runs it.</returns>
internal delegate CellRecord? CellAction(SweepCell cell, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken);

/// <summary>The process that runs cells of a sweep: it reads their numbers from standard input and writes <see cref="WorkerMessage"/>s.</summary>
internal static class SweepWorker
{
    /// <summary>Runs cells until the input ends or a signal comes.</summary>
    /// <param name="context">The streams and the cancellation.</param>
    /// <param name="sweep">The sweep.</param>
    /// <param name="input">The numbers of the cells, a line each.</param>
    /// <param name="create">Creates the function that runs cells; its argument takes warnings.</param>
    /// <returns>The exit code.</returns>
    public static int Run(CommandContext context, Sweep sweep, TextReader input, Func<Action<string>, CellAction> create)
    {
        using var cells = new BlockingCollection<SweepCell>();
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.Cancellation);
        var reader = new Thread(() =>
        {
            while (input.ReadLine() is { } line)
            {
                if (int.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out var index) && index < sweep.Cells.Count)
                    cells.Add(sweep.Cells[index]);
            }

            // The sweep has ended, or its process was killed.
            cells.CompleteAdding();
            ended.Cancel();
        })
        { IsBackground = true };
        reader.Start();
        SweepCell? current = null;
        var run = create(warning => Send(new WorkerMessage(current?.Index ?? -1) { Warning = warning }));
        try
        {
            while (cells.TryTake(out current, Timeout.Infinite, ended.Token))
                Send(Run(run, current, ended.Token));
        }
        catch (OperationCanceledException)
        {
            if (current is not null)
                Send(new WorkerMessage(current.Index) { State = CellState.Unfinished, Message = "it was interrupted" });
        }

        return CommandLine.Success;

        void Send(WorkerMessage message) => context.Line(message.ToLine());

        WorkerMessage Run(CellAction run, SweepCell cell, CancellationToken cancellationToken)
        {
            try
            {
                return WorkerMessage.Of(cell, run(cell, new Steps(cell, Send), cancellationToken));
            }
            catch (Exception e) when (e is InputException or IOException or UnauthorizedAccessException && !cancellationToken.IsCancellationRequested)
            {
                // Its folder cannot be used, so there is no record.
                return new WorkerMessage(cell.Index) { State = CellState.Failed, Message = InputException.OneLine(e.Message) };
            }
        }
    }

    /// <summary>Sends the steps of a training or measurement, at most a few a second.</summary>
    private sealed class Steps(SweepCell cell, Action<WorkerMessage> send) : IProgress<ProgressUpdate>
    {
        private static readonly TimeSpan s_interval = TimeSpan.FromMilliseconds(300);

        private long _last = TimeProvider.System.GetTimestamp();

        public void Report(ProgressUpdate value)
        {
            if (value.Stage is not ("training" or "measuring") || TimeProvider.System.GetElapsedTime(_last) < s_interval)
                return;
            _last = TimeProvider.System.GetTimestamp();
            // The measuring of a network counts as its training, so that cells with more steps have a larger part of the bar.
            var step = value.Stage == "training" ? value.Step : value.Step * cell.Experiment.Training.Schedule.TotalIterations / Math.Max(1, value.Total);
            send(new WorkerMessage(cell.Index) { Step = step, Loss = value.Values.Where(entry => entry.Name == "loss").Select(entry => (double?)entry.Value).FirstOrDefault() });
        }
    }
}
