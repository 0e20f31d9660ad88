using System.Runtime.InteropServices;

namespace Mdf.Kernels;

/// <summary>A buffer of floats outside the managed heap, set to zero and aligned to cache lines.</summary>
internal sealed unsafe class NativeBuffer : IDisposable
{
    private const int Alignment = 64;

    // The extra floats at the end: a vector, or the rounded-up rows of a matrix product, may reach beyond the requested length.
    private const long Slack = 4096;

    /// <summary>Allocates a buffer.</summary>
    /// <param name="length">The number of floats.</param>
    public NativeBuffer(long length)
    {
        Length = length + Slack;
        var bytes = (nuint)Length * sizeof(float);
        Pointer = (float*)NativeMemory.AlignedAlloc(bytes, Alignment);
        NativeMemory.Clear(Pointer, bytes);
        GC.AddMemoryPressure((long)bytes);
    }

    /// <summary>Frees a buffer that was not disposed.</summary>
    ~NativeBuffer() => Free();

    /// <summary>The first float.</summary>
    public float* Pointer { get; private set; }

    /// <summary>The number of floats, including the extra floats.</summary>
    public long Length { get; }

    /// <summary>All floats of the buffer, if it is not too long for a span.</summary>
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
