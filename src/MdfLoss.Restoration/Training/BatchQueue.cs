using System.Threading.Channels;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Training;

/// <summary>A queue of the next batches. A separate thread prepares them while the network computes.</summary>
internal sealed class BatchQueue : IDisposable
{
    // Enough that the network need not wait for one slow batch. Each batch is a few megabytes.
    private const int Ahead = 3;

    private readonly Channel<TrainingBatch> _ready = Channel.CreateBounded<TrainingBatch>(Ahead);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _worker;

    /// <summary>Starts to prepare batches.</summary>
    /// <param name="sampler">The sampler that creates the batches.</param>
    /// <param name="first">The index of the first batch.</param>
    /// <param name="end">The index after the last batch.</param>
    public BatchQueue(PatchSampler sampler, long first, long end)
    {
        // From any thread, libtorch divides work among as many threads as there are processors. From this thread, it would take them from the network.
        // The number of threads is a setting per thread, but new threads take the number that was set last.
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

    /// <summary>Takes the next batch. The caller takes ownership of it.</summary>
    /// <exception cref="ChannelClosedException">No batch is left.</exception>
    public TrainingBatch Take()
    {
        try
        {
            return _ready.Reader.ReadAsync().AsTask().GetAwaiter().GetResult();
        }
        catch (ChannelClosedException e) when (e.InnerException is { } cause)
        {
            // Rethrow the exception of the other thread.
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Capture(cause).Throw();
            throw;
        }
    }

    /// <summary>Ends the thread and frees the prepared batches.</summary>
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
        // During a step, a core is idle now and then. That is enough for the next batch, as long as nothing waits for this thread.
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
