using Mdf.Discriminators;

namespace Mdf.Losses.Frozen;

/// <summary>A rectangle of pixels.</summary>
/// <param name="Top">Its first row.</param>
/// <param name="Left">Its first column.</param>
/// <param name="Height">The number of rows.</param>
/// <param name="Width">The number of columns.</param>
internal readonly record struct Area(int Top, int Left, int Height, int Width)
{
    /// <summary>The number of pixels.</summary>
    public int Pixels => Height * Width;
}

/// <summary>
/// A part of an image that is processed on its own: a rectangle of the final map, and its surroundings in the other layers.
/// </summary>
/// <remarks>
/// The convolutions have no padding, so a tile gives exactly the same values as the whole image. Neighbouring tiles overlap in the
/// layers before the final map. Exactly one tile counts each position of a layer (see <see cref="Owned"/>).
/// </remarks>
/// <param name="Map">The rectangle in the final map. The input of the tile starts at the same row and column of the image.</param>
/// <param name="MapHeight">The number of rows of the whole final map.</param>
/// <param name="MapWidth">The number of columns of the whole final map.</param>
internal readonly record struct Tile(Area Map, int MapHeight, int MapWidth)
{
    /// <summary>The rectangle of the input in the image.</summary>
    public Area Input => Map with { Height = Map.Height + 2 * ScaleNetwork.Margin, Width = Map.Width + 2 * ScaleNetwork.Margin };

    /// <summary>The part of a layer that this tile counts, in the coordinates of the tile's own map of this layer.</summary>
    /// <param name="margin">The number of pixels by which the layer is larger than the final map at each border.</param>
    public Area Owned(int margin)
    {
        var (top, height) = Along(Map.Top, Map.Height, MapHeight, margin);
        var (left, width) = Along(Map.Left, Map.Width, MapWidth, margin);
        return new Area(top, left, height, width);
    }

    /// <summary>Divides an image into tiles of about equal size.</summary>
    /// <param name="height">The image's rows; at least <see cref="ScaleNetwork.ReceptiveField"/>.</param>
    /// <param name="width">The image's columns; the same minimum.</param>
    /// <param name="largest">The largest number of rows and columns of the final map in a tile.</param>
    /// <returns>The tiles, row by row.</returns>
    public static IReadOnlyList<Tile> Divide(int height, int width, int largest)
    {
        var (rows, columns) = (height - 2 * ScaleNetwork.Margin, width - 2 * ScaleNetwork.Margin);
        return [.. from y in Parts(rows) from x in Parts(columns) select new Tile(new Area(y.Start, x.Start, y.Length, x.Length), rows, columns)];

        IEnumerable<(int Start, int Length)> Parts(int length)
        {
            var count = (length + largest - 1) / largest;
            for (var i = 0; i < count; i++)
            {
                var (start, end) = ((int)((long)length * i / count), (int)((long)length * (i + 1) / count));
                yield return (start, end - start);
            }
        }
    }

    /// <summary>The margin belongs to a tile only at the border of the image.</summary>
    private static (int Start, int Length) Along(int start, int length, int whole, int margin)
    {
        var first = start == 0 ? 0 : margin;
        var end = start + length == whole ? length + 2 * margin : length + margin;
        return (first, end - first);
    }
}
