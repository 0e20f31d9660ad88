using System.Globalization;
using NetVips;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>How stored pixels become an upright picture: they are flipped, then transposed.</summary>
/// <param name="FlipsRows">Whether the last stored row becomes the first.</param>
/// <param name="FlipsColumns">Whether the last stored column becomes the first.</param>
/// <param name="Transposes">Whether rows become columns after that.</param>
/// <remarks>
/// From the tag Orientation of EXIF (CIPA DC-008, 4.6.5; TIFF 6.0, page 36). An orientation that is given only in XMP is ignored, as browsers do.
/// </remarks>
internal readonly record struct Orientation(bool FlipsRows, bool FlipsColumns, bool Transposes)
{
    private const string Tag = "orientation"; // libvips' name, for EXIF and TIFF alike

    /// <summary>The orientation that a file gives, or none.</summary>
    /// <param name="image">The file as libvips opened it.</param>
    public static Orientation Of(Image image)
    {
        if (image.Contains(Tag))
            return FromExif(Convert.ToInt32(image.Get(Tag), CultureInfo.InvariantCulture));
        return RawProfile.Exif(image) is { } exif && TiffDirectory.Number(exif, TiffDirectory.Orientation) is { } number ? FromExif(number) : default;
    }

    /// <summary>The orientation of a number from 1 to 8; any other number means none.</summary>
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
    /// <param name="upright">The whole picture, with as many channels, or with three of which each gets the only stored one.</param>
    /// <param name="top">The first of the rows.</param>
    /// <param name="left">The first of the columns.</param>
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
