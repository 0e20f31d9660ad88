using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>The memory layout of an image or of the features of a layer: rows of pixels, with the channels of a pixel interleaved.</summary>
/// <param name="origin">The first channel of the pixel (0, 0).</param>
/// <param name="stride">The distance between two rows, in pixels.</param>
/// <param name="channels">The number of channels of a pixel.</param>
internal readonly unsafe struct FeatureMap(float* origin, int stride, int channels)
{
    /// <summary>The number of floats per pixel of an image with three channels, for kernels in which four are easier. The fourth is padding.</summary>
    public const int PaddedChannels = 4;

    /// <summary>The distance between two rows, in pixels.</summary>
    public int Stride { get; } = stride;

    /// <summary>The number of channels of a pixel.</summary>
    public int Channels { get; } = channels;

    /// <summary>The distance between two rows, in floats.</summary>
    public nint RowLength => (nint)Stride * Channels;

    /// <summary>The first channel of a pixel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* At(int y, int x) => origin + ((nint)y * Stride + x) * Channels;

    /// <summary>The same memory, with another pixel as the origin.</summary>
    public FeatureMap From(int y, int x) => new(At(y, x), Stride, Channels);

    /// <summary>Sets the surroundings of a rectangle to zero, so that kernels may read beyond the rectangle.</summary>
    /// <param name="height">The number of rows of the rectangle. Its first pixel is (<paramref name="border"/>, <paramref name="border"/>).</param>
    /// <param name="width">The number of columns of the rectangle.</param>
    /// <param name="border">The number of rows above the rectangle, and of columns to its left.</param>
    /// <param name="rows">The number of all rows that may be read.</param>
    public void ClearAround(int height, int width, int border, int rows)
    {
        ClearRows(0, border);
        for (var y = border; y < border + height; y++)
        {
            new Span<float>(At(y, 0), border * Channels).Clear();
            new Span<float>(At(y, border + width), (Stride - border - width) * Channels).Clear();
        }

        ClearRows(border + height, rows);
    }

    private void ClearRows(int from, int to)
    {
        for (var y = from; y < to; y++)
            new Span<float>(At(y, 0), Stride * Channels).Clear();
    }
}
