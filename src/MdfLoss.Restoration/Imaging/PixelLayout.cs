namespace Mdf.Imaging;

/// <summary>The layout of the pixels in a file.</summary>
/// <param name="Orientation">The operations that make the picture upright.</param>
/// <param name="Tile">The width and height of the tiles; null if the file has rows.</param>
internal readonly record struct PixelLayout(Orientation Orientation, (int Width, int Height)? Tile);
