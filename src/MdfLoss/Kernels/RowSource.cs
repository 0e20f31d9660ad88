using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>A map of features whose rows are computed when they are read, from maps in memory.</summary>
/// <param name="height">The number of rows.</param>
/// <param name="width">The number of columns.</param>
/// <param name="channels">The number of channels.</param>
internal abstract unsafe class RowSource(int height, int width, int channels)
{
    /// <summary>The number of rows.</summary>
    public int Height { get; } = height;

    /// <summary>The number of columns.</summary>
    public int Width { get; } = width;

    /// <summary>The number of channels.</summary>
    public int Channels { get; } = channels;

    /// <summary>Computes part of a row.</summary>
    /// <param name="y">The row.</param>
    /// <param name="x">The first pixel of the part.</param>
    /// <param name="count">The number of pixels.</param>
    /// <param name="destination">The destination, with the channels of a pixel interleaved.</param>
    public abstract void Read(int y, int x, int count, float* destination);

    /// <summary>Computes a rectangle. Pixels of the rectangle outside the map are zero.</summary>
    /// <param name="top">The first row of the rectangle; may be negative.</param>
    /// <param name="left">The first column of the rectangle; may be negative.</param>
    /// <param name="rows">The number of rows of the rectangle.</param>
    /// <param name="columns">The number of columns of the rectangle.</param>
    /// <param name="destination">The destination, row by row without gaps.</param>
    public void ReadPatch(int top, int left, int rows, int columns, float* destination)
    {
        var length = columns * Channels;
        var from = Math.Clamp(-left, 0, columns);
        var to = Math.Clamp(Width - left, from, columns);
        for (var y = top; y < top + rows; y++, destination += length)
        {
            if (y < 0 || y >= Height || from == to)
            {
                new Span<float>(destination, length).Clear();
                continue;
            }

            new Span<float>(destination, from * Channels).Clear();
            Read(y, left + from, to - from, destination + from * Channels);
            new Span<float>(destination + to * Channels, (columns - to) * Channels).Clear();
        }
    }
}

/// <summary>The output of batch norm and leaky ReLU after a convolution: leaky(scale · z + shift).</summary>
/// <param name="z">The output of the convolution.</param>
/// <param name="height">The number of rows.</param>
/// <param name="width">The number of columns.</param>
/// <param name="scale">The scale, one value per channel.</param>
/// <param name="shift">The shift, one value per channel.</param>
/// <param name="slope">The factor for values that are not positive.</param>
internal sealed unsafe class ActivationRows<TLanes>(FeatureMap z, int height, int width, float* scale, float* shift, float slope)
    : RowSource(height, width, z.Channels)
    where TLanes : unmanaged, ILanes<TLanes>
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Read(int y, int x, int count, float* destination)
    {
        var source = z.At(y, x);
        nint channels = Channels;
        for (nint channel = 0; channel < channels; channel += TLanes.Count)
        {
            var (factor, summand, below) = (TLanes.Load(scale + channel), TLanes.Load(shift + channel), TLanes.Fill(slope));
            var (from, to) = (channel, channel);
            for (var i = 0; i < count; i++, from += channels, to += channels)
            {
                var value = TLanes.MultiplyAdd(factor, TLanes.Load(source + from), summand);
                TLanes.WherePositive(value, value, value * below).Store(destination + to);
            }
        }
    }
}

/// <summary>A sum of maps, each multiplied with a factor per channel, plus a constant per channel. The sum may be multiplied with the derivative of a leaky ReLU.</summary>
/// <param name="maps">Two to four maps of the same size.</param>
/// <param name="height">The number of rows.</param>
/// <param name="width">The number of columns.</param>
/// <param name="coefficients">The factors of the first map, the factors of the second map and so on, then the constants.</param>
/// <param name="mask">The derivative of the leaky ReLU; null for none.</param>
internal sealed unsafe class CombinedRows<TLanes>(FeatureMap[] maps, int height, int width, float* coefficients, LeakyReluMask? mask)
    : RowSource(height, width, maps[0].Channels)
    where TLanes : unmanaged, ILanes<TLanes>
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Read(int y, int x, int count, float* destination)
    {
        float* first = maps[0].At(y, x), second = maps[1].At(y, x);
        float* third = maps.Length > 2 ? maps[2].At(y, x) : null, fourth = maps.Length > 3 ? maps[3].At(y, x) : null;
        nint channels = Channels;
        for (nint channel = 0; channel < channels; channel += TLanes.Count)
        {
            var (a, b) = (TLanes.Load(coefficients + channel), TLanes.Load(coefficients + channels + channel));
            var constant = TLanes.Load(coefficients + maps.Length * channels + channel);
            var at = channel;
            switch (maps.Length)
            {
                case 2:
                    for (var i = 0; i < count; i++, at += channels)
                        TLanes.MultiplyAdd(a, TLanes.Load(first + at), TLanes.MultiplyAdd(b, TLanes.Load(second + at), constant)).Store(destination + at);
                    break;
                case 3:
                    var c = TLanes.Load(coefficients + 2 * channels + channel);
                    for (var i = 0; i < count; i++, at += channels)
                    {
                        TLanes.MultiplyAdd(a, TLanes.Load(first + at),
                            TLanes.MultiplyAdd(b, TLanes.Load(second + at), TLanes.MultiplyAdd(c, TLanes.Load(third + at), constant))).Store(destination + at);
                    }

                    break;
                default:
                    c = TLanes.Load(coefficients + 2 * channels + channel);
                    var d = TLanes.Load(coefficients + 3 * channels + channel);
                    for (var i = 0; i < count; i++, at += channels)
                    {
                        var half = TLanes.MultiplyAdd(c, TLanes.Load(third + at), TLanes.MultiplyAdd(d, TLanes.Load(fourth + at), constant));
                        TLanes.MultiplyAdd(a, TLanes.Load(first + at), TLanes.MultiplyAdd(b, TLanes.Load(second + at), half)).Store(destination + at);
                    }

                    break;
            }
        }

        if (mask is { } relu)
            relu.Apply<TLanes>(y, x, count, destination, channels);
    }
}
