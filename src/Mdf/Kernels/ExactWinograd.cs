using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Mdf.Kernels;

/// <summary>
/// F(2×2, 3×3): 2.25 times fewer multiplications than the definition, and as exact as that in float32. For the forward pass, where a
/// rounding error can move a value across leaky ReLU's kink.
/// </summary>
internal readonly unsafe struct ExactWinograd : IWinogradTransform
{
    private const int Lanes = 8;

    /// <inheritdoc/>
    public static int Outputs => 2;

    /// <inheritdoc/>
    public static ReadOnlySpan<double> Weights =>
    [
        1, 0, 0,
        0.5, 0.5, 0.5,
        0.5, -0.5, 0.5,
        0, 0, 1,
    ];

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Input(float* source, nint row, nint pixel, float* destination, nint position, float* scratch)
    {
        // Each row of Bᵀ combines two rows of inputs, so nothing leaves the registers in between.
        var (row0, row1, row2, row3) = (new Inputs(source, pixel), new Inputs(source + row, pixel), new Inputs(source + 2 * row, pixel), new Inputs(source + 3 * row, pixel));
        Row(row0[0] - row2[0], row0[1] - row2[1], row0[2] - row2[2], row0[3] - row2[3], destination, position);
        Row(row1[0] + row2[0], row1[1] + row2[1], row1[2] + row2[2], row1[3] + row2[3], destination + 4 * position, position);
        Row(row2[0] - row1[0], row2[1] - row1[1], row2[2] - row1[2], row2[3] - row1[3], destination + 8 * position, position);
        Row(row1[0] - row3[0], row1[1] - row3[1], row1[2] - row3[2], row1[3] - row3[3], destination + 12 * position, position);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Output(float* source, nint position, float* tile)
    {
        var (upper0, lower0) = Column(source, position);
        var (upper1, lower1) = Column(source + position, position);
        var (upper2, lower2) = Column(source + 2 * position, position);
        var (upper3, lower3) = Column(source + 3 * position, position);
        (upper0 + upper1 + upper2).Store(tile);
        (upper1 - upper2 - upper3).Store(tile + Lanes);
        (lower0 + lower1 + lower2).Store(tile + 2 * Lanes);
        (lower1 - lower2 - lower3).Store(tile + 3 * Lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Row(
        Vector256<float> d0, Vector256<float> d1, Vector256<float> d2, Vector256<float> d3, float* destination, nint position)
    {
        (d0 - d2).Store(destination);
        (d1 + d2).Store(destination + position);
        (d2 - d1).Store(destination + 2 * position);
        (d1 - d3).Store(destination + 3 * position);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector256<float> Upper, Vector256<float> Lower) Column(float* source, nint position)
    {
        var m1 = Vector256.Load(source + 4 * position);
        var m2 = Vector256.Load(source + 8 * position);
        return (Vector256.Load(source) + m1 + m2, m1 - m2 - Vector256.Load(source + 12 * position));
    }

    private readonly struct Inputs(float* first, nint pixel)
    {
        public Vector256<float> this[int x]
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => Vector256.Load(first + x * pixel);
        }
    }
}
