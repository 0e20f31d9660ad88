using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>A map of features whose rows are computed when they are read, from others that lie in memory.</summary>
/// <param name="height">Rows.</param>
/// <param name="width">Columns.</param>
/// <param name="channels">Channels.</param>
internal abstract unsafe class RowSource(int height, int width, int channels)
{
    /// <summary>Rows.</summary>
    public int Height { get; } = height;

    /// <summary>Columns.</summary>
    public int Width { get; } = width;

    /// <summary>Channels.</summary>
    public int Channels { get; } = channels;

    /// <summary>Computes part of a row.</summary>
    /// <param name="y">The row.</param>
    /// <param name="x">Its first pixel.</param>
    /// <param name="count">How many.</param>
    /// <param name="destination">Where they go, the channels of a pixel side by side.</param>
    public abstract void Read(int y, int x, int count, float* destination);

    /// <summary>Computes a rectangle; what of it lies outside is zero.</summary>
    /// <param name="top">Its first row, may be negative.</param>
    /// <param name="left">Its first column, may be negative.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="destination">Where it goes, one row after the other.</param>
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

/// <summary>What batch norm and leaky ReLU make of what a convolution put out: leaky(scale · z + shift).</summary>
/// <param name="z">What the convolution put out.</param>
/// <param name="height">Rows.</param>
/// <param name="width">Columns.</param>
/// <param name="scale">A value for every channel.</param>
/// <param name="shift">A value for every channel.</param>
/// <param name="slope">What values that are not positive are multiplied with.</param>
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

/// <summary>A sum of maps, each multiplied channel by channel, plus a constant; perhaps led through the derivative of a leaky ReLU.</summary>
/// <param name="maps">Two to four maps of the same size.</param>
/// <param name="height">Rows.</param>
/// <param name="width">Columns.</param>
/// <param name="coefficients">The factors of the first map, of the second and so on, then the constants.</param>
/// <param name="mask">The leaky ReLU, if any.</param>
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
