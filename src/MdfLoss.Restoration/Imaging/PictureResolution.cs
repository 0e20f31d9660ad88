namespace Mdf.Imaging;

/// <summary>How many pixels a picture has in a millimetre of its print.</summary>
/// <param name="Horizontal">Along a row.</param>
/// <param name="Vertical">Along a column.</param>
public readonly record struct PictureResolution(double Horizontal, double Vertical);
