namespace Mdf.Kernels;

/// <summary>Threads that divide the units of a piece of work among themselves. Each thread has its own scratch memory.</summary>
internal sealed class Workers : IDisposable
{
    private readonly ParallelOptions _options;
    private readonly ConvolutionScratch[] _scratch;

    /// <summary>Allocates the scratch memory of the threads.</summary>
    /// <param name="count">The number of threads; at least 1.</param>
    /// <param name="scratch">Creates the scratch memory of one thread.</param>
    public Workers(int count, Func<ConvolutionScratch> scratch)
    {
        _options = new ParallelOptions { MaxDegreeOfParallelism = count };
        _scratch = [.. Enumerable.Range(0, count).Select(_ => scratch())];
    }

    /// <summary>The number of threads.</summary>
    public int Count => _scratch.Length;

    /// <summary>The scratch memory of the first thread, for work that is not divided.</summary>
    public ConvolutionScratch Scratch => _scratch[0];

    /// <summary>Runs units of work. Each idle thread takes the next unit.</summary>
    /// <param name="units">The number of units.</param>
    /// <param name="work">Runs one unit. Its result must not depend on the thread.</param>
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

    /// <summary>Runs units of work. Every thread takes an equal and fixed part. Use it for sums that each thread computes separately.</summary>
    /// <param name="units">The number of units.</param>
    /// <param name="work">Runs one unit; its arguments are the unit, the part and the scratch memory of the part's thread.</param>
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
