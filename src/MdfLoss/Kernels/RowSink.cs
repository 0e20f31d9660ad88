using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>The destination of the rows that a kernel computes. It may change the values before it stores them, and it computes sums per channel.</summary>
/// <param name="destination">The map to write.</param>
/// <param name="sums">The number of sums per channel.</param>
internal abstract unsafe class RowSink(FeatureMap destination, int sums)
{
    /// <summary>The map to write.</summary>
    protected FeatureMap Destination { get; } = destination;

    /// <summary>The number of sums per channel.</summary>
    public int Sums { get; } = sums;

    /// <summary>Writes part of a row.</summary>
    /// <param name="y">The row.</param>
    /// <param name="x">The first pixel of the part.</param>
    /// <param name="count">The number of pixels.</param>
    /// <param name="values">The values; they may be changed in place.</param>
    /// <param name="totals">The sums, one after the other. The method adds to them.</param>
    public abstract void Write(int y, int x, int count, float* values, float* totals);
}

/// <summary>Writes the output of a convolution minus a value near its mean, so that float32 is precise enough for the statistics. Sums: z, z².</summary>
/// <param name="destination">The map z.</param>
/// <param name="center">The values to subtract, one per channel.</param>
internal sealed unsafe class CenteredSink<TLanes>(FeatureMap destination, float* center) : RowSink(destination, sums: 2)
    where TLanes : unmanaged, ILanes<TLanes>
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Write(int y, int x, int count, float* values, float* totals)
    {
        var to = Destination.At(y, x);
        nint channels = Destination.Channels;
        for (nint channel = 0; channel < channels; channel += TLanes.Count)
        {
            var middle = TLanes.Load(center + channel);
            var (sum, squares) = (TLanes.Load(totals + channel), TLanes.Load(totals + channels + channel));
            var at = channel;
            for (var i = 0; i < count; i++, at += channels)
            {
                var z = TLanes.Load(values + at) - middle;
                z.Store(to + at);
                sum += z;
                squares = TLanes.MultiplyAdd(z, z, squares);
            }

            sum.Store(totals + channel);
            squares.Store(totals + channels + channel);
        }
    }
}

/// <summary>Propagates the gradient of activations back through leaky ReLU, and writes it. Sums: dy, dy · z.</summary>
/// <param name="destination">The map dy.</param>
/// <param name="mask">The derivative of the leaky ReLU.</param>
internal sealed unsafe class MaskedSink<TLanes>(FeatureMap destination, LeakyReluMask mask) : RowSink(destination, sums: 2)
    where TLanes : unmanaged, ILanes<TLanes>
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Write(int y, int x, int count, float* values, float* totals)
    {
        float* to = Destination.At(y, x), z = mask.Z.At(y, x);
        nint channels = Destination.Channels;
        for (nint channel = 0; channel < channels; channel += TLanes.Count)
        {
            var (factor, summand, below) = (TLanes.Load((float*)mask.Scale + channel), TLanes.Load((float*)mask.Shift + channel), TLanes.Fill(mask.Slope));
            var (sum, products) = (TLanes.Load(totals + channel), TLanes.Load(totals + channels + channel));
            var at = channel;
            for (var i = 0; i < count; i++, at += channels)
            {
                var (value, input) = (TLanes.Load(values + at), TLanes.Load(z + at));
                value = TLanes.WherePositive(TLanes.MultiplyAdd(factor, input, summand), value, value * below);
                value.Store(to + at);
                sum += value;
                products = TLanes.MultiplyAdd(value, input, products);
            }

            sum.Store(totals + channel);
            products.Store(totals + channels + channel);
        }
    }
}

/// <summary>Writes values unchanged. Sums: v, v · z, v · p.</summary>
/// <param name="destination">The map v.</param>
/// <param name="z">The map z.</param>
/// <param name="p">The map p.</param>
internal sealed unsafe class CorrelatedSink<TLanes>(FeatureMap destination, FeatureMap z, FeatureMap p) : RowSink(destination, sums: 3)
    where TLanes : unmanaged, ILanes<TLanes>
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public override void Write(int y, int x, int count, float* values, float* totals)
    {
        float* to = Destination.At(y, x), first = z.At(y, x), second = p.At(y, x);
        nint channels = Destination.Channels;
        for (nint channel = 0; channel < channels; channel += TLanes.Count)
        {
            var (sum, withFirst) = (TLanes.Load(totals + channel), TLanes.Load(totals + channels + channel));
            var withSecond = TLanes.Load(totals + 2 * channels + channel);
            var at = channel;
            for (var i = 0; i < count; i++, at += channels)
            {
                var value = TLanes.Load(values + at);
                value.Store(to + at);
                sum += value;
                withFirst = TLanes.MultiplyAdd(value, TLanes.Load(first + at), withFirst);
                withSecond = TLanes.MultiplyAdd(value, TLanes.Load(second + at), withSecond);
            }

            sum.Store(totals + channel);
            withFirst.Store(totals + channels + channel);
            withSecond.Store(totals + 2 * channels + channel);
        }
    }
}
