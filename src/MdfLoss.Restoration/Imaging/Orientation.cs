using System.Globalization;
using NetVips;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>The operations that turn stored pixels into an upright picture: flips, then a transposition.</summary>
/// <param name="FlipsRows">Whether the last stored row becomes the first.</param>
/// <param name="FlipsColumns">Whether the last stored column becomes the first.</param>
/// <param name="Transposes">Whether rows become columns after the flips.</param>
/// <remarks>
/// Source: the tag Orientation of EXIF (CIPA DC-008, 4.6.5; TIFF 6.0, page 36). An orientation that is only in XMP is ignored, as in browsers.
/// </remarks>
internal readonly record struct Orientation(bool FlipsRows, bool FlipsColumns, bool Transposes)
{
    private const string Tag = "orientation"; // the name in libvips, for both EXIF and TIFF

    /// <summary>Reads the orientation of a file; no operation if the file has none.</summary>
    /// <param name="image">The file as libvips opened it.</param>
    public static Orientation Read(Image image)
    {
        if (image.Contains(Tag))
            return FromExif(Convert.ToInt32(image.Get(Tag), CultureInfo.InvariantCulture));
        return RawProfile.Exif(image) is { } exif && TiffDirectory.Number(exif, TiffDirectory.Orientation) is { } number ? FromExif(number) : default;
    }

    /// <summary>Converts an orientation number of EXIF, 1 to 8. Any other number means no operation.</summary>
    internal static Orientation FromExif(int number) => number switch
    {
        2 => new(FlipsRows: false, FlipsColumns: true, Transposes: false),
        3 => new(FlipsRows: true, FlipsColumns: true, Transposes: false),
        4 => new(FlipsRows: true, FlipsColumns: false, Transposes: false),
        5 => new(FlipsRows: false, FlipsColumns: false, Transposes: true),
        6 => new(FlipsRows: true, FlipsColumns: false, Transposes: true),
        7 => new(FlipsRows: true, FlipsColumns: true, Transposes: true),
        8 => new(FlipsRows: false, FlipsColumns: true, Transposes: true),
        _ => default,
    };

    /// <summary>Copies some stored pixels to their place in the upright picture.</summary>
    /// <param name="stored">Some rows and columns of the stored pixels, <c>(1, C, rows, columns)</c>.</param>
    /// <param name="upright">The whole picture, with the same number of channels, or with three channels that each receive the only stored channel.</param>
    /// <param name="top">The first of the stored rows.</param>
    /// <param name="left">The first of the stored columns.</param>
    public void Place(Tensor stored, Tensor upright, int top, int left)
    {
        var (rows, columns) = (stored.shape[2], stored.shape[3]);
        var picture = Transposes ? upright.transpose(2, 3) : upright;
        var target = picture
            .narrow(2, FlipsRows ? picture.shape[2] - top - rows : top, rows)
            .narrow(3, FlipsColumns ? picture.shape[3] - left - columns : left, columns);
        if (FlipsRows)
            stored = stored.flip(2);
        if (FlipsColumns)
            stored = stored.flip(3);
        target.copy_(stored);
    }
}
