using System.Diagnostics;
using System.Globalization;
using Mdf.Runtime;

namespace Mdf.Experiments.Sweeps;

/// <summary>
/// Runs the cells of a sweep in worker processes, several at once. A worker runs one cell after the other. If a worker is killed, its cell stays unfinished,
/// and a new worker takes the next cell.
/// </summary>
internal sealed class WorkerPool
{
    // Below this part of the machine's memory, the youngest of several workers stops, so that the system need not kill one.
    private const double LeastMemory = 0.04;

    private static readonly TimeSpan s_watch = TimeSpan.FromSeconds(1);

    private readonly Func<ProcessStartInfo> _start;
    private readonly Func<(long Available, long Total)?> _memory;
    private readonly Action<string> _warn;
    private readonly Lock _lock = new();
    private readonly LinkedList<SweepCell> _queue;
    private readonly Dictionary<int, WorkerMessage> _ended = [];
    private readonly Dictionary<int, long> _steps = [];
    private readonly HashSet<int> _elsewhere = [];
    private readonly List<Worker> _running = [];
    private readonly ProgressMeter _meter;
    private int _jobs;
    private int _active;
    private bool _isStopping;

    private WorkerPool(
        IReadOnlyList<SweepCell> cells, Func<ProcessStartInfo> start, int jobs, Action<string> warn, IProgress<ProgressUpdate>? progress, Func<(long Available, long Total)?>? memory)
    {
        (_queue, _start, _jobs, _active, _warn, _memory) = (new(cells), start, jobs, Math.Min(jobs, cells.Count), warn, memory ?? MachineMemory.Read);
        _meter = new ProgressMeter(progress, string.Create(CultureInfo.InvariantCulture, $"{cells.Count} {(cells.Count == 1 ? "cell" : "cells")}"), cells.Sum(StepsOf));
    }

    /// <summary>Whether to stop all cells after the first that fails.</summary>
    private bool FailFast { get; init; }

    /// <summary>Called when a cell has ended.</summary>
    private Action Ended { get; init; } = () => { };

    /// <summary>Runs cells.</summary>
    /// <param name="cells">The cells.</param>
    /// <param name="start">Creates the command of a worker.</param>
    /// <param name="jobs">The largest number of workers at once; at least 1.</param>
    /// <param name="failFast">Whether to stop all cells after the first that fails.</param>
    /// <param name="warn">Takes one line about each thing that was ignored.</param>
    /// <param name="progress">Takes a report for the steps of all cells.</param>
    /// <param name="cancellationToken">Stops all workers; they write checkpoints.</param>
    /// <param name="ended">Called when a cell has ended, on the thread that watches its worker.</param>
    /// <param name="memory">Returns the bytes of memory that are left, and in all. Default: those of this machine.</param>
    /// <returns>How the cells ended. A cell that was not started is not among them.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled, and all workers have ended.</exception>
    public static IReadOnlyList<WorkerMessage> Run(
        IReadOnlyList<SweepCell> cells, Func<ProcessStartInfo> start, int jobs, bool failFast, Action<string> warn, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken,
        Action? ended = null, Func<(long Available, long Total)?>? memory = null)
    {
        var pool = new WorkerPool(cells, start, jobs, warn, progress, memory) { FailFast = failFast, Ended = ended ?? (() => { }) };
        using var registration = cancellationToken.Register(pool.Stop);
        using var watch = new Timer(_ => pool.WatchMemory(), null, s_watch, s_watch);
        var threads = Enumerable.Range(0, pool._active).Select(_ => new Thread(pool.Work) { IsBackground = true }).ToArray();
        foreach (var thread in threads)
            thread.Start();
        foreach (var thread in threads)
            thread.Join();
        cancellationToken.ThrowIfCancellationRequested();
        return [.. pool._ended.Values.OrderBy(message => message.Cell)];
    }

    /// <summary>Runs cells with one worker at a time, until there are none, or too many workers for the memory.</summary>
    private void Work()
    {
        Worker? worker = null;
        try
        {
            while (Next() is { } cell)
            {
                worker ??= Start();
                if (worker is null)
                {
                    End(new WorkerMessage(cell.Index) { State = CellState.Unfinished, Message = "its process could not be started" });
                    continue;
                }

                if (worker.Run(cell, this) is { } end)
                {
                    // The process that runs it may be one that ends just now, because its sweep was killed.
                    if (end.IsElsewhere == true && IsFirst(cell))
                        Requeue(cell);
                    else
                        End(end);
                    if (!worker.IsStopped)
                        continue;
                }
                else if (worker.IsStopped && !_isStopping)
                {
                    Requeue(cell);
                }
                else
                {
                    End(new WorkerMessage(cell.Index) { State = CellState.Unfinished, Message = worker.HowItEnded() });
                }

                Remove(worker);
                worker = null;
            }
        }
        finally
        {
            if (worker is not null)
                Remove(worker);
        }
    }

    /// <summary>The next cell; null if this thread is to end.</summary>
    private SweepCell? Next()
    {
        lock (_lock)
        {
            if (_isStopping || _active > _jobs || _queue.First is not { } first)
            {
                _active--;
                return null;
            }

            _queue.RemoveFirst();
            return first.Value;
        }
    }

    private Worker? Start()
    {
        try
        {
            var worker = new Worker(Process.Start(_start())!, _warn);
            lock (_lock)
            {
                _running.Add(worker);
                if (_isStopping)
                    worker.Stop();
            }

            return worker;
        }
        catch (Exception e) when (e is System.ComponentModel.Win32Exception or InvalidOperationException)
        {
            _warn($"cannot start a worker: {e.Message}");
            return null;
        }
    }

    private void Remove(Worker worker)
    {
        lock (_lock)
            _running.Remove(worker);
        worker.Dispose();
    }

    private void End(WorkerMessage message)
    {
        lock (_lock)
        {
            _ended[message.Cell] = message;
            if (FailFast && message.State == CellState.Failed)
                Stop();
        }

        Ended();
    }

    /// <summary>Whether another process is found to run the cell for the first time.</summary>
    private bool IsFirst(SweepCell cell)
    {
        lock (_lock)
            return _elsewhere.Add(cell.Index);
    }

    private void Requeue(SweepCell cell)
    {
        lock (_lock)
            _queue.AddLast(cell);
    }

    private void Report(SweepCell cell, long step, double? loss)
    {
        lock (_lock)
        {
            _steps[cell.Index] = step;
            _meter.Report(_steps.Values.Sum(), [new ProgressValue("ended", _ended.Count), .. loss is { } value ? [new ProgressValue("loss", value)] : (ProgressValue[])[]]);
        }
    }

    private void Stop()
    {
        lock (_lock)
        {
            _isStopping = true;
            _running.ForEach(worker => worker.Stop());
        }
    }

    private void WatchMemory()
    {
        if (_memory() is not var (available, total) || available > LeastMemory * total)
            return;
        lock (_lock)
        {
            if (_isStopping || _running.Count < 2)
                return;
            _jobs = Math.Max(1, _running.Count - 1);
            if (_running[^1].IsStopped)
                return;
            _warn($"only {available >> 20} MB of memory are left: one cell waits, and {_jobs} {(_jobs == 1 ? "continues" : "continue")}");
            _running[^1].Stop();
        }
    }

    private static long StepsOf(SweepCell cell) => cell.Experiment.Training.Schedule.TotalIterations;

    /// <summary>A worker process.</summary>
    private sealed class Worker : IDisposable
    {
        private readonly Process _process;
        private readonly Thread _errors;
        private volatile SweepCell? _cell;

        public Worker(Process process, Action<string> warn)
        {
            _process = process;
            _errors = new Thread(() =>
            {
                while (process.StandardError.ReadLine() is { } line)
                    warn(_cell is { } cell ? $"{cell.Name}: {InputException.OneLine(line)}" : InputException.OneLine(line));
            })
            { IsBackground = true };
            _errors.Start();
        }

        /// <summary>Whether it was asked to stop.</summary>
        public bool IsStopped { get; private set; }

        /// <summary>Runs a cell.</summary>
        /// <returns>How the cell ended; null if the process ended first.</returns>
        public WorkerMessage? Run(SweepCell cell, WorkerPool pool)
        {
            _cell = cell;
            try
            {
                lock (_process)
                {
                    if (!IsStopped)
                        _process.StandardInput.WriteLine(cell.Index.ToString(CultureInfo.InvariantCulture));
                }
            }
            catch (IOException)
            {
                // The process has ended; its output ends, too.
            }

            while (_process.StandardOutput.ReadLine() is { } line)
            {
                if (WorkerMessage.Parse(line) is not { } message || message.Cell != cell.Index)
                    continue;
                if (message.Warning is { } warning)
                    pool._warn($"{cell.Name}: {warning}");
                if (message.Step is { } step)
                    pool.Report(cell, step, message.Loss);
                if (message.State is not { } state || IsStopped && state == CellState.Unfinished)
                    continue;
                pool.Report(cell, StepsOf(cell), null);
                return message;
            }

            return null;
        }

        /// <summary>Asks the process to write a checkpoint and to end. It need not wait for the end.</summary>
        public void Stop()
        {
            lock (_process)
            {
                IsStopped = true;
                try
                {
                    _process.StandardInput.Close();
                }
                catch (IOException)
                {
                    // The process has ended.
                }
            }
        }

        /// <summary>Describes how the process ended.</summary>
        public string HowItEnded()
        {
            _process.WaitForExit();
            return _process.ExitCode switch
            {
                > 128 and < 192 and var code => $"its process was ended by signal {code - 128}; run the same command again, and the cell continues where it was",
                var code => $"its process ended with code {code}; run the same command again, and the cell continues where it was",
            };
        }

        public void Dispose()
        {
            Stop();
            while (_process.StandardOutput.ReadLine() is not null)
            {
                // A process that waits for a reader would never end.
            }

            _process.WaitForExit();
            _errors.Join();
            _process.Dispose();
        }
    }
}
