using System.Buffers.Binary;
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

    // PNG had no chunk for EXIF until 2017; ImageMagick and ExifTool write text chunks of these names, exiv2 reads them.
    private static readonly string[] s_rawProfiles = ["-Raw profile type exif", "-Raw profile type APP1"];

    /// <summary>The orientation that a file gives, or none.</summary>
    /// <param name="image">The file as libvips opened it.</param>
    public static Orientation Of(Image image)
    {
        if (image.Contains(Tag))
            return FromExif(Convert.ToInt32(image.Get(Tag), CultureInfo.InvariantCulture));
        // libvips calls the text chunk number i of a PNG png-comment-i-KEYWORD.
        foreach (var field in image.GetFields())
        {
            if (field.StartsWith("png-comment-", StringComparison.Ordinal)
                && s_rawProfiles.Any(name => field.EndsWith(name, StringComparison.OrdinalIgnoreCase))
                && image.Get(field) is string text
                && Find(RawProfile(text)) is { } number)
            {
                return FromExif(number);
            }
        }

        return default;
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

    /// <summary>The bytes of a raw profile: its name, the number of its bytes, then the bytes as hexadecimal digits, each in lines of their own.</summary>
    /// <returns>As many as can be read, and no more than the first block that a JPEG could hold.</returns>
    private static byte[] RawProfile(string text)
    {
        var lines = text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        var digits = string.Concat(lines.Skip(2));
        digits = digits[..(Math.Min(digits.Length, 2 * ushort.MaxValue) & ~1)];
        return digits.All(char.IsAsciiHexDigit) ? Convert.FromHexString(digits) : [];
    }

    /// <summary>Finds the orientation in the first directory of EXIF data.</summary>
    /// <returns>The number, or null where there is none, or the data is damaged.</returns>
    private static int? Find(ReadOnlySpan<byte> exif)
    {
        const int EntrySize = 12;
        const int OrientationTag = 0x0112;
        const int Short = 3; // the type of the value: 16 bits
        if (exif.StartsWith("Exif\0\0"u8))
            exif = exif[6..];
        var isLittleEndian = exif.StartsWith("II*\0"u8);
        if (exif.Length < 8 || !isLittleEndian && !exif.StartsWith("MM\0*"u8))
            return null;
        var start = isLittleEndian ? BinaryPrimitives.ReadUInt32LittleEndian(exif[4..]) : BinaryPrimitives.ReadUInt32BigEndian(exif[4..]);
        if (start > exif.Length - 2)
            return null;
        var entries = exif[(int)start..];
        int count = UInt16(entries);
        entries = entries[2..];
        for (; count > 0 && entries.Length >= EntrySize; count--, entries = entries[EntrySize..])
        {
            if (UInt16(entries) == OrientationTag)
                return UInt16(entries[2..]) == Short ? UInt16(entries[8..]) : null;
        }

        return null;

        int UInt16(ReadOnlySpan<byte> bytes) =>
            isLittleEndian ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);
    }
}
