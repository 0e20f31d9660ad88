using System.Buffers.Binary;
using NetVips;

namespace Mdf.Imaging;

/// <summary>How many pixels a picture has in a millimetre of its print.</summary>
/// <param name="Horizontal">Along a row.</param>
/// <param name="Vertical">Along a column.</param>
public readonly record struct PictureResolution(double Horizontal, double Vertical);

/// <summary>Metadata that a file was written without.</summary>
/// <param name="What">Which: <c>EXIF</c>, <c>XMP</c>, <c>IPTC</c>, <c>colour profile</c>.</param>
/// <param name="Why">The reason, and where there is one the remedy.</param>
public sealed record UnkeptMetadata(string What, string Why);

/// <summary>
/// What the file of a <see cref="Picture"/> says besides its pixels. <see cref="ImageFile.Write(string, Picture, ImageWriteOptions?)"/> writes what still holds
/// of it: the pixels are upright, in sRGB, and may have another size.
/// </summary>
/// <remarks>EXIF and XMP are untrusted bytes: bounded here, parsed by libexif and <see cref="System.Xml"/>, and never shown.</remarks>
public sealed record PictureMetadata
{
    /// <summary>The most bytes of EXIF, and of XMP, that are carried: 1 MiB. JPEG files hold 64 KiB of each; others rarely more.</summary>
    public const int MaximumBytes = 1 << 20;

    /// <summary>libvips' resolution, in pixels per millimetre, of files that say none.</summary>
    private const double UnknownResolution = 1;

    /// <summary>What is taken for a resolution, in pixels per millimetre: a pixel of a metre to one of a tenth of a micrometre.</summary>
    private const double LeastResolution = 0.001;
    private const double GreatestResolution = 10_000;

    /// <summary>From this EXIF orientation on (to 8) rows become columns when the picture is turned upright.</summary>
    private const int FirstTransposed = 5;

    /// <summary>Whether there is EXIF that can be carried.</summary>
    public bool HasExif => Exif is not null;

    /// <summary>Whether there is XMP that can be carried.</summary>
    public bool HasXmp => Xmp is not null;

    /// <summary>Whether the file has a colour profile. Its picture is in sRGB whatever it is.</summary>
    public bool HasProfile { get; init; }

    /// <summary>The resolution of the print; null where the file says none.</summary>
    public PictureResolution? Resolution { get; init; }

    /// <summary>The quality of a JPEG file, see <see cref="Imaging.JpegQuality"/>; null for other files, and where its tables are not the standard's.</summary>
    public int? JpegQuality { get; init; }

    /// <summary>Whether the file is a JPEG.</summary>
    public bool IsJpeg { get; init; }

    /// <summary>What is in the file and cannot be carried.</summary>
    public IReadOnlyList<UnkeptMetadata> Unread { get; init; } = [];

    /// <summary>A TIFF structure, with or without <c>Exif\0\0</c> before it; without a thumbnail.</summary>
    internal byte[]? Exif { get; init; }

    /// <summary>An XMP packet.</summary>
    internal byte[]? Xmp { get; init; }

    /// <summary>Reads the metadata of a file.</summary>
    /// <param name="inFile">The image as it is in the file; only its header is looked at.</param>
    /// <param name="content">The file.</param>
    internal static PictureMetadata Read(Image inFile, ReadOnlySpan<byte> content)
    {
        var unread = new List<UnkeptMetadata>();
        var format = ImageFormats.Detect(content);
        var exif = Bounded(inFile, "exif-data", "EXIF", unread);
        if (exif is not null && TiffDirectory.WithoutThumbnail(exif) is var whole)
        {
            if (whole is null)
                unread.Add(new UnkeptMetadata("EXIF", "it is damaged"));
            exif = whole;
        }

        if (format == ImageFormat.Tiff && TiffDirectory.HasExif(content))
            unread.Add(new UnkeptMetadata("EXIF", "mdf does not read that of TIFF files"));
        if (inFile.Contains("iptc-data"))
            unread.Add(new UnkeptMetadata("IPTC", "mdf does not carry it"));
        return new PictureMetadata
        {
            Exif = exif,
            Xmp = Bounded(inFile, "xmp-data", "XMP", unread),
            HasProfile = inFile.Contains(ColorProfile.Metadata),
            Resolution = ResolutionOf(inFile, exif, content),
            IsJpeg = format == ImageFormat.Jpeg,
            JpegQuality = format == ImageFormat.Jpeg ? Imaging.JpegQuality.Estimate(content) : null,
            Unread = unread,
        };
    }

    private static byte[]? Bounded(Image inFile, string name, string what, List<UnkeptMetadata> unread)
    {
        if (!inFile.Contains(name) || inFile.Get(name) is not byte[] { Length: > 0 } content)
            return null;
        if (content.Length <= MaximumBytes)
            return content;
        unread.Add(new UnkeptMetadata(what, $"it has {content.Length} bytes, more than {MaximumBytes}"));
        return null;
    }

    private static PictureResolution? ResolutionOf(Image inFile, byte[]? exif, ReadOnlySpan<byte> content)
    {
        var resolution = Known(inFile.Xres, inFile.Yres) ?? OfBmp(content);
        if (resolution is null && exif is not null)
        {
            // WebP and PNG files may say it in EXIF alone. libvips reads EXIF when it is set.
            using var pixel = Image.Black(1, 1);
            using var tagged = pixel.Mutate(image => image.Set(GValue.BlobType, "exif-data", exif));
            resolution = Known(tagged.Xres, tagged.Yres);
        }

        return inFile.Contains("orientation") && inFile.Get("orientation") is >= FirstTransposed && resolution is var (horizontal, vertical)
            ? new PictureResolution(vertical, horizontal)
            : resolution;
    }

    /// <summary>A BMP's resolution in pixels per metre (BITMAPINFOHEADER and its successors), which libvips does not see.</summary>
    private static PictureResolution? OfBmp(ReadOnlySpan<byte> content)
    {
        const int infoHeader = 14;
        const int horizontal = infoHeader + 24;
        const int end = infoHeader + 32;
        return ImageFormats.Detect(content) == ImageFormat.Bmp && content.Length >= end
            && BinaryPrimitives.ReadUInt32LittleEndian(content[infoHeader..]) >= 40
                ? Known(
                    BinaryPrimitives.ReadInt32LittleEndian(content[horizontal..]) / 1000.0,
                    BinaryPrimitives.ReadInt32LittleEndian(content[(horizontal + 4)..]) / 1000.0)
                : null;
    }

    private static PictureResolution? Known(double horizontal, double vertical) =>
        horizontal is >= LeastResolution and <= GreatestResolution && vertical is >= LeastResolution and <= GreatestResolution
        && (horizontal, vertical) != (UnknownResolution, UnknownResolution)
            ? new PictureResolution(horizontal, vertical)
            : null;
}
