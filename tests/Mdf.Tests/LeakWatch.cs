using System.Runtime.InteropServices;
using Mdf.Runtime;
using TorchSharp;

namespace Mdf.Tests;

/// <summary>
/// Watches work that reports its steps: the tensors of its thread and the native memory of the process must not grow from window to window.
/// </summary>
/// <remarks>
/// Resident memory would say how a machine warms up (threads, pages, the code that is compiled for its processor). This counts the bytes that are
/// allocated and not freed, as the C library knows them: libtorch's tensors, and whatever else libtorch, TorchSharp or another native library holds. While
/// it watches, libtorch and our kernels compute on one thread: each further thread keeps scratch memory, and gets it when its first piece of work comes.
/// So a class that uses it belongs in <see cref="OneAtATime"/>.
/// </remarks>
internal sealed partial class LeakWatch : IProgress<ProgressUpdate>, IDisposable
{
    private readonly int _first;
    private readonly int _window;
    private readonly int _threads = torch.get_num_threads();
    private readonly List<long> _tensors = [];
    private readonly List<long> _bytes = [];

    /// <summary>Starts to watch.</summary>
    /// <param name="first">The first step at which to count; some steps later than the start.</param>
    /// <param name="window">Steps from one count to the next.</param>
    public LeakWatch(int first, int window)
    {
        (_first, _window) = (first, window);
        torch.set_num_threads(1);
    }

    /// <summary>Whether the C library can say how many bytes are in use: GNU's since 2.33, unless another allocator is in its place.</summary>
    public static bool CountsBytes { get; } = SeesAnAllocation();

    public void Report(ProgressUpdate update)
    {
        if (update.Step < _first || (update.Step - _first) % _window != 0)
            return;
        _tensors.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        _bytes.Add(CountsBytes ? BytesInUse() : 0);
    }

    public void Dispose() => torch.set_num_threads(_threads);

    /// <summary>Fails if a window leaves a tensor, or three windows of four more bytes than permitted.</summary>
    /// <param name="windows">How many windows there must have been.</param>
    /// <param name="bytesPerStep">
    /// How many bytes a step may leave. What leaks does so in every window; a cache that fills does so in some, and the compiler, which comes back to
    /// methods that are used much, takes megabytes for a while and gives them back. So the lower quartile of many short windows counts.
    /// </param>
    public void AssertNothingIsLeft(int windows, double bytesPerStep)
    {
        Assert.Equal(windows + 1, _tensors.Count);
        Assert.All(_tensors, count => Assert.Equal(_tensors[0], count));
        var growth = _bytes.Zip(_bytes.Skip(1), (before, after) => (after - before) / (double)_window).ToArray();
        var found = $"bytes left per step, by window, in order of size: {string.Join(", ", growth.Order().Select(bytes => $"{bytes:F0}"))}";
        TestContext.Current.TestOutputHelper?.WriteLine(found);
        Assert.True(growth.Order().ElementAt(growth.Length / 4) <= bytesPerStep, found);
    }

    private static long BytesInUse()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        var state = ReadAllocator();
        return (long)(state.InUse + state.InUseMapped);
    }

    private static bool SeesAnAllocation()
    {
        if (!OperatingSystem.IsLinux())
            return false;
        const int size = 1 << 20;
        try
        {
            var before = BytesInUse();
            var allocated = Marshal.AllocHGlobal(size);
            var during = BytesInUse();
            Marshal.FreeHGlobal(allocated);
            return during - before >= size / 2;
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            return false;
        }
    }

    /// <summary>glibc's <c>struct mallinfo2</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    private readonly struct AllocatorState
    {
        private readonly nuint _arena;
        private readonly nuint _freeChunks;
        private readonly nuint _fastChunks;
        private readonly nuint _mappedBlocks;
        public readonly nuint InUseMapped;
        private readonly nuint _unused;
        private readonly nuint _fastFree;
        public readonly nuint InUse;
        private readonly nuint _free;
        private readonly nuint _top;
    }

    [LibraryImport("libc", EntryPoint = "mallinfo2")]
    private static partial AllocatorState ReadAllocator();
}
