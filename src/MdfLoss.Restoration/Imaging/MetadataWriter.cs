using System.Globalization;
using NetVips;

namespace Mdf.Imaging;

/// <summary>Encodes a picture together with the metadata that are still true.</summary>
internal static class MetadataWriter
{
    /// <summary>EXIF's number for sRGB in ColorSpace, and its name in the interoperability directory (Exif 2.32, 4.6.5 and A).</summary>
    private const string ExifSrgb = "1";
    private const string InteroperabilitySrgb = "R98";

    private const string ColorSpace = "exif-ifd2-ColorSpace";
    private const string Interoperability = "exif-ifd4-InteroperabilityIndex";
    private const string Upright = "orientation";
    private const string ExifData = "exif-data";
    private const string XmpData = "xmp-data";

    /// <summary>A factor against truncation: libvips truncates the resolution in EXIF to three decimals, so 299.9999999 would become 299.999.</summary>
    private const double UpToThousandth = 1 + 1e-9;

    /// <summary>The names, in libvips, of the entries for the picture's width that libvips does not write itself: TIFF's entry, and the entry of Exif 2.32, annex A.</summary>
    private static readonly string[] s_widths = ["exif-ifd0-ImageWidth", "exif-ifd4-RelatedImageWidth"];
    private static readonly string[] s_heights = ["exif-ifd0-ImageLength", "exif-ifd4-RelatedImageLength"];

    /// <summary>
    /// Encodes a picture. In EXIF and XMP, the picture is upright, in sRGB, and has its current size. A picture that had a colour profile gets the sRGB profile. The
    /// resolution is the resolution of the picture's file.
    /// </summary>
    /// <param name="pixels">The picture.</param>
    /// <param name="metadata">The metadata of the picture's file.</param>
    /// <param name="format">The format of the new file.</param>
    /// <param name="encode">Creates a file with the metadata of the image that the second argument selects.</param>
    /// <returns>The file, and the metadata that it does not contain.</returns>
    /// <exception cref="VipsException">The format cannot hold the pixels.</exception>
    public static (byte[] File, IReadOnlyList<UnkeptMetadata> Unkept) Encode(
        Image pixels, PictureMetadata metadata, ImageFormat format, Func<Image, Enums.ForeignKeep, byte[]> encode)
    {
        var unkept = new List<UnkeptMetadata>(metadata.Unread);
        var exif = metadata.Exif;
        if (exif is not null && format == ImageFormat.Tiff)
        {
            unkept.Add(new UnkeptMetadata("EXIF", "mdf writes no EXIF to TIFF; write .jpg, .png or .webp to keep it"));
            exif = null;
        }

        byte[]? xmp = null;
        if (metadata.Xmp is { } packet)
        {
            if (XmpPacket.Mend(packet, pixels.Width, pixels.Height) is var (mended, gone))
            {
                xmp = mended;
                unkept.AddRange(gone);
            }
            else
            {
                unkept.Add(new UnkeptMetadata("XMP", "it is corrupt"));
            }
        }

        var hasProfile = metadata.HasProfile && pixels.Bands >= 3;
        if (metadata.HasProfile && !hasProfile)
            unkept.Add(new UnkeptMetadata("colour profile", "its greys are converted to sRGB, and mdf has no sRGB profile with one channel"));

        var all = new Parts(exif, xmp, hasProfile, metadata.Resolution, metadata.Resolution is { } known && !PixelDensity.Holds(format, known));
        var (file, parts) = Encode(pixels, all, encode);
        // libvips leaves out metadata that a format cannot hold, without an error.
        using var written = Image.NewFromBuffer(file);
        var writtenExif = written.Contains(ExifData) ? (byte[])written.Get(ExifData) : null;
        if (exif is not null && (parts.Exif is null || writtenExif is null))
            unkept.Add(new UnkeptMetadata("EXIF", DoesNotFit(exif)));
        if (xmp is not null && (parts.Xmp is null || !written.Contains(XmpData)))
            unkept.Add(new UnkeptMetadata("XMP", DoesNotFit(xmp)));
        if (hasProfile && !written.Contains(ColorProfile.Metadata))
            unkept.Add(new UnkeptMetadata("colour profile", $"{format} did not accept the sRGB profile"));
        if (all.NeedsExif && writtenExif is null)
            unkept.Add(new UnkeptMetadata("resolution", $"{format} stores it in EXIF, which could not be written"));
        return (PixelDensity.Write(file, format, metadata.Resolution, writtenExif), unkept);

        string DoesNotFit(byte[] content) => $"it is corrupt, or its {content.Length} bytes are too many for {format}";
    }

    /// <summary>Encodes with as much of the metadata as libvips accepts.</summary>
    private static (byte[] File, Parts Parts) Encode(Image pixels, Parts all, Func<Image, Enums.ForeignKeep, byte[]> encode)
    {
        // EXIF and XMP come from the file. The rest is ours; it is left out only if the picture can be written without it.
        Parts[] attempts =
        [
            all, all with { Exif = null }, all with { Xmp = null }, all with { Exif = null, Xmp = null },
            new Parts(Exif: null, Xmp: null, HasProfile: false, all.Resolution, NeedsExif: false),
        ];
        foreach (var parts in attempts.Distinct().SkipLast(1))
        {
            try
            {
                using var tagged = Tag(pixels, parts);
                return (encode(tagged, parts.Keep), parts);
            }
            catch (VipsException)
            {
                // If the metadata are not the cause, the last attempt also fails.
            }
        }

        using var bare = Tag(pixels, attempts[^1]);
        return (encode(bare, attempts[^1].Keep), attempts[^1]);
    }

    private static Image Tag(Image pixels, Parts parts)
    {
        using var tagged = pixels.Mutate(image =>
        {
            if (parts.Exif is not null)
            {
                // libvips reads the EXIF here, and sets the orientation and the resolution from it. Values that are set after this take precedence.
                image.Set(GValue.BlobType, ExifData, parts.Exif);
                if (image.GetTypeOf(Interoperability) != 0)
                    image.Set(GValue.GStrType, Interoperability, InteroperabilitySrgb);
                image.Set(GValue.GIntType, Upright, 1);
                SetSize(s_widths, pixels.Width);
                SetSize(s_heights, pixels.Height);
            }

            if (parts.Exif is not null || parts.NeedsExif)
                image.Set(GValue.GStrType, ColorSpace, ExifSrgb);
            if (parts.Xmp is not null)
                image.Set(GValue.BlobType, XmpData, parts.Xmp);
            if (parts.HasProfile)
                image.Set(GValue.BlobType, ColorProfile.Metadata, Image.ProfileLoad("srgb"));

            void SetSize(string[] names, int size)
            {
                foreach (var name in names)
                {
                    if (image.GetTypeOf(name) != 0)
                        image.Set(GValue.GStrType, name, size.ToString(CultureInfo.InvariantCulture));
                }
            }
        });
        return parts.Resolution is var (horizontal, vertical) ? tagged.Copy(xres: horizontal * UpToThousandth, yres: vertical * UpToThousandth) : tagged.Copy();
    }

    /// <summary>The metadata to write to a file.</summary>
    /// <param name="Exif">The EXIF of the picture's file.</param>
    /// <param name="Xmp">The XMP of the picture's file.</param>
    /// <param name="HasProfile">Whether the sRGB profile is written.</param>
    /// <param name="Resolution">The resolution.</param>
    /// <param name="NeedsExif">Whether the format can store this resolution only in EXIF.</param>
    private sealed record Parts(byte[]? Exif, byte[]? Xmp, bool HasProfile, PictureResolution? Resolution, bool NeedsExif)
    {
        public Enums.ForeignKeep Keep =>
            (Exif is null && !NeedsExif ? Enums.ForeignKeep.None : Enums.ForeignKeep.Exif)
            | (Xmp is null ? Enums.ForeignKeep.None : Enums.ForeignKeep.Xmp)
            | (HasProfile ? Enums.ForeignKeep.Icc : Enums.ForeignKeep.None);
    }
}
