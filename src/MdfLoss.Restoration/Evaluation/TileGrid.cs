namespace Mdf.Evaluation;

/// <summary>A stretch of rows or columns that a tile restores, and the wider one that it looks at for that.</summary>
/// <param name="Start">The first that is restored.</param>
/// <param name="End">The one behind the last that is restored.</param>
/// <param name="WindowStart">The first that is looked at.</param>
/// <param name="WindowEnd">The one behind the last that is looked at.</param>
internal readonly record struct TileSpan(long Start, long End, long WindowStart, long WindowEnd)
{
    /// <summary>How many are restored.</summary>
    public long Length => End - Start;

    /// <summary>How many are looked at.</summary>
    public long WindowLength => WindowEnd - WindowStart;
}

/// <summary>How a picture is divided into tiles for a network: every combination of a span of rows and a span of columns.</summary>
/// <remarks>
/// A window begins at a multiple of the network's stride. It ends at one too, or where the picture ends, so that a network that pads pictures to
/// multiples of its stride pads a window as it pads the picture. Windows overlap by two margins: what is computed twice is the price of tiles.
/// </remarks>
internal sealed class TileGrid
{
    /// <summary>
    /// The largest window, in pixels of the restored image: 150 MB for one map of 64 features in float32, of which a network holds a few at a time.
    /// </summary>
    public const long WindowPixels = 768 * 768;

    private TileGrid(IReadOnlyList<TileSpan> rows, IReadOnlyList<TileSpan> columns) => (Rows, Columns) = (rows, columns);

    /// <summary>The spans of rows, from top to bottom.</summary>
    public IReadOnlyList<TileSpan> Rows { get; }

    /// <summary>The spans of columns, from left to right.</summary>
    public IReadOnlyList<TileSpan> Columns { get; }

    /// <summary>How many tiles there are.</summary>
    public int Count => Rows.Count * Columns.Count;

    /// <summary>Divides a picture into square tiles; those at the right and at the bottom may be smaller.</summary>
    /// <param name="height">The distorted picture's height.</param>
    /// <param name="width">Its width.</param>
    /// <param name="margin">What a tile needs around it.</param>
    /// <param name="stride">What tiles begin at multiples of.</param>
    /// <param name="side">The tiles' side; rounded up to a multiple of the stride.</param>
    public static TileGrid Square(long height, long width, int margin, int stride, int side) =>
        Create(height, width, RoundUp(margin, stride), RoundUp(side, stride), RoundUp(side, stride));

    /// <summary>Divides a picture so that the least is computed with no window above <see cref="WindowPixels"/>.</summary>
    /// <param name="height">The distorted picture's height.</param>
    /// <param name="width">Its width.</param>
    /// <param name="factor">The restored picture's size by the distorted one's.</param>
    /// <param name="margin">What a tile needs around it.</param>
    /// <param name="stride">What tiles begin at multiples of.</param>
    public static TileGrid Cheapest(long height, long width, int factor, int margin, int stride)
    {
        var reach = RoundUp(margin, stride);
        // A window of at least three margins a side, whatever the limit: or nearly all that is computed would be margin.
        var limit = Math.Max(WindowPixels / (factor * factor), (3 * reach + stride) * (3 * reach + stride));
        var (least, tileHeight, tileWidth) = (long.MaxValue, height, width);
        for (long columns = 1; columns <= DivideUp(width, stride); columns++)
        {
            if (height * (width + 2 * reach * (columns - 1)) >= least)
                break; // more columns compute more, however few the rows are
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

    /// <summary>The whole picture as one tile.</summary>
    /// <param name="height">The distorted picture's height.</param>
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
