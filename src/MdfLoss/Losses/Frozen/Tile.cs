using Mdf.Discriminators;

namespace Mdf.Losses.Frozen;

/// <summary>A rectangle of pixels.</summary>
/// <param name="Top">Its first row.</param>
/// <param name="Left">Its first column.</param>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
internal readonly record struct Area(int Top, int Left, int Height, int Width)
{
    /// <summary>How many pixels it has.</summary>
    public int Pixels => Height * Width;
}

/// <summary>
/// A part of an image that is worked through on its own: a rectangle of the final map, and what the other layers have around it.
/// </summary>
/// <remarks>
/// The convolutions have no padding, so what is computed of a tile is exactly what is computed of the image. Neighbouring tiles overlap in the
/// layers before the final map; every position of a layer is counted by one tile, the one that <see cref="Owned"/> it.
/// </remarks>
/// <param name="Map">The rectangle of the final map. The tile's input begins at the same row and column of the image.</param>
/// <param name="MapHeight">Rows of the whole final map.</param>
/// <param name="MapWidth">Columns of the whole final map.</param>
internal readonly record struct Tile(Area Map, int MapHeight, int MapWidth)
{
    /// <summary>The input's rectangle in the image.</summary>
    public Area Input => Map with { Height = Map.Height + 2 * ScaleNetwork.Margin, Width = Map.Width + 2 * ScaleNetwork.Margin };

    /// <summary>The part of a layer that this tile counts, in the coordinates of what the tile computes of that layer.</summary>
    /// <param name="margin">How many pixels of each border the layer has more than the final map.</param>
    public Area Owned(int margin)
    {
        var (top, height) = Along(Map.Top, Map.Height, MapHeight, margin);
        var (left, width) = Along(Map.Left, Map.Width, MapWidth, margin);
        return new Area(top, left, height, width);
    }

    /// <summary>Divides an image into tiles of about equal size.</summary>
    /// <param name="height">The image's rows; at least <see cref="ScaleNetwork.ReceptiveField"/>.</param>
    /// <param name="width">Its columns; as many.</param>
    /// <param name="largest">The most rows and columns of the final map that a tile has.</param>
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
