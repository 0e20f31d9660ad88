using System.Runtime.InteropServices;

namespace Mdf.Kernels;

/// <summary>Zeroed floats outside of the managed heap, aligned to cache lines.</summary>
internal sealed unsafe class NativeBuffer : IDisposable
{
    private const int Alignment = 64;

    // How far a vector, or the rows that a matrix product rounds up to, may reach beyond what was asked for.
    private const long Slack = 4096;

    /// <summary>Allocates.</summary>
    /// <param name="length">How many floats.</param>
    public NativeBuffer(long length)
    {
        Length = length + Slack;
        var bytes = (nuint)Length * sizeof(float);
        Pointer = (float*)NativeMemory.AlignedAlloc(bytes, Alignment);
        NativeMemory.Clear(Pointer, bytes);
        GC.AddMemoryPressure((long)bytes);
    }

    /// <summary>Frees what was not disposed of.</summary>
    ~NativeBuffer() => Free();

    /// <summary>The first float.</summary>
    public float* Pointer { get; private set; }

    /// <summary>How many floats there are, slack included.</summary>
    public long Length { get; }

    /// <summary>All floats of a buffer that is not too long for a span.</summary>
    public Span<float> Span => new(Pointer, checked((int)Length));

    /// <inheritdoc/>
    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private void Free()
    {
        if (Pointer is null)
            return;
        NativeMemory.AlignedFree(Pointer);
        GC.RemoveMemoryPressure(Length * sizeof(float));
        Pointer = null;
    }
}
