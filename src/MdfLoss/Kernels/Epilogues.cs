using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>An operation on the output of a convolution before it is stored, with one operand per channel.</summary>
internal unsafe interface IEpilogue<TLanes>
    where TLanes : unmanaged, ILanes<TLanes>
{
    /// <summary>The distance from the operand of one pixel to the operand of the next pixel in the row, in floats.</summary>
    nint OperandStep { get; }

    /// <summary>The operand of the first channel of a pixel.</summary>
    /// <param name="y">The row of the pixel in the output.</param>
    /// <param name="x">The column of the pixel in the output.</param>
    float* OperandAt(int y, int x);

    /// <summary>Applies the operation to one vector of channels.</summary>
    /// <param name="value">The output of the convolution.</param>
    /// <param name="operand">The operands of the channels.</param>
    TLanes Apply(TLanes value, TLanes operand);
}

/// <summary>Adds the bias, then applies leaky ReLU.</summary>
/// <param name="bias">The bias, one value per channel.</param>
/// <param name="slope">The factor for values that are not positive.</param>
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
        return value * LeakyReluDerivative<TLanes>.At(value, slope);
    }
}

/// <summary>Multiplies a gradient with the derivative of a leaky ReLU. The sign of the leaky ReLU's output determines the derivative.</summary>
/// <param name="activations">The output of the leaky ReLU, pixel for pixel.</param>
/// <param name="slope">The slope of the leaky ReLU below zero.</param>
internal readonly unsafe struct LeakyReluDerivative<TLanes>(FeatureMap activations, float slope) : IEpilogue<TLanes>
    where TLanes : unmanaged, ILanes<TLanes>
{
    /// <inheritdoc/>
    public nint OperandStep => activations.Channels;

    /// <summary>The derivative: 1 where a value is positive, otherwise the slope, as in PyTorch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TLanes At(TLanes value, float slope) => TLanes.WherePositive(value, TLanes.Fill(1), TLanes.Fill(slope));

    /// <inheritdoc/>
    public float* OperandAt(int y, int x) => activations.At(y, x);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TLanes Apply(TLanes value, TLanes operand) => value * At(operand, slope);
}
