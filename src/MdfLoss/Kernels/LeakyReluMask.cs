using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>The derivative of a leaky ReLU after a batch norm: 1 where scale · z + shift is positive, otherwise the slope.</summary>
/// <param name="Z">The output of the convolution before the batch norm.</param>
/// <param name="Scale">The scale, one value per channel.</param>
/// <param name="Shift">The shift, one value per channel.</param>
/// <param name="Slope">The slope.</param>
internal readonly unsafe record struct LeakyReluMask(FeatureMap Z, nint Scale, nint Shift, float Slope)
{
    /// <summary>Multiplies part of a row with the derivative.</summary>
    /// <param name="y">The row.</param>
    /// <param name="x">The first pixel of the part.</param>
    /// <param name="count">The number of pixels.</param>
    /// <param name="values">The values to multiply, in place.</param>
    /// <param name="channels">The number of channels.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Apply<TLanes>(int y, int x, int count, float* values, nint channels)
        where TLanes : unmanaged, ILanes<TLanes>
    {
        var z = Z.At(y, x);
        for (nint channel = 0; channel < channels; channel += TLanes.Count)
        {
            var (factor, summand) = (TLanes.Load((float*)Scale + channel), TLanes.Load((float*)Shift + channel));
            var below = TLanes.Fill(Slope);
            var at = channel;
            for (var i = 0; i < count; i++, at += channels)
            {
                var value = TLanes.Load(values + at);
                TLanes.WherePositive(TLanes.MultiplyAdd(factor, TLanes.Load(z + at), summand), value, value * below).Store(values + at);
            }
        }
    }
}
