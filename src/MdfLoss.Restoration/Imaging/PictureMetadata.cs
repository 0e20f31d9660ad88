using NetVips;

namespace Mdf.Imaging;

/// <summary>A kind of metadata that was not written to a file.</summary>
/// <param name="What">The kind, such as <c>EXIF</c>, <c>XMP</c>, <c>IPTC</c>, <c>colour profile</c>, <c>gain map</c>.</param>
/// <param name="Why">The reason, and the remedy if there is one.</param>
public sealed record UnkeptMetadata(string What, string Why);

/// <summary>
/// The metadata of the file of a <see cref="Picture"/>. <see cref="ImageFile.Write(string, Picture, ImageWriteOptions?)"/> writes the metadata that are
/// still true: the pixels are now upright, in sRGB, and may have another size.
/// </summary>
/// <remarks>EXIF and XMP are untrusted bytes. Their size is limited here; <see cref="TiffDirectory"/>, libexif and <see cref="System.Xml"/> parse them; they are never shown.</remarks>
public sealed record PictureMetadata
{
    /// <summary>The largest EXIF, and the largest XMP, that is kept: 1 MiB. A JPEG file has at most 64 KiB of each; other files rarely have more.</summary>
    internal const int MaximumBytes = 1 << 20;

    /// <summary>Whether the file has EXIF that can be kept.</summary>
    internal bool HasExif => Exif is not null;

    /// <summary>Whether the file has XMP that can be kept.</summary>
    internal bool HasXmp => Xmp is not null;

    /// <summary>Whether the file has a colour profile. The picture is in sRGB in any case.</summary>
    internal bool HasProfile { get; init; }

    /// <summary>The print resolution; null if the file has none.</summary>
    internal PictureResolution? Resolution { get; init; }

    /// <summary>The quality of a JPEG file (see <see cref="Imaging.JpegQuality"/>); null for other files, and for tables that are not standard tables.</summary>
    internal int? JpegQuality { get; init; }

    /// <summary>Whether the file is a JPEG.</summary>
    internal bool IsJpeg { get; init; }

    /// <summary>The metadata of the file that cannot be kept.</summary>
    internal IReadOnlyList<UnkeptMetadata> Unread { get; init; } = [];

    /// <summary>The EXIF: a TIFF structure without a thumbnail, with or without the prefix <c>Exif\0\0</c>.</summary>
    internal byte[]? Exif { get; init; }

    /// <summary>The XMP packet.</summary>
    internal byte[]? Xmp { get; init; }

    /// <summary>Reads the metadata of a file.</summary>
    /// <param name="inFile">The image as it is in the file. Only its header is read.</param>
    /// <param name="content">The file.</param>
    internal static PictureMetadata Read(Image inFile, ReadOnlySpan<byte> content)
    {
        var unread = new List<UnkeptMetadata>();
        var format = ImageFormats.Detect(content);
        // The EXIF chunk of a PNG takes precedence over its text chunks.
        var exif = Bounded(BlobOf(inFile, "exif-data") ?? RawProfile.Exif(inFile), "EXIF", unread);
        if (exif is not null && TiffDirectory.WithoutThumbnail(exif) is var whole)
        {
            if (whole is null)
                unread.Add(new UnkeptMetadata("EXIF", "it is corrupt"));
            exif = whole;
        }

        if (format == ImageFormat.Tiff && TiffDirectory.HasExif(content))
            unread.Add(new UnkeptMetadata("EXIF", "mdf does not read the EXIF of TIFF files"));
        if (format == ImageFormat.Jpeg ? PhotoshopResources.JpegHasIptc(content) : HasIptc(inFile))
            unread.Add(new UnkeptMetadata("IPTC", "mdf does not keep it"));
        var density = PixelDensity.Read(content);
        if (density is { IsShape: true })
            unread.Add(new UnkeptMetadata("pixel aspect ratio", "mdf does not keep it"));
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
        // The same order as in libvips for JPEG: cameras write EXIF, and a JFIF segment only for programs that need one. The PNG standard calls EXIF historical (11.3.4.5).
        var resolution = format == ImageFormat.Jpeg ? inExif ?? density?.Resolution : density?.Resolution ?? inExif;
        return resolution is var (horizontal, vertical) && Orientation.Read(inFile).Transposes ? new PictureResolution(vertical, horizontal) : resolution;
    }
}
