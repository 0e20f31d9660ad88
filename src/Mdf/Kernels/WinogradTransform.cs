using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Mdf.Kernels;

/// <summary>
/// The transforms of Winograd's minimal filtering F(4×4, 3×3): Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A, for the points 0, ±1, ±2 and infinity, which
/// multiplies 4 times less often than the definition. Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016).
/// </summary>
/// <remarks>
/// Eight channels at once. The rounding error is about 1.5e-6 of a layer's values, with which loss and gradient come out as exact as by libtorch's
/// float32 convolutions (docs/numerics.md).
/// </remarks>
internal static unsafe class WinogradTransform
{
    /// <summary>Outputs of a tile along each axis.</summary>
    public const int Outputs = 4;

    /// <summary>Inputs of a tile along each axis.</summary>
    public const int Size = Outputs + 2;

    /// <summary>Vectors of scratch memory that a transform uses, the outputs of a tile among them.</summary>
    public const int Scratch = Outputs * Outputs + Outputs * Size;

    private const int Lanes = 8;

    /// <summary>G, row by row: from three weights to six values.</summary>
    public static ReadOnlySpan<double> Weights =>
    [
        1.0 / 4, 0, 0,
        -1.0 / 6, -1.0 / 6, -1.0 / 6,
        -1.0 / 6, 1.0 / 6, -1.0 / 6,
        1.0 / 24, 1.0 / 12, 1.0 / 6,
        1.0 / 24, -1.0 / 12, 1.0 / 6,
        0, 0, 1,
    ];

    /// <summary>Bᵀ d B.</summary>
    /// <param name="source">The tile's first input.</param>
    /// <param name="row">From one row of inputs to the next, in floats.</param>
    /// <param name="pixel">From one input of a row to the next, in floats.</param>
    /// <param name="destination">Where the first of the 36 values goes.</param>
    /// <param name="position">From one value to the next, in floats.</param>
    /// <param name="scratch"><see cref="Scratch"/> vectors.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Input(float* source, nint row, nint pixel, float* destination, nint position, float* scratch)
    {
        for (nint y = 0; y < Size; y++)
            Input(source + y * row, pixel, scratch + y * Size * Lanes, Lanes);
        for (nint x = 0; x < Size; x++)
            Input(scratch + x * Lanes, Size * Lanes, destination + x * position, Size * position);
    }

    /// <summary>Aᵀ M A.</summary>
    /// <param name="source">The first of the 36 products.</param>
    /// <param name="position">From one product to the next, in floats.</param>
    /// <param name="tile">The 16 outputs, row by row, in <see cref="Scratch"/> vectors.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Output(float* source, nint position, float* tile)
    {
        var scratch = tile + Outputs * Outputs * Lanes;
        for (nint x = 0; x < Size; x++)
            Output(source + x * position, Size * position, scratch + x * Lanes, Size * Lanes);
        for (nint y = 0; y < Outputs; y++)
            Output(scratch + y * Size * Lanes, Lanes, tile + y * Outputs * Lanes, Lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Input(float* source, nint sourceStep, float* destination, nint destinationStep)
    {
        var d1 = Vector256.Load(source + sourceStep);
        var d2 = Vector256.Load(source + 2 * sourceStep);
        var d3 = Vector256.Load(source + 3 * sourceStep);
        var d4 = Vector256.Load(source + 4 * sourceStep);
        var (four, five) = (Vector256.Create(4f), Vector256.Create(5f));
        Vector256.FusedMultiplyAdd(four, Vector256.Load(source), Vector256.FusedMultiplyAdd(-five, d2, d4)).Store(destination);
        var (even, odd) = (Vector256.FusedMultiplyAdd(-four, d2, d4), Vector256.FusedMultiplyAdd(-four, d1, d3));
        (even + odd).Store(destination + destinationStep);
        (even - odd).Store(destination + 2 * destinationStep);
        (even, odd) = (d4 - d2, (d3 - d1) + (d3 - d1));
        (even + odd).Store(destination + 3 * destinationStep);
        (even - odd).Store(destination + 4 * destinationStep);
        Vector256.FusedMultiplyAdd(four, d1, Vector256.FusedMultiplyAdd(-five, d3, Vector256.Load(source + 5 * sourceStep)))
            .Store(destination + 5 * destinationStep);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Output(float* source, nint sourceStep, float* destination, nint destinationStep)
    {
        var (m1, m2) = (Vector256.Load(source + sourceStep), Vector256.Load(source + 2 * sourceStep));
        var (m3, m4) = (Vector256.Load(source + 3 * sourceStep), Vector256.Load(source + 4 * sourceStep));
        var (even1, odd1, even2, odd2) = (m1 + m2, m1 - m2, m3 + m4, m3 - m4);
        (Vector256.Load(source) + even1 + even2).Store(destination);
        Vector256.FusedMultiplyAdd(Vector256.Create(2f), odd2, odd1).Store(destination + destinationStep);
        Vector256.FusedMultiplyAdd(Vector256.Create(4f), even2, even1).Store(destination + 2 * destinationStep);
        (Vector256.FusedMultiplyAdd(Vector256.Create(8f), odd2, odd1) + Vector256.Load(source + 5 * sourceStep))
            .Store(destination + 3 * destinationStep);
    }
}
