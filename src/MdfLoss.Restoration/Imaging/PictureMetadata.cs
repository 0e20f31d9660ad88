using NetVips;

namespace Mdf.Imaging;

/// <summary>Metadata that a file was written without.</summary>
/// <param name="What">Which, such as <c>EXIF</c>, <c>XMP</c>, <c>IPTC</c>, <c>colour profile</c>, <c>gain map</c>.</param>
/// <param name="Why">The reason, and where there is one the remedy.</param>
public sealed record UnkeptMetadata(string What, string Why);

/// <summary>
/// What the file of a <see cref="Picture"/> says besides its pixels. <see cref="ImageFile.Write(string, Picture, ImageWriteOptions?)"/> writes what still holds
/// of it: the pixels are upright, in sRGB, and may have another size.
/// </summary>
/// <remarks>EXIF and XMP are untrusted bytes: bounded here, parsed by <see cref="TiffDirectory"/>, libexif and <see cref="System.Xml"/>, and never shown.</remarks>
public sealed record PictureMetadata
{
    /// <summary>The most bytes of EXIF, and of XMP, that are carried: 1 MiB. JPEG files hold 64 KiB of each; others rarely more.</summary>
    public const int MaximumBytes = 1 << 20;

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
        // A PNG's chunk counts more than its texts.
        var exif = Bounded(BlobOf(inFile, "exif-data") ?? RawProfile.Exif(inFile), "EXIF", unread);
        if (exif is not null && TiffDirectory.WithoutThumbnail(exif) is var whole)
        {
            if (whole is null)
                unread.Add(new UnkeptMetadata("EXIF", "it is damaged"));
            exif = whole;
        }

        if (format == ImageFormat.Tiff && TiffDirectory.HasExif(content))
            unread.Add(new UnkeptMetadata("EXIF", "mdf does not read that of TIFF files"));
        if (format == ImageFormat.Jpeg ? PhotoshopResources.JpegHasIptc(content) : HasIptc(inFile))
            unread.Add(new UnkeptMetadata("IPTC", "mdf does not carry it"));
        var density = PixelDensity.Read(content);
        if (density is { IsShape: true })
            unread.Add(new UnkeptMetadata("pixel aspect ratio", "mdf does not carry it"));
        return new PictureMetadata
        {
            Exif = exif,
            Xmp = Bounded(BlobOf(inFile, "xmp-data") ?? RawProfile.Xmp(inFile), "XMP", unread),
            HasProfile = inFile.Contains(ColorProfile.Metadata),
            Resolution = ResolutionOf(inFile, density, exif, format),
            IsJpeg = format == ImageFormat.Jpeg,
            JpegQuality = format == ImageFormat.Jpeg ? Imaging.JpegQuality.Estimate(content) : null,
            Unread = unread,
        };
    }

    private static byte[]? BlobOf(Image inFile, string name) =>
        inFile.Contains(name) && inFile.Get(name) is byte[] { Length: > 0 } content ? content : null;

    private static byte[]? Bounded(byte[]? content, string what, List<UnkeptMetadata> unread)
    {
        if (content is null or { Length: <= MaximumBytes })
            return content;
        unread.Add(new UnkeptMetadata(what, $"it has {content.Length} bytes, more than {MaximumBytes}"));
        return null;
    }

    private static bool HasIptc(Image inFile) =>
        BlobOf(inFile, "iptc-data") is not null
        || BlobOf(inFile, "photoshop-data") is { } blocks && PhotoshopResources.HaveIptc(blocks)
        || RawProfile.HasIptc(inFile);

    private static PictureResolution? ResolutionOf(Image inFile, PixelDensity? density, byte[]? exif, ImageFormat? format)
    {
        var inExif = exif is null ? null : PixelDensity.FromTiff(exif)?.Resolution;
        // As libvips has it in a JPEG: cameras write EXIF, and a JFIF segment only for programs that ask for one. The PNG standard calls EXIF historical (11.3.4.5).
        var resolution = format == ImageFormat.Jpeg ? inExif ?? density?.Resolution : density?.Resolution ?? inExif;
        return resolution is var (horizontal, vertical) && Orientation.Of(inFile).Transposes ? new PictureResolution(vertical, horizontal) : resolution;
    }
}
