using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Mdf.Kernels;

/// <summary>
/// The product of a tall matrix with a small one, on which every convolution here is built: C = A·B, where the rows of A are
/// pixels (or tiles) and those of B channels.
/// </summary>
/// <remarks>
/// Six rows by sixteen columns of C at a time: twelve vectors of eight floats, which leaves four of AVX2's sixteen registers for B and
/// the broadcast value of A.
/// </remarks>
internal static unsafe class MatrixProduct
{
    /// <summary>Rows that are computed together: what is written is a multiple of it, so C must have room for that.</summary>
    public const int RowBlock = 6;

    /// <summary>Columns that are computed together; B has a multiple of it.</summary>
    public const int ColumnBlock = 16;

    private const int Lanes = 8;

    /// <summary>Whether this processor has what these kernels are written for.</summary>
    public static bool IsSupported => Vector256.IsHardwareAccelerated && System.Runtime.Intrinsics.X86.Fma.IsSupported;

    /// <summary>Where an element of B lies for <see cref="Multiply"/>, which reads block after block of its columns.</summary>
    /// <param name="row">Its row.</param>
    /// <param name="column">Its column.</param>
    /// <param name="rows">How many rows B has.</param>
    public static int PackedIndex(int row, int column, int rows) =>
        (column / ColumnBlock * rows + row) * ColumnBlock + column % ColumnBlock;

    /// <summary>Rounds a number of columns up to what <see cref="Multiply"/> takes.</summary>
    public static int RoundUp(int columns) => (columns + ColumnBlock - 1) / ColumnBlock * ColumnBlock;

    /// <summary>C = A·B.</summary>
    /// <param name="a">A. Its row i is made of <paramref name="segments"/> runs of <paramref name="inner"/> floats.</param>
    /// <param name="rowStride">How far the rows of A lie apart; less than their length where they overlap.</param>
    /// <param name="segments">Runs of a row.</param>
    /// <param name="segmentStride">How far they lie apart.</param>
    /// <param name="inner">Floats of a run. B has <c>segments · inner</c> rows.</param>
    /// <param name="b">B, packed.</param>
    /// <param name="c">C.</param>
    /// <param name="columns">Columns of B and C.</param>
    /// <param name="rows">Rows of A and C; rounded up to a multiple of <see cref="RowBlock"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)] // inlined, it would be short of registers
    public static void Multiply(
        float* a, nint rowStride, int segments, nint segmentStride, int inner, float* b, float* c, int columns, int rows)
    {
        for (var column = 0; column < columns; column += ColumnBlock)
        {
            for (var row = 0; row < rows; row += RowBlock)
                MultiplyBlock(a + row * rowStride, rowStride, segments, segmentStride, inner, b, c + (nint)row * columns + column, columns);
            b += segments * inner * ColumnBlock;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MultiplyBlock(
        float* a, nint rowStride, int segments, nint segmentStride, nint inner, float* b, float* c, nint columns)
    {
        float* a0 = a, a1 = a0 + rowStride, a2 = a1 + rowStride, a3 = a2 + rowStride, a4 = a3 + rowStride, a5 = a4 + rowStride;
        Vector256<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
        Vector256<float> c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
        nint start = 0;
        for (var segment = 0; segment < segments; segment++, start += segmentStride)
        {
            for (var k = start; k < start + inner; k++, b += ColumnBlock)
            {
                var (b0, b1) = (Vector256.Load(b), Vector256.Load(b + Lanes));
                var value = Vector256.Create(a0[k]);
                (c00, c01) = (Vector256.FusedMultiplyAdd(value, b0, c00), Vector256.FusedMultiplyAdd(value, b1, c01));
                value = Vector256.Create(a1[k]);
                (c10, c11) = (Vector256.FusedMultiplyAdd(value, b0, c10), Vector256.FusedMultiplyAdd(value, b1, c11));
                value = Vector256.Create(a2[k]);
                (c20, c21) = (Vector256.FusedMultiplyAdd(value, b0, c20), Vector256.FusedMultiplyAdd(value, b1, c21));
                value = Vector256.Create(a3[k]);
                (c30, c31) = (Vector256.FusedMultiplyAdd(value, b0, c30), Vector256.FusedMultiplyAdd(value, b1, c31));
                value = Vector256.Create(a4[k]);
                (c40, c41) = (Vector256.FusedMultiplyAdd(value, b0, c40), Vector256.FusedMultiplyAdd(value, b1, c41));
                value = Vector256.Create(a5[k]);
                (c50, c51) = (Vector256.FusedMultiplyAdd(value, b0, c50), Vector256.FusedMultiplyAdd(value, b1, c51));
            }
        }

        Store(c00, c01, c);
        Store(c10, c11, c += columns);
        Store(c20, c21, c += columns);
        Store(c30, c31, c += columns);
        Store(c40, c41, c += columns);
        Store(c50, c51, c + columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector256<float> left, Vector256<float> right, float* c)
    {
        left.Store(c);
        right.Store(c + Lanes);
    }
}
