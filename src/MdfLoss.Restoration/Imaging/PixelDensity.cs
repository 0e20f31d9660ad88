using System.Buffers.Binary;

namespace Mdf.Imaging;

/// <summary>What a file says of the density of its pixels.</summary>
/// <param name="Horizontal">Pixels of a row in a unit of length.</param>
/// <param name="Vertical">Pixels of a column in a unit of length.</param>
/// <param name="Unit">The unit in millimetres; null where there is none, so that the two numbers only tell the shape of a pixel.</param>
/// <remarks>It is read from the file, and not from libvips, which has a resolution for every file: its own for one that says none.</remarks>
internal readonly record struct PixelDensity(double Horizontal, double Vertical, double? Unit)
{
    /// <summary>Units in millimetres.</summary>
    public const double Inch = 25.4;
    public const double Centimetre = 10;
    private const double Metre = 1000;

    /// <summary>What is taken for a resolution, in pixels per millimetre: a pixel of a metre to one of a tenth of a micrometre.</summary>
    private const double LeastResolution = 0.001;
    private const double GreatestResolution = 10_000;

    /// <summary>JFIF has whole numbers of pixels to the inch or the centimetre; it holds what is so near to one.</summary>
    private const double Tolerance = 0.01;

    /// <summary>Whether the file says that pixels are not square, and not how large they are.</summary>
    public bool IsShape => Unit is null && Horizontal > 0 && Vertical > 0 && double.IsFinite(Horizontal / Vertical) && Horizontal != Vertical;

    /// <summary>The resolution; null where there is no unit, or it is nonsense.</summary>
    public PictureResolution? Resolution => Unit is { } unit && IsResolution(Horizontal / unit) && IsResolution(Vertical / unit)
        ? new PictureResolution(Horizontal / unit, Vertical / unit)
        : null;

    /// <summary>Reads what a file says, without EXIF.</summary>
    /// <param name="file">A whole file.</param>
    /// <returns>Null where it says nothing.</returns>
    public static PixelDensity? Read(ReadOnlySpan<byte> file) => ImageFormats.Detect(file) switch
    {
        ImageFormat.Jpeg => OfJpeg(file),
        ImageFormat.Png => OfPng(file),
        ImageFormat.Tiff => FromTiff(file),
        ImageFormat.Bmp => OfBmp(file),
        _ => null, // WebP has it in EXIF alone
    };

    /// <summary>Reads what a TIFF file or EXIF says.</summary>
    /// <param name="structure">A TIFF file, or EXIF with or without <c>Exif\0\0</c> before it.</param>
    /// <returns>Null where it says nothing.</returns>
    public static PixelDensity? FromTiff(ReadOnlySpan<byte> structure) => TiffDirectory.Resolution(structure) is not { } found
        ? null
        : new PixelDensity(found.Horizontal, found.Vertical, found.Unit switch
        {
            TiffDirectory.Inch => Inch,
            TiffDirectory.Centimetre => Centimetre,
            _ => null,
        });

    /// <summary>Whether a format can say a resolution without EXIF.</summary>
    public static bool Holds(ImageFormat format, PictureResolution resolution) => format switch
    {
        ImageFormat.WebP => false,
        ImageFormat.Jpeg => ForJpeg(resolution) is not null,
        _ => true,
    };

    /// <summary>Puts right what a file that libvips wrote says of the resolution.</summary>
    /// <param name="file">The file; it may be changed.</param>
    /// <param name="format">Its format.</param>
    /// <param name="resolution">The resolution, which libvips had; null where none is known.</param>
    /// <param name="exif">The file's EXIF; null where it has none.</param>
    /// <returns>The file with this resolution and no other.</returns>
    /// <remarks>libvips writes a resolution into every PNG, TIFF and EXIF, of 25.4 pixels to the inch where it knows none, and none into JFIF.</remarks>
    public static byte[] Write(byte[] file, ImageFormat format, PictureResolution? resolution, byte[]? exif)
    {
        if (resolution is { } known)
            return format == ImageFormat.Jpeg && exif is null && ForJpeg(known) is { } segment ? [.. file[..2], .. segment, .. file[2..]] : file;
        if (exif is not null && file.AsSpan().IndexOf(exif) is > 0 and var at)
        {
            TiffDirectory.RemoveResolution(file.AsSpan(at, exif.Length));
            if (format == ImageFormat.Png)
                PngStructure.Seal(file, at, exif.Length);
        }

        if (format == ImageFormat.Tiff)
            TiffDirectory.ClearResolutionUnit(file);
        return format == ImageFormat.Png && PngStructure.Find(file, "pHYs"u8) is { } chunk
            ? [.. file[..PngStructure.StartOf(chunk)], .. file[PngStructure.EndOf(chunk)..]]
            : file;
    }

    private static bool IsResolution(double resolution) => resolution is >= LeastResolution and <= GreatestResolution;

    /// <summary>JFIF's segment (ITU-T T.871, 10.1).</summary>
    private static PixelDensity? OfJpeg(ReadOnlySpan<byte> file)
    {
        for (var segments = new JpegSegments(file); segments.MoveNext();)
        {
            var content = segments.Content;
            if (segments.Code == JpegSegments.App0 && content.Length >= 12 && content.StartsWith("JFIF\0"u8))
            {
                double? unit = content[7] switch { 1 => Inch, 2 => Centimetre, _ => null };
                return new PixelDensity(BinaryPrimitives.ReadUInt16BigEndian(content[8..]), BinaryPrimitives.ReadUInt16BigEndian(content[10..]), unit);
            }
        }

        return null;
    }

    /// <returns>The whole segment; null where the resolution has no numbers that it can hold.</returns>
    private static byte[]? ForJpeg(PictureResolution resolution)
    {
        foreach (var (unit, code) in new[] { (Inch, (byte)1), (Centimetre, (byte)2) })
        {
            var (horizontal, vertical) = (resolution.Horizontal * unit, resolution.Vertical * unit);
            if (!IsNear(horizontal) || !IsNear(vertical))
                continue;
            // Version 1.01, which has no thumbnail besides that of no pixels.
            byte[] segment = [0xff, JpegSegments.App0, 0, 16, .. "JFIF\0"u8, 1, 1, code, 0, 0, 0, 0, 0, 0];
            BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(12), (ushort)Math.Round(horizontal));
            BinaryPrimitives.WriteUInt16BigEndian(segment.AsSpan(14), (ushort)Math.Round(vertical));
            return segment;
        }

        return null;

        static bool IsNear(double density) => Math.Round(density) is >= 1 and <= ushort.MaxValue and var whole && Math.Abs(density / whole - 1) <= Tolerance;
    }

    /// <summary>The chunk pHYs (W3C's PNG, third edition, 11.3.4.3).</summary>
    private static PixelDensity? OfPng(ReadOnlySpan<byte> file) =>
        PngStructure.Find(file, "pHYs"u8) is { } chunk && file[chunk] is { Length: 9 } content
            ? content[8] == 1
                ? PerMetre(BinaryPrimitives.ReadUInt32BigEndian(content), BinaryPrimitives.ReadUInt32BigEndian(content[4..]))
                : new PixelDensity(BinaryPrimitives.ReadUInt32BigEndian(content), BinaryPrimitives.ReadUInt32BigEndian(content[4..]), Unit: null)
            : null;

    /// <summary>Pixels per metre (BITMAPINFOHEADER and its successors).</summary>
    private static PixelDensity? OfBmp(ReadOnlySpan<byte> file)
    {
        const int infoHeader = 14;
        const int horizontal = infoHeader + 24;
        const int end = infoHeader + 32;
        return file.Length >= end && BinaryPrimitives.ReadUInt32LittleEndian(file[infoHeader..]) >= 40
            ? PerMetre(BinaryPrimitives.ReadInt32LittleEndian(file[horizontal..]), BinaryPrimitives.ReadInt32LittleEndian(file[(horizontal + 4)..]))
            : null;
    }

    /// <summary>A density per metre: that to the inch where it is what a whole number of those was rounded to, as 11,811 is 300 to the inch.</summary>
    private static PixelDensity PerMetre(double horizontal, double vertical)
    {
        var (across, down) = (Math.Round(horizontal * Inch / Metre), Math.Round(vertical * Inch / Metre));
        return Math.Round(across * Metre / Inch) == horizontal && Math.Round(down * Metre / Inch) == vertical
            ? new PixelDensity(across, down, Inch)
            : new PixelDensity(horizontal, vertical, Metre);
    }
}
