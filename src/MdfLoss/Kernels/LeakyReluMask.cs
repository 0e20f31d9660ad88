using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>The derivative of a leaky ReLU behind a batch norm: 1 where scale · z + shift is positive, else the slope.</summary>
/// <param name="Z">What the convolution before the batch norm put out.</param>
/// <param name="Scale">A value for every channel.</param>
/// <param name="Shift">A value for every channel.</param>
/// <param name="Slope">The slope.</param>
internal readonly unsafe record struct LeakyReluMask(FeatureMap Z, nint Scale, nint Shift, float Slope)
{
    /// <summary>Multiplies part of a row with it.</summary>
    /// <param name="y">The row.</param>
    /// <param name="x">Its first pixel.</param>
    /// <param name="count">How many.</param>
    /// <param name="values">What is multiplied.</param>
    /// <param name="channels">Channels.</param>
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
