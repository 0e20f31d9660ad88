namespace Mdf.Kernels;

/// <summary>A rectangle of Winograd tiles that one thread works on at a time.</summary>
/// <param name="Top">The first row of its outputs.</param>
/// <param name="Left">The first column of its outputs.</param>
/// <param name="TileRows">The height of the block, in tiles.</param>
/// <param name="TileColumns">The width of the block, in tiles.</param>
internal readonly record struct TileBlock(int Top, int Left, int TileRows, int TileColumns)
{
    // The cost of transforming a tile, relative to the cost of its products.
    private const double TransformCost = 0.5;

    /// <summary>The number of tiles.</summary>
    public int Tiles => TileRows * TileColumns;

    /// <summary>The number of rows of outputs.</summary>
    public int Rows => TileRows * Winograd.Outputs;

    /// <summary>The number of columns of outputs.</summary>
    public int Columns => TileColumns * Winograd.Outputs;

    /// <summary>Divides a map into blocks. The division minimises the time of the thread that works longest.</summary>
    /// <param name="height">The number of rows of outputs.</param>
    /// <param name="width">The number of columns of outputs.</param>
    /// <param name="most">The largest number of tiles of a block.</param>
    /// <param name="together">The number of tiles that are multiplied together. The tiles of a block are rounded up to a multiple of it.</param>
    /// <param name="threads">The number of threads.</param>
    public static TileBlock[] Divide(int height, int width, int most, int together, int threads)
    {
        var (down, across) = (Tiles(height), Tiles(width));
        var (rows, columns) = (
            from r in Enumerable.Range(1, Math.Min(down, most))
            from c in Enumerable.Range(1, Math.Min(across, most / r))
            let blocks = Pieces(down, r) * Pieces(across, c)
            orderby Pieces(blocks, threads) * (Pieces(r * c, together) * together + TransformCost * r * c), blocks
            select (r, c)).First();
        return [.. from top in Enumerable.Range(0, Pieces(down, rows))
            from left in Enumerable.Range(0, Pieces(across, columns))
            select new TileBlock(
                top * rows * Winograd.Outputs, left * columns * Winograd.Outputs,
                Math.Min(rows, down - top * rows), Math.Min(columns, across - left * columns))];

        static int Tiles(int outputs) => Pieces(outputs, Winograd.Outputs);

        static int Pieces(int whole, int piece) => (whole + piece - 1) / piece;
    }
}
