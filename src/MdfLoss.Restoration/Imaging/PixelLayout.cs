namespace Mdf.Imaging;

/// <summary>How a file stores its pixels.</summary>
/// <param name="Orientation">How they become upright.</param>
/// <param name="Tile">The width and height of its tiles; null where it has rows.</param>
internal readonly record struct PixelLayout(Orientation Orientation, (int Width, int Height)? Tile);
