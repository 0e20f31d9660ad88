using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>What happens to the values that a convolution computed, before they are stored: something with an operand of each channel.</summary>
internal unsafe interface IEpilogue<TLanes>
    where TLanes : unmanaged, ILanes<TLanes>
{
    /// <summary>From the operand of one pixel to that of the next in its row, in floats.</summary>
    nint OperandStep { get; }

    /// <summary>The operand of a pixel's first channel.</summary>
    /// <param name="y">The pixel's row in the output.</param>
    /// <param name="x">Its column.</param>
    float* OperandAt(int y, int x);

    /// <summary>Changes as many channels as a vector has lanes.</summary>
    /// <param name="value">What the convolution computed.</param>
    /// <param name="operand">Their operand.</param>
    TLanes Apply(TLanes value, TLanes operand);
}

/// <summary>Adds the bias, then leaky ReLU.</summary>
/// <param name="bias">A value for every channel.</param>
/// <param name="slope">What values that are not positive are multiplied with.</param>
internal readonly unsafe struct BiasAndLeakyRelu<TLanes>(float* bias, float slope) : IEpilogue<TLanes>
    where TLanes : unmanaged, ILanes<TLanes>
{
    /// <inheritdoc/>
    public nint OperandStep => 0;

    /// <inheritdoc/>
    public float* OperandAt(int y, int x) => bias;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TLanes Apply(TLanes value, TLanes operand)
    {
        value += operand;
        return value * LeakyReluDerivative<TLanes>.Of(value, slope);
    }
}

/// <summary>Multiplies a gradient with the derivative of the leaky ReLU that it passes, which the sign of its output tells.</summary>
/// <param name="activations">What the leaky ReLU put out, pixel for pixel.</param>
/// <param name="slope">Its slope below zero.</param>
internal readonly unsafe struct LeakyReluDerivative<TLanes>(FeatureMap activations, float slope) : IEpilogue<TLanes>
    where TLanes : unmanaged, ILanes<TLanes>
{
    /// <inheritdoc/>
    public nint OperandStep => activations.Channels;

    /// <summary>1 where a value is positive, else the slope, as in PyTorch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes Of(TLanes value, float slope) => TLanes.WherePositive(value, TLanes.Fill(1), TLanes.Fill(slope));

    /// <inheritdoc/>
    public float* OperandAt(int y, int x) => activations.At(y, x);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TLanes Apply(TLanes value, TLanes operand) => value * Of(operand, slope);
}
