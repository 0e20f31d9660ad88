using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>The transforms of a tile in <see cref="Winograd"/>'s form, for as many channels at once as a vector has lanes.</summary>
internal static unsafe class WinogradTransform<TLanes>
    where TLanes : unmanaged, ILanes<TLanes>
{
    private const int Outputs = Winograd.Outputs;
    private const int Size = Winograd.Size;

    /// <summary>Vectors of scratch memory that a transform uses, the outputs of a tile among them.</summary>
    public const int Scratch = Outputs * Outputs + Outputs * Size;

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
            Input(source + y * row, pixel, scratch + y * Size * TLanes.Count, TLanes.Count);
        for (nint x = 0; x < Size; x++)
            Input(scratch + x * TLanes.Count, Size * TLanes.Count, destination + x * position, Size * position);
    }

    /// <summary>Aᵀ M A.</summary>
    /// <param name="source">The first of the 36 products.</param>
    /// <param name="position">From one product to the next, in floats.</param>
    /// <param name="tile">The 16 outputs, row by row, in <see cref="Scratch"/> vectors.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Output(float* source, nint position, float* tile)
    {
        var scratch = tile + Outputs * Outputs * TLanes.Count;
        for (nint x = 0; x < Size; x++)
            Output(source + x * position, Size * position, scratch + x * TLanes.Count, Size * TLanes.Count);
        for (nint y = 0; y < Outputs; y++)
            Output(scratch + y * Size * TLanes.Count, TLanes.Count, tile + y * Outputs * TLanes.Count, TLanes.Count);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Input(float* source, nint sourceStep, float* destination, nint destinationStep)
    {
        var d1 = TLanes.Load(source + sourceStep);
        var d2 = TLanes.Load(source + 2 * sourceStep);
        var d3 = TLanes.Load(source + 3 * sourceStep);
        var d4 = TLanes.Load(source + 4 * sourceStep);
        var (four, minusFour, minusFive) = (TLanes.Fill(4f), TLanes.Fill(-4f), TLanes.Fill(-5f));
        TLanes.MultiplyAdd(four, TLanes.Load(source), TLanes.MultiplyAdd(minusFive, d2, d4)).Store(destination);
        var (even, odd) = (TLanes.MultiplyAdd(minusFour, d2, d4), TLanes.MultiplyAdd(minusFour, d1, d3));
        (even + odd).Store(destination + destinationStep);
        (even - odd).Store(destination + 2 * destinationStep);
        (even, odd) = (d4 - d2, (d3 - d1) + (d3 - d1));
        (even + odd).Store(destination + 3 * destinationStep);
        (even - odd).Store(destination + 4 * destinationStep);
        TLanes.MultiplyAdd(four, d1, TLanes.MultiplyAdd(minusFive, d3, TLanes.Load(source + 5 * sourceStep)))
            .Store(destination + 5 * destinationStep);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Output(float* source, nint sourceStep, float* destination, nint destinationStep)
    {
        var (m1, m2) = (TLanes.Load(source + sourceStep), TLanes.Load(source + 2 * sourceStep));
        var (m3, m4) = (TLanes.Load(source + 3 * sourceStep), TLanes.Load(source + 4 * sourceStep));
        var (even1, odd1, even2, odd2) = (m1 + m2, m1 - m2, m3 + m4, m3 - m4);
        (TLanes.Load(source) + even1 + even2).Store(destination);
        TLanes.MultiplyAdd(TLanes.Fill(2f), odd2, odd1).Store(destination + destinationStep);
        TLanes.MultiplyAdd(TLanes.Fill(4f), even2, even1).Store(destination + 2 * destinationStep);
        (TLanes.MultiplyAdd(TLanes.Fill(8f), odd2, odd1) + TLanes.Load(source + 5 * sourceStep))
            .Store(destination + 3 * destinationStep);
    }
}
