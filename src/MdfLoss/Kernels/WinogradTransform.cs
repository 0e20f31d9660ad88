using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>The transforms of a tile in <see cref="Winograd"/>'s form, for one vector of channels at once.</summary>
internal static unsafe class WinogradTransform<TLanes>
    where TLanes : unmanaged, ILanes<TLanes>
{
    private const int Outputs = Winograd.Outputs;
    private const int Size = Winograd.Size;

    /// <summary>The scratch memory of a transform, in vectors, including the outputs of a tile.</summary>
    public const int Scratch = Outputs * Outputs + Outputs * Size;

    /// <summary>Computes Bᵀ d B.</summary>
    /// <param name="source">The first input of the tile.</param>
    /// <param name="row">The distance between two rows of inputs, in floats.</param>
    /// <param name="pixel">The distance between two inputs of a row, in floats.</param>
    /// <param name="destination">The destination of the first of the 36 values.</param>
    /// <param name="position">The distance between two values, in floats.</param>
    /// <param name="scratch">Scratch memory of <see cref="Scratch"/> vectors.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Input(float* source, nint row, nint pixel, float* destination, nint position, float* scratch)
    {
        for (nint y = 0; y < Size; y++)
            Input(source + y * row, pixel, scratch + y * Size * TLanes.Count, TLanes.Count);
        for (nint x = 0; x < Size; x++)
            Input(scratch + x * TLanes.Count, Size * TLanes.Count, destination + x * position, Size * position);
    }

    /// <summary>Computes Aᵀ M A.</summary>
    /// <param name="source">The first of the 36 products.</param>
    /// <param name="position">The distance between two products, in floats.</param>
    /// <param name="tile">The destination of the 16 outputs, row by row: memory of <see cref="Scratch"/> vectors.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Output(float* source, nint position, float* tile) =>
        Output(source, position, tile, Outputs * TLanes.Count, TLanes.Count, tile + Outputs * Outputs * TLanes.Count);

    /// <summary>Computes Aᵀ M A, and writes the outputs to the place of the tile in the map.</summary>
    /// <param name="source">The first of the 36 products.</param>
    /// <param name="position">The distance between two products, in floats.</param>
    /// <param name="destination">The destination of the first output of the tile.</param>
    /// <param name="row">The distance between two rows of outputs, in floats.</param>
    /// <param name="pixel">The distance between two outputs of a row, in floats.</param>
    /// <param name="scratch">Scratch memory of <see cref="Scratch"/> vectors.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Output(float* source, nint position, float* destination, nint row, nint pixel, float* scratch)
    {
        for (nint x = 0; x < Size; x++)
            Output(source + x * position, Size * position, scratch + x * TLanes.Count, Size * TLanes.Count);
        for (nint y = 0; y < Outputs; y++)
            Output(scratch + y * Size * TLanes.Count, TLanes.Count, destination + y * row, pixel);
    }

    /// <summary>Computes A dY Aᵀ, the backward pass of <see cref="Output(float*, nint, float*)"/>.</summary>
    /// <param name="source">The gradient of the first output of the tile.</param>
    /// <param name="row">The distance between two rows of outputs, in floats.</param>
    /// <param name="pixel">The distance between two outputs of a row, in floats.</param>
    /// <param name="destination">The destination of the first of the 36 values.</param>
    /// <param name="position">The distance between two values, in floats.</param>
    /// <param name="scratch">Scratch memory of <see cref="Scratch"/> vectors.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void OutputBack(float* source, nint row, nint pixel, float* destination, nint position, float* scratch)
    {
        for (nint y = 0; y < Outputs; y++)
            OutputBack(source + y * row, pixel, scratch + y * Size * TLanes.Count, TLanes.Count);
        for (nint x = 0; x < Size; x++)
            OutputBack(scratch + x * TLanes.Count, Size * TLanes.Count, destination + x * position, Size * position);
    }

    /// <summary>Computes G g Gᵀ.</summary>
    /// <param name="source">The first of the nine weights.</param>
    /// <param name="step">The distance between two weights, in floats.</param>
    /// <param name="flips">Whether to take the nine weights in reverse order.</param>
    /// <param name="destination">The destination of the first of the 36 values.</param>
    /// <param name="position">The distance between two values, in floats.</param>
    /// <param name="scratch">Scratch memory of <see cref="Scratch"/> vectors.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Weights(float* source, nint step, bool flips, float* destination, nint position, float* scratch)
    {
        if (flips)
        {
            source += 8 * step;
            step = -step;
        }

        for (nint y = 0; y < 3; y++)
            Weights(source + 3 * y * step, step, scratch + y * Size * TLanes.Count, TLanes.Count);
        for (nint x = 0; x < Size; x++)
            Weights(scratch + x * TLanes.Count, Size * TLanes.Count, destination + x * position, Size * position);
    }

    /// <summary>Computes Gᵀ dU G, the backward pass of <see cref="Weights(float*, nint, bool, float*, nint, float*)"/>.</summary>
    /// <param name="source">The first of the 36 values.</param>
    /// <param name="position">The distance between two values, in floats.</param>
    /// <param name="destination">The destination of the first of the nine gradients.</param>
    /// <param name="step">The distance between two of the nine gradients, in floats.</param>
    /// <param name="scratch">Scratch memory of <see cref="Scratch"/> vectors.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void WeightsBack(float* source, nint position, float* destination, nint step, float* scratch)
    {
        for (nint x = 0; x < Size; x++)
            WeightsBack(source + x * position, Size * position, scratch + x * TLanes.Count, Size * TLanes.Count);
        for (nint y = 0; y < 3; y++)
            WeightsBack(scratch + y * Size * TLanes.Count, TLanes.Count, destination + 3 * y * step, step);
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

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void OutputBack(float* source, nint sourceStep, float* destination, nint destinationStep)
    {
        var (y0, y1, y2, y3) = (TLanes.Load(source), TLanes.Load(source + sourceStep), TLanes.Load(source + 2 * sourceStep), TLanes.Load(source + 3 * sourceStep));
        y0.Store(destination);
        var (even, odd) = (y0 + y2, y1 + y3);
        (even + odd).Store(destination + destinationStep);
        (even - odd).Store(destination + 2 * destinationStep);
        even = TLanes.MultiplyAdd(TLanes.Fill(4), y2, y0);
        odd = TLanes.MultiplyAdd(TLanes.Fill(8), y3, y1 + y1);
        (even + odd).Store(destination + 3 * destinationStep);
        (even - odd).Store(destination + 4 * destinationStep);
        y3.Store(destination + 5 * destinationStep);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Weights(float* source, nint sourceStep, float* destination, nint destinationStep)
    {
        var (g0, g1, g2) = (TLanes.Load(source), TLanes.Load(source + sourceStep), TLanes.Load(source + 2 * sourceStep));
        (g0 * TLanes.Fill(1 / 4f)).Store(destination);
        var (even, odd) = ((g0 + g2) * TLanes.Fill(-1 / 6f), g1 * TLanes.Fill(-1 / 6f));
        (even + odd).Store(destination + destinationStep);
        (even - odd).Store(destination + 2 * destinationStep);
        (even, odd) = (TLanes.MultiplyAdd(TLanes.Fill(1 / 24f), g0, g2 * TLanes.Fill(1 / 6f)), g1 * TLanes.Fill(1 / 12f));
        (even + odd).Store(destination + 3 * destinationStep);
        (even - odd).Store(destination + 4 * destinationStep);
        g2.Store(destination + 5 * destinationStep);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void WeightsBack(float* source, nint sourceStep, float* destination, nint destinationStep)
    {
        var (u1, u2) = (TLanes.Load(source + sourceStep), TLanes.Load(source + 2 * sourceStep));
        var (u3, u4) = (TLanes.Load(source + 3 * sourceStep), TLanes.Load(source + 4 * sourceStep));
        var (near, far) = ((u1 + u2) * TLanes.Fill(-1 / 6f), u3 + u4);
        TLanes.MultiplyAdd(TLanes.Fill(1 / 4f), TLanes.Load(source), TLanes.MultiplyAdd(TLanes.Fill(1 / 24f), far, near)).Store(destination);
        TLanes.MultiplyAdd(TLanes.Fill(-1 / 6f), u1 - u2, TLanes.Fill(1 / 12f) * (u3 - u4)).Store(destination + destinationStep);
        TLanes.MultiplyAdd(TLanes.Fill(1 / 6f), far, near + TLanes.Load(source + 5 * sourceStep)).Store(destination + 2 * destinationStep);
    }
}
