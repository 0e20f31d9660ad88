using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Mdf.Kernels;

/// <summary>Adds the bias, then leaky ReLU.</summary>
/// <param name="bias">A value for every channel.</param>
/// <param name="slope">What values that are not positive are multiplied with.</param>
internal readonly unsafe struct BiasAndLeakyRelu(float* bias, float slope) : IEpilogue
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<float> Apply(Vector256<float> value, int y, int x, int channel)
    {
        value += Vector256.Load(bias + channel);
        return value * LeakyReluDerivative.Of(value, slope);
    }
}

/// <summary>Multiplies a gradient with the derivative of the leaky ReLU that it passes, which the sign of its output tells.</summary>
/// <param name="activations">What the leaky ReLU put out, pixel for pixel.</param>
/// <param name="slope">Its slope below zero.</param>
internal readonly unsafe struct LeakyReluDerivative(FeatureMap activations, float slope) : IEpilogue
{
    /// <summary>1 where a value is positive, else the slope, as in PyTorch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> Of(Vector256<float> value, float slope) => Vector256.ConditionalSelect(
        Vector256.GreaterThan(value, Vector256<float>.Zero), Vector256<float>.One, Vector256.Create(slope));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Vector256<float> Apply(Vector256<float> value, int y, int x, int channel) =>
        value * Of(Vector256.Load(activations.At(y, x) + channel), slope);
}
