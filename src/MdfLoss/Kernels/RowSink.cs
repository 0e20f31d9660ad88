using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>Where the rows go that a kernel computes: changed on their way, and summed up channel by channel.</summary>
/// <param name="destination">The map that is written.</param>
/// <param name="sums">How many sums are made of each channel.</param>
internal abstract unsafe class RowSink(FeatureMap destination, int sums)
{
    /// <summary>The map that is written.</summary>
    protected FeatureMap Destination { get; } = destination;

    /// <summary>How many sums are made of each channel.</summary>
    public int Sums { get; } = sums;

    /// <summary>Takes part of a row.</summary>
    /// <param name="y">The row.</param>
    /// <param name="x">Its first pixel.</param>
    /// <param name="count">How many.</param>
    /// <param name="values">The values; they may be changed.</param>
    /// <param name="totals">The sums, one after the other, to which is added.</param>
    public abstract void Write(int y, int x, int count, float* values, float* totals);
}

/// <summary>Takes what a convolution put out, less a value near its mean, so that float32 is exact where it matters. Sums: z, z².</summary>
/// <param name="destination">z.</param>
/// <param name="center">What is subtracted from each channel.</param>
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

/// <summary>Takes the gradient of activations, and leads it back through leaky ReLU. Sums: dy, dy · z.</summary>
/// <param name="destination">dy.</param>
/// <param name="mask">The leaky ReLU.</param>
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

/// <summary>Takes values as they are. Sums: v, v · z, v · p.</summary>
/// <param name="destination">v.</param>
/// <param name="z">A map.</param>
/// <param name="p">Another.</param>
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
