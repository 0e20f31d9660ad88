using System.Threading.Channels;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Training;

/// <summary>Has the next batches ready: a thread of its own prepares them while the network computes.</summary>
internal sealed class BatchQueue : IDisposable
{
    // Enough that one slow batch is not waited for; each is a few megabytes.
    private const int Ahead = 3;

    private readonly Channel<TrainingBatch> _ready = Channel.CreateBounded<TrainingBatch>(Ahead);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _worker;

    /// <summary>Starts to prepare batches.</summary>
    /// <param name="sampler">Makes them.</param>
    /// <param name="first">The index of the first.</param>
    /// <param name="end">The index behind the last.</param>
    public BatchQueue(PatchSampler sampler, long first, long end)
    {
        // libtorch shares work out among as many threads as there are processors, from any thread: from this one it would take them from the network.
        // The number is a thread's own, but new threads take the one that was set last.
        var threads = get_num_threads();
        using var started = new ManualResetEventSlim();
        _worker = Task.Factory.StartNew(
            () =>
            {
                set_num_threads(1);
                started.Set();
                Work(sampler, first, end);
            }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        started.Wait();
        set_num_threads(threads);
    }

    /// <summary>The next batch, which belongs to the caller.</summary>
    /// <exception cref="ChannelClosedException">There is none left.</exception>
    public TrainingBatch Take()
    {
        try
        {
            return _ready.Reader.ReadAsync().AsTask().GetAwaiter().GetResult();
        }
        catch (ChannelClosedException e) when (e.InnerException is { } cause)
        {
            // What went wrong on the other thread, as it was thrown there.
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Capture(cause).Throw();
            throw;
        }
    }

    /// <summary>Ends the thread and frees what it has prepared.</summary>
    public void Dispose()
    {
        _stop.Cancel();
        _worker.GetAwaiter().GetResult();
        while (_ready.Reader.TryRead(out var batch))
            batch.Dispose();
        _stop.Dispose();
    }

    private void Work(PatchSampler sampler, long first, long end)
    {
        // A step leaves a core idle here and there: enough for the next batch, as long as nothing waits for this thread's share of it.
        BackgroundWork.StandBack();
        try
        {
            for (var index = first; index < end; index++)
            {
                var batch = sampler.Sample(index);
                try
                {
                    _ready.Writer.WriteAsync(batch, _stop.Token).AsTask().GetAwaiter().GetResult();
                }
                catch (OperationCanceledException)
                {
                    batch.Dispose();
                    break;
                }
            }

            _ready.Writer.Complete();
        }
        catch (Exception e)
        {
            _ready.Writer.Complete(e);
        }
    }
}
