using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>The products of a tall matrix with a small one, on which every convolution here is built: the rows of the tall one are pixels or tiles, its columns channels.</summary>
/// <remarks>
/// Six rows by two vectors of C at a time with AVX2, twelve by two with AVX-512, so that the sums, the vectors of B and the broadcast value of A
/// fill the 16 or 32 registers.
/// </remarks>
internal static unsafe class MatrixProduct<TLanes>
    where TLanes : unmanaged, ILanes<TLanes>
{
    private const int Half = 6;

    /// <summary>Rows that are computed together: what <see cref="Multiply"/> writes is a multiple of it, so C must have room for that.</summary>
    public static int RowBlock => TLanes.Count == 16 ? 2 * Half : Half;

    /// <summary>Columns that are computed together; B has a multiple of it.</summary>
    public static int ColumnBlock => 2 * TLanes.Count;

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
            {
                var from = a + row * rowStride;
                var to = c + (nint)row * columns + column;
                if (RowBlock == Half)
                    MultiplySix(from, rowStride, segments, segmentStride, inner, b, to, columns);
                else
                    MultiplyTwelve(from, rowStride, segments, segmentStride, inner, b, to, columns);
            }

            b += segments * inner * ColumnBlock;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void MultiplySix(
        float* a, nint rowStride, int segments, nint segmentStride, nint inner, float* b, float* c, nint columns)
    {
        float* a0 = a, a1 = a0 + rowStride, a2 = a1 + rowStride, a3 = a2 + rowStride, a4 = a3 + rowStride, a5 = a4 + rowStride;
        TLanes c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
        TLanes c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
        nint start = 0;
        for (var segment = 0; segment < segments; segment++, start += segmentStride)
        {
            for (var k = start; k < start + inner; k++, b += ColumnBlock)
            {
                var (b0, b1) = (TLanes.Load(b), TLanes.Load(b + TLanes.Count));
                Add(a0[k], b0, b1, ref c00, ref c01);
                Add(a1[k], b0, b1, ref c10, ref c11);
                Add(a2[k], b0, b1, ref c20, ref c21);
                Add(a3[k], b0, b1, ref c30, ref c31);
                Add(a4[k], b0, b1, ref c40, ref c41);
                Add(a5[k], b0, b1, ref c50, ref c51);
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
    private static void MultiplyTwelve(
        float* a, nint rowStride, int segments, nint segmentStride, nint inner, float* b, float* c, nint columns)
    {
        float* a0 = a, a1 = a0 + rowStride, a2 = a1 + rowStride, a3 = a2 + rowStride, a4 = a3 + rowStride, a5 = a4 + rowStride;
        float* a6 = a5 + rowStride, a7 = a6 + rowStride, a8 = a7 + rowStride, a9 = a8 + rowStride, a10 = a9 + rowStride, a11 = a10 + rowStride;
        TLanes c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
        TLanes c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
        TLanes c60 = default, c61 = default, c70 = default, c71 = default, c80 = default, c81 = default;
        TLanes c90 = default, c91 = default, c100 = default, c101 = default, c110 = default, c111 = default;
        nint start = 0;
        for (var segment = 0; segment < segments; segment++, start += segmentStride)
        {
            for (var k = start; k < start + inner; k++, b += ColumnBlock)
            {
                var (b0, b1) = (TLanes.Load(b), TLanes.Load(b + TLanes.Count));
                Add(a0[k], b0, b1, ref c00, ref c01);
                Add(a1[k], b0, b1, ref c10, ref c11);
                Add(a2[k], b0, b1, ref c20, ref c21);
                Add(a3[k], b0, b1, ref c30, ref c31);
                Add(a4[k], b0, b1, ref c40, ref c41);
                Add(a5[k], b0, b1, ref c50, ref c51);
                Add(a6[k], b0, b1, ref c60, ref c61);
                Add(a7[k], b0, b1, ref c70, ref c71);
                Add(a8[k], b0, b1, ref c80, ref c81);
                Add(a9[k], b0, b1, ref c90, ref c91);
                Add(a10[k], b0, b1, ref c100, ref c101);
                Add(a11[k], b0, b1, ref c110, ref c111);
            }
        }

        Store(c00, c01, c);
        Store(c10, c11, c += columns);
        Store(c20, c21, c += columns);
        Store(c30, c31, c += columns);
        Store(c40, c41, c += columns);
        Store(c50, c51, c += columns);
        Store(c60, c61, c += columns);
        Store(c70, c71, c += columns);
        Store(c80, c81, c += columns);
        Store(c90, c91, c += columns);
        Store(c100, c101, c += columns);
        Store(c110, c111, c + columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(float value, TLanes b0, TLanes b1, ref TLanes c0, ref TLanes c1)
    {
        var broadcast = TLanes.Fill(value);
        c0 = TLanes.MultiplyAdd(broadcast, b0, c0);
        c1 = TLanes.MultiplyAdd(broadcast, b1, c1);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(TLanes left, TLanes right, float* c)
    {
        left.Store(c);
        right.Store(c + TLanes.Count);
    }
}
