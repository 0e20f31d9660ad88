namespace Mdf.Imaging;

/// <summary>The print resolution of a picture, in pixels per millimetre.</summary>
/// <param name="Horizontal">Pixels per millimetre along a row.</param>
/// <param name="Vertical">Pixels per millimetre along a column.</param>
internal readonly record struct PictureResolution(double Horizontal, double Vertical);
