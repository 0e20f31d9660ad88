using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Mdf.Kernels;

/// <summary>
/// F(4×4, 3×3): 4 times fewer multiplications than the definition, with an error of about 1e-6 relative. For the backward pass, which is
/// linear once the signs of the activations are known.
/// </summary>
internal readonly unsafe struct FastWinograd : IWinogradTransform
{
    private const int Lanes = 8;
    private const int Size = 6;

    /// <inheritdoc/>
    public static int Outputs => 4;

    /// <inheritdoc/>
    public static ReadOnlySpan<double> Weights =>
    [
        1.0 / 4, 0, 0,
        -1.0 / 6, -1.0 / 6, -1.0 / 6,
        -1.0 / 6, 1.0 / 6, -1.0 / 6,
        1.0 / 24, 1.0 / 12, 1.0 / 6,
        1.0 / 24, -1.0 / 12, 1.0 / 6,
        0, 0, 1,
    ];

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Input(float* source, nint row, nint pixel, float* destination, nint position, float* scratch)
    {
        for (nint y = 0; y < Size; y++)
            Input(source + y * row, pixel, scratch + y * Size * Lanes, Lanes);
        for (nint x = 0; x < Size; x++)
            Input(scratch + x * Lanes, Size * Lanes, destination + x * position, Size * position);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Output(float* source, nint position, float* tile)
    {
        // The rows of Aᵀ M have six values; they are put where the tile's last two rows are, and beyond, from the bottom up.
        var scratch = tile + 16 * Lanes;
        for (nint x = 0; x < Size; x++)
            Output(source + x * position, Size * position, scratch + x * Lanes, Size * Lanes);
        for (nint y = 0; y < 4; y++)
            Output(scratch + y * Size * Lanes, Lanes, tile + y * 4 * Lanes, Lanes);
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
