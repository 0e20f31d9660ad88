namespace Mdf.Evaluation;

/// <summary>The range of rows or columns that a tile restores, and the wider range (the window) that the network reads for it.</summary>
/// <param name="Start">The first row or column that is restored.</param>
/// <param name="End">The one after the last that is restored.</param>
/// <param name="WindowStart">The first row or column of the window.</param>
/// <param name="WindowEnd">The one after the last of the window.</param>
internal readonly record struct TileSpan(long Start, long End, long WindowStart, long WindowEnd)
{
    /// <summary>The number of rows or columns that are restored.</summary>
    public long Length => End - Start;

    /// <summary>The number of rows or columns of the window.</summary>
    public long WindowLength => WindowEnd - WindowStart;
}

/// <summary>The division of an image into tiles for a network: every combination of a span of rows and a span of columns.</summary>
/// <remarks>
/// A window starts at a multiple of the network's stride. It ends at such a multiple or at the end of the image. So a network that pads images to
/// multiples of its stride pads a window in the same way as the image. Windows overlap by two margins; the overlap is computed twice.
/// </remarks>
internal sealed class TileGrid
{
    /// <summary>
    /// The largest window, in pixels of the restored image. One map of 64 features in float32 then takes 150 MB, and a network holds a few maps at a time.
    /// </summary>
    public const long WindowPixels = 768 * 768;

    private TileGrid(IReadOnlyList<TileSpan> rows, IReadOnlyList<TileSpan> columns) => (Rows, Columns) = (rows, columns);

    /// <summary>The spans of rows, from top to bottom.</summary>
    public IReadOnlyList<TileSpan> Rows { get; }

    /// <summary>The spans of columns, from left to right.</summary>
    public IReadOnlyList<TileSpan> Columns { get; }

    /// <summary>The number of tiles.</summary>
    public int Count => Rows.Count * Columns.Count;

    /// <summary>Divides an image into square tiles. Tiles at the right and at the bottom may be smaller.</summary>
    /// <param name="height">The distorted image's height.</param>
    /// <param name="width">Its width.</param>
    /// <param name="margin">The number of pixels that a tile needs around it.</param>
    /// <param name="stride">The network's stride: tiles start at multiples of it.</param>
    /// <param name="side">The side of the tiles. It is rounded up to a multiple of the stride.</param>
    public static TileGrid Square(long height, long width, int margin, int stride, int side) =>
        Create(height, width, RoundUp(margin, stride), RoundUp(side, stride), RoundUp(side, stride));

    /// <summary>Divides an image with the least computation, so that no window is larger than <see cref="WindowPixels"/>.</summary>
    /// <param name="height">The distorted image's height.</param>
    /// <param name="width">Its width.</param>
    /// <param name="factor">The ratio of the restored image's size to the distorted image's size.</param>
    /// <param name="margin">The number of pixels that a tile needs around it.</param>
    /// <param name="stride">The network's stride: tiles start at multiples of it.</param>
    public static TileGrid Cheapest(long height, long width, int factor, int margin, int stride)
    {
        var reach = RoundUp(margin, stride);
        // A window always has at least three margins a side. Otherwise nearly all of it would be margin.
        var limit = Math.Max(WindowPixels / (factor * factor), (3 * reach + stride) * (3 * reach + stride));
        var (least, tileHeight, tileWidth) = (long.MaxValue, height, width);
        for (long columns = 1; columns <= DivideUp(width, stride); columns++)
        {
            if (height * (width + 2 * reach * (columns - 1)) >= least)
                break; // with more columns the cost only grows
            var candidateWidth = RoundUp(DivideUp(width, columns), stride);
            var windowHeight = limit / Math.Min(width, candidateWidth + 2 * reach);
            var highest = windowHeight >= height ? RoundUp(height, stride) : (windowHeight - 2 * reach) / stride * stride;
            if (highest <= 0)
                continue;
            var rows = DivideUp(height, highest);
            var computed = (height + 2 * reach * (rows - 1)) * (width + 2 * reach * (columns - 1));
            if (computed < least)
                (least, tileHeight, tileWidth) = (computed, RoundUp(DivideUp(height, rows), stride), candidateWidth);
        }

        return Create(height, width, reach, tileHeight, tileWidth);
    }

    /// <summary>Returns the whole image as one tile.</summary>
    /// <param name="height">The distorted image's height.</param>
    /// <param name="width">Its width.</param>
    public static TileGrid Whole(long height, long width) => new([new TileSpan(0, height, 0, height)], [new TileSpan(0, width, 0, width)]);

    private static TileGrid Create(long height, long width, long reach, long tileHeight, long tileWidth) =>
        new(Divide(height, tileHeight, reach), Divide(width, tileWidth, reach));

    private static TileSpan[] Divide(long length, long tile, long reach)
    {
        var spans = new TileSpan[DivideUp(length, tile)];
        for (var i = 0; i < spans.Length; i++)
        {
            var (start, end) = (i * tile, Math.Min(length, (i + 1) * tile));
            spans[i] = new TileSpan(start, end, Math.Max(0, start - reach), Math.Min(length, end + reach));
        }

        return spans;
    }

    private static long DivideUp(long value, long unit) => (value + unit - 1) / unit;

    private static long RoundUp(long value, long unit) => DivideUp(value, unit) * unit;
}
