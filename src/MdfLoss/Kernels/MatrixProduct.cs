using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>Products of a tall matrix and a small matrix. All convolutions of this namespace use them: the rows of the tall matrix are pixels or tiles, its columns are channels.</summary>
/// <remarks>
/// A block of C that is computed at a time has six rows and two vectors with AVX2, twelve rows and two vectors with AVX-512. So the sums, the vectors of B
/// and the broadcast value of A fill the 16 or 32 registers.
/// </remarks>
internal static unsafe class MatrixProduct<TLanes>
    where TLanes : unmanaged, ILanes<TLanes>
{
    private const int Half = 6;

    /// <summary>The number of rows that are computed together. <see cref="Multiply"/> writes a multiple of it, so C must have room for that.</summary>
    public static int RowBlock => TLanes.Count == 16 ? 2 * Half : Half;

    /// <summary>The number of columns that are computed together. The number of columns of B is a multiple of it.</summary>
    public static int ColumnBlock => 2 * TLanes.Count;

    /// <summary>The index of an element of the packed B. <see cref="Multiply"/> reads B in blocks of columns.</summary>
    /// <param name="row">The row of the element.</param>
    /// <param name="column">The column of the element.</param>
    /// <param name="rows">The number of rows of B.</param>
    public static int PackedIndex(int row, int column, int rows) =>
        (column / ColumnBlock * rows + row) * ColumnBlock + column % ColumnBlock;

    /// <summary>Rounds a number of columns up to a multiple of <see cref="ColumnBlock"/>, which <see cref="Multiply"/> requires.</summary>
    public static int RoundUp(int columns) => (columns + ColumnBlock - 1) / ColumnBlock * ColumnBlock;

    /// <summary>Computes C = A·B.</summary>
    /// <param name="a">A. Each row consists of <paramref name="segments"/> segments of <paramref name="inner"/> floats.</param>
    /// <param name="rowStride">The distance between the rows of A, in floats; less than their length if they overlap.</param>
    /// <param name="segments">The number of segments of a row.</param>
    /// <param name="segmentStride">The distance between the segments of a row, in floats.</param>
    /// <param name="inner">The number of floats of a segment. B has <c>segments · inner</c> rows.</param>
    /// <param name="b">B, packed.</param>
    /// <param name="c">C.</param>
    /// <param name="columns">The number of columns of B and C.</param>
    /// <param name="rows">The number of rows of A and C; it is rounded up to a multiple of <see cref="RowBlock"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)] // if inlined, there would not be enough registers
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

    /// <summary>Computes C += Aᵀ·B, for the gradient of weights.</summary>
    /// <param name="a">A, with <paramref name="inner"/> rows. Only its first <paramref name="rows"/> columns are used.</param>
    /// <param name="aStride">The distance between the rows of A, in floats.</param>
    /// <param name="b">B, with the same number of rows.</param>
    /// <param name="bStride">The distance between the rows of B, in floats.</param>
    /// <param name="inner">The number of rows of A and B.</param>
    /// <param name="c">C, row by row without gaps.</param>
    /// <param name="rows">The number of rows of C; a multiple of four.</param>
    /// <param name="columns">The number of columns of B and C; a multiple of <see cref="ColumnBlock"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    public static void AddTransposed(float* a, nint aStride, float* b, nint bStride, int inner, float* c, int rows, int columns)
    {
        for (var column = 0; column < columns; column += ColumnBlock)
        {
            var row = 0;
            // Eight rows need 16 sums. AVX2 does not have enough registers for them.
            for (; TLanes.Count == 16 && row + 8 <= rows; row += 8)
                AddEight(a + row, aStride, b + column, bStride, inner, c + (nint)row * columns + column, columns);
            for (; row < rows; row += 4)
                AddFour(a + row, aStride, b + column, bStride, inner, c + (nint)row * columns + column, columns);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddFour(float* a, nint aStride, float* b, nint bStride, int inner, float* c, nint columns)
    {
        float* c0 = c, c1 = c0 + columns, c2 = c1 + columns, c3 = c2 + columns;
        TLanes c00 = TLanes.Load(c0), c01 = TLanes.Load(c0 + TLanes.Count), c10 = TLanes.Load(c1), c11 = TLanes.Load(c1 + TLanes.Count);
        TLanes c20 = TLanes.Load(c2), c21 = TLanes.Load(c2 + TLanes.Count), c30 = TLanes.Load(c3), c31 = TLanes.Load(c3 + TLanes.Count);
        for (var k = 0; k < inner; k++, a += aStride, b += bStride)
        {
            var (b0, b1) = (TLanes.Load(b), TLanes.Load(b + TLanes.Count));
            Add(a[0], b0, b1, ref c00, ref c01);
            Add(a[1], b0, b1, ref c10, ref c11);
            Add(a[2], b0, b1, ref c20, ref c21);
            Add(a[3], b0, b1, ref c30, ref c31);
        }

        Store(c00, c01, c0);
        Store(c10, c11, c1);
        Store(c20, c21, c2);
        Store(c30, c31, c3);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddEight(float* a, nint aStride, float* b, nint bStride, int inner, float* c, nint columns)
    {
        float* c0 = c, c1 = c0 + columns, c2 = c1 + columns, c3 = c2 + columns, c4 = c3 + columns, c5 = c4 + columns, c6 = c5 + columns, c7 = c6 + columns;
        TLanes c00 = TLanes.Load(c0), c01 = TLanes.Load(c0 + TLanes.Count), c10 = TLanes.Load(c1), c11 = TLanes.Load(c1 + TLanes.Count);
        TLanes c20 = TLanes.Load(c2), c21 = TLanes.Load(c2 + TLanes.Count), c30 = TLanes.Load(c3), c31 = TLanes.Load(c3 + TLanes.Count);
        TLanes c40 = TLanes.Load(c4), c41 = TLanes.Load(c4 + TLanes.Count), c50 = TLanes.Load(c5), c51 = TLanes.Load(c5 + TLanes.Count);
        TLanes c60 = TLanes.Load(c6), c61 = TLanes.Load(c6 + TLanes.Count), c70 = TLanes.Load(c7), c71 = TLanes.Load(c7 + TLanes.Count);
        for (var k = 0; k < inner; k++, a += aStride, b += bStride)
        {
            var (b0, b1) = (TLanes.Load(b), TLanes.Load(b + TLanes.Count));
            Add(a[0], b0, b1, ref c00, ref c01);
            Add(a[1], b0, b1, ref c10, ref c11);
            Add(a[2], b0, b1, ref c20, ref c21);
            Add(a[3], b0, b1, ref c30, ref c31);
            Add(a[4], b0, b1, ref c40, ref c41);
            Add(a[5], b0, b1, ref c50, ref c51);
            Add(a[6], b0, b1, ref c60, ref c61);
            Add(a[7], b0, b1, ref c70, ref c71);
        }

        Store(c00, c01, c0);
        Store(c10, c11, c1);
        Store(c20, c21, c2);
        Store(c30, c31, c3);
        Store(c40, c41, c4);
        Store(c50, c51, c5);
        Store(c60, c61, c6);
        Store(c70, c71, c7);
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
