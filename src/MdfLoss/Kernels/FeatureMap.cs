using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>Where the values of an image or of a layer's features lie: rows of pixels, the channels of a pixel side by side.</summary>
/// <param name="origin">The first channel of the pixel (0, 0).</param>
/// <param name="stride">How many pixels one row lies behind the other.</param>
/// <param name="channels">Channels of a pixel.</param>
internal readonly unsafe struct FeatureMap(float* origin, int stride, int channels)
{
    /// <summary>How many floats apart the pixels of an image with three channels lie where four are easier to work with; the last is left over.</summary>
    public const int PaddedChannels = 4;

    /// <summary>How many pixels one row lies behind the other.</summary>
    public int Stride { get; } = stride;

    /// <summary>Channels of a pixel.</summary>
    public int Channels { get; } = channels;

    /// <summary>How many floats one row lies behind the other.</summary>
    public nint RowLength => (nint)Stride * Channels;

    /// <summary>The first channel of a pixel.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* At(int y, int x) => origin + ((nint)y * Stride + x) * Channels;

    /// <summary>The same memory seen from another pixel.</summary>
    public FeatureMap From(int y, int x) => new(At(y, x), Stride, Channels);

    /// <summary>Sets to zero what surrounds a rectangle, so that kernels may read beyond it.</summary>
    /// <param name="height">Rows of the rectangle, whose first pixel is (<paramref name="border"/>, <paramref name="border"/>).</param>
    /// <param name="width">Its columns.</param>
    /// <param name="border">Rows above it and columns to its left.</param>
    /// <param name="rows">All rows that may be read.</param>
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
