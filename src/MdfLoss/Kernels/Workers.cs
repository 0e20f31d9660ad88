namespace Mdf.Kernels;

/// <summary>Threads that share the units of one piece of work after the other, each with scratch memory of its own.</summary>
internal sealed class Workers : IDisposable
{
    private readonly ParallelOptions _options;
    private readonly ConvolutionScratch[] _scratch;

    /// <summary>Allocates.</summary>
    /// <param name="count">How many threads; at least 1.</param>
    /// <param name="scratch">Makes the memory of one.</param>
    public Workers(int count, Func<ConvolutionScratch> scratch)
    {
        _options = new ParallelOptions { MaxDegreeOfParallelism = count };
        _scratch = [.. Enumerable.Range(0, count).Select(_ => scratch())];
    }

    /// <summary>How many threads there are.</summary>
    public int Count => _scratch.Length;

    /// <summary>The first thread's memory, for work that is not shared.</summary>
    public ConvolutionScratch Scratch => _scratch[0];

    /// <summary>Whoever is free takes the next unit.</summary>
    /// <param name="units">How many units there are.</param>
    /// <param name="work">Does one; the result must not depend on which thread does.</param>
    public void Share(int units, Action<int, ConvolutionScratch> work)
    {
        if (Count == 1 || units == 1)
        {
            for (var i = 0; i < units; i++)
                work(i, Scratch);
            return;
        }

        var next = -1;
        Parallel.For(0, Count, _options, worker =>
        {
            for (var i = Interlocked.Increment(ref next); i < units; i = Interlocked.Increment(ref next))
                work(i, _scratch[worker]);
        });
    }

    /// <summary>Every thread takes an equal part, always the same: for sums that each makes for itself.</summary>
    /// <param name="units">How many units there are.</param>
    /// <param name="work">Does one; told which part it belongs to.</param>
    public void Divide(int units, Action<int, int, ConvolutionScratch> work) => Parallel.For(0, Count, _options, part =>
    {
        for (var i = (int)((long)units * part / Count); i < (int)((long)units * (part + 1) / Count); i++)
            work(i, part, _scratch[part]);
    });

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var scratch in _scratch)
            scratch.Dispose();
    }
}
