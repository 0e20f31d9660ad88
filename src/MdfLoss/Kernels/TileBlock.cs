namespace Mdf.Kernels;

/// <summary>A rectangle of Winograd tiles that one thread works on at a time.</summary>
/// <param name="Top">Its first row of outputs.</param>
/// <param name="Left">Its first column of outputs.</param>
/// <param name="TileRows">How many tiles high it is.</param>
/// <param name="TileColumns">How many tiles wide it is.</param>
internal readonly record struct TileBlock(int Top, int Left, int TileRows, int TileColumns)
{
    // What transforming a tile costs, in products of a tile.
    private const double TransformCost = 0.5;

    /// <summary>How many tiles it has.</summary>
    public int Tiles => TileRows * TileColumns;

    /// <summary>Rows of outputs.</summary>
    public int Rows => TileRows * Winograd.Outputs;

    /// <summary>Columns of outputs.</summary>
    public int Columns => TileColumns * Winograd.Outputs;

    /// <summary>Divides a map so that the thread that works longest is done first.</summary>
    /// <param name="height">Rows of outputs.</param>
    /// <param name="width">Columns of outputs.</param>
    /// <param name="most">The most tiles of a block.</param>
    /// <param name="together">How many tiles are multiplied together: a block's are rounded up to it.</param>
    /// <param name="threads">How many threads there are.</param>
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
