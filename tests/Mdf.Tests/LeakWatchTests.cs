using Mdf.Runtime;
using TorchSharp;
using Xunit.Sdk;
using static TorchSharp.torch;

namespace Mdf.Tests;

/// <summary>That the watch sees what it is there for.</summary>
[Collection(nameof(OneAtATime))]
public sealed class LeakWatchTests
{
    // Many windows: in some of them the compiler gives back megabytes.
    private const int Steps = 205;

    [Fact]
    public void Work_that_frees_what_it_makes_leaves_nothing() => Watch(_ =>
    {
        using var scope = NewDisposeScope();
        Assert.Equal(1000, ones(1000).exp().NumberOfElements);
    });

    [Fact]
    public unsafe void Native_memory_that_is_no_tensor_is_seen()
    {
        Assert.SkipUnless(LeakWatch.CountsBytes, "this C library does not count the bytes in use");
        var left = new nint[Steps];
        try
        {
            Assert.Contains("bytes left per step", Assert.ThrowsAny<XunitException>(() =>
                Watch(step => left[step] = (nint)System.Runtime.InteropServices.NativeMemory.Alloc(2000))).Message);
        }
        finally
        {
            foreach (var pointer in left)
                System.Runtime.InteropServices.NativeMemory.Free((void*)pointer);
        }
    }

    [Fact]
    public void A_number_of_torchsharps_that_is_never_freed_is_seen()
    {
        Assert.SkipUnless(LeakWatch.CountsBytes, "this C library does not count the bytes in use");
        var left = new List<Scalar>();
        Assert.ThrowsAny<XunitException>(() => Watch(_ => left.AddRange(Enumerable.Range(0, 100).Select(number => number.ToScalar()))));
        left.ForEach(number => number.Dispose());
    }

    [Fact]
    public void A_tensor_that_is_never_freed_is_seen()
    {
        var left = new List<Tensor>();
        Assert.ThrowsAny<XunitException>(() => Watch(_ => left.Add(ones(1))));
        left.ForEach(tensor => tensor.Dispose());
    }

    private static void Watch(Action<int> work)
    {
        using var watch = new LeakWatch(first: 5, window: 5);
        var meter = new ProgressMeter(watch, "steps", Steps);
        for (var step = 0; step < Steps; step++)
        {
            work(step);
            meter.Report(step + 1);
        }

        watch.AssertNothingIsLeft(windows: 40, bytesPerStep: 1000);
    }
}
