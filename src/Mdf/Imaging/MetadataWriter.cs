using NetVips;

namespace Mdf.Imaging;

/// <summary>Encodes a picture together with what still holds of its metadata.</summary>
internal static class MetadataWriter
{
    /// <summary>EXIF's number for sRGB in ColorSpace, and its name in the interoperability directory (Exif 2.32, 4.6.5 and A).</summary>
    private const string ExifSrgb = "1";
    private const string InteroperabilitySrgb = "R98";

    private const string Upright = "orientation";
    private const string Interoperability = "exif-ifd4-InteroperabilityIndex";

    /// <summary>
    /// Encodes. EXIF says that the picture is upright, in sRGB and of its size; so does XMP; a picture that had a colour profile has sRGB's; the resolution is
    /// that of the picture's file.
    /// </summary>
    /// <param name="pixels">The picture.</param>
    /// <param name="metadata">What its file said.</param>
    /// <param name="format">The format of the new file.</param>
    /// <param name="encode">Makes a file with all of the image's metadata that the second argument names.</param>
    /// <returns>The file, and what it does not hold of the metadata.</returns>
    /// <exception cref="VipsException">The format cannot hold the pixels.</exception>
    public static (byte[] File, IReadOnlyList<UnkeptMetadata> Unkept) Encode(
        Image pixels, PictureMetadata metadata, ImageFormat format, Func<Image, Enums.ForeignKeep, byte[]> encode)
    {
        var unkept = new List<UnkeptMetadata>(metadata.Unread);
        var exif = metadata.Exif;
        if (exif is not null && format == ImageFormat.Tiff)
        {
            unkept.Add(new UnkeptMetadata("EXIF", "mdf writes none into TIFF; write .jpg, .png or .webp to keep it"));
            exif = null;
        }

        var xmp = metadata.Xmp is { } packet ? XmpPacket.Mend(packet, pixels.Width, pixels.Height) : null;
        if (metadata.HasXmp && xmp is null)
            unkept.Add(new UnkeptMetadata("XMP", "it is damaged"));
        var isColor = pixels.Bands >= 3;
        if (metadata.HasProfile && !isColor)
            unkept.Add(new UnkeptMetadata("colour profile", "its greys are converted to those of sRGB, for which mdf has no profile of one channel"));

        using var tagged = Tag(pixels, exif, xmp, metadata.HasProfile && isColor, metadata.Resolution);
        var keep = (exif is null ? Enums.ForeignKeep.None : Enums.ForeignKeep.Exif)
            | (xmp is null ? Enums.ForeignKeep.None : Enums.ForeignKeep.Xmp)
            | (metadata.HasProfile && isColor ? Enums.ForeignKeep.Icc : Enums.ForeignKeep.None)
            // libvips writes the resolution of these as EXIF alone.
            | (metadata.Resolution is not null && format is ImageFormat.Jpeg or ImageFormat.WebP ? Enums.ForeignKeep.Exif : Enums.ForeignKeep.None);
        byte[] file;
        try
        {
            file = encode(tagged, keep);
        }
        catch (VipsException)
        {
            // If it is not the metadata's fault, this fails, too.
            file = encode(pixels, Enums.ForeignKeep.None);
        }

        // libvips leaves out what a format cannot hold without an error.
        using var written = Image.NewFromBuffer(file);
        if (exif is not null && !written.Contains("exif-data"))
            unkept.Add(TooLarge("EXIF", exif));
        if (xmp is not null && !written.Contains("xmp-data"))
            unkept.Add(TooLarge("XMP", xmp));
        return (file, unkept);

        UnkeptMetadata TooLarge(string what, byte[] content) => new(what, $"it is damaged, or its {content.Length} bytes are too many for {format}");
    }

    private static Image Tag(Image pixels, byte[]? exif, byte[]? xmp, bool isTagged, PictureResolution? resolution)
    {
        using var tagged = pixels.Mutate(image =>
        {
            if (exif is not null)
            {
                // libvips reads it here, and so sets the orientation and the resolution: what comes after it counts.
                image.Set(GValue.BlobType, "exif-data", exif);
                image.Set(GValue.GStrType, "exif-ifd2-ColorSpace", ExifSrgb);
                if (image.GetTypeOf(Interoperability) != 0)
                    image.Set(GValue.GStrType, Interoperability, InteroperabilitySrgb);
                image.Set(GValue.GIntType, Upright, 1);
            }

            if (xmp is not null)
                image.Set(GValue.BlobType, "xmp-data", xmp);
            if (isTagged)
                image.Set(GValue.BlobType, ColorProfile.Metadata, Image.ProfileLoad("srgb"));
        });
        return resolution is var (horizontal, vertical) ? tagged.Copy(xres: horizontal, yres: vertical) : tagged.Copy();
    }
}
