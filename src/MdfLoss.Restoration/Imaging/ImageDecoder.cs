using System.Runtime.InteropServices;
using System.Text;
using NetVips;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>Decodes a whole image file in memory. All formats use this decoder.</summary>
internal static class ImageDecoder
{
    /// <summary>
    /// The largest number of tiles in a row of a TIFF. The time of libvips for a row grows with the square of this number; twice as many tiles take half a second.
    /// This is enough for 65,536 columns with the smallest tiles (16 pixels), and for a million columns with the usual tiles (256 pixels).
    /// </summary>
    internal const int MaximumTilesAcross = 4096;

    /// <summary>Decodes to RGB. <see cref="ImageFile"/> describes the supported files.</summary>
    /// <returns>RGB, <c>(1, 3, H, W)</c>, float32 in [0, 1], on the CPU.</returns>
    /// <exception cref="InvalidDataException">The content is not a usable image. The message gives the reason, without the name of the file.</exception>
    /// <exception cref="OperationCanceledException">The operation was cancelled.</exception>
    public static Tensor Decode(byte[] content, ImageReadOptions options, CancellationToken cancellationToken) =>
        Decode(content, (pixels, _, layout) => Pixels.ToRgb(pixels, layout, options.Alpha, cancellationToken), cancellationToken);

    /// <summary>Decodes with all channels. <see cref="ImageFile"/> describes the supported files.</summary>
    /// <returns>The picture, on the CPU, float32.</returns>
    /// <exception cref="InvalidDataException">The content is not a usable image. The message gives the reason, without the name of the file.</exception>
    /// <exception cref="OperationCanceledException">The operation was cancelled.</exception>
    public static Picture DecodePicture(byte[] content, CancellationToken cancellationToken) =>
        // The file decides whether the picture is grey, because a profile may have converted its one channel to three.
        Decode(
            content,
            (pixels, inFile, layout) =>
            {
                var metadata = PictureMetadata.Read(inFile, content);
                return Pixels.ToPicture(pixels, layout, isGrey: inFile.Bands <= 2, cancellationToken) with { Metadata = metadata };
            },
            cancellationToken);

    /// <param name="content">The file.</param>
    /// <param name="take">Creates the result from the pixels in sRGB, the image as it is in the file, and the layout of the stored pixels.</param>
    /// <param name="cancellationToken">Cancels between two parts of the pixels.</param>
    private static T Decode<T>(byte[] content, Func<Image, Image, PixelLayout, T> take, CancellationToken cancellationToken)
        where T : IDisposable
    {
        cancellationToken.ThrowIfCancellationRequested();
        var format = ImageFormats.Detect(content)
            ?? throw new InvalidDataException(NoImage(content.AsSpan(0, Math.Min(12, content.Length))));
        try
        {
            if (format == ImageFormat.Jpeg)
                content = JpegStructure.Parse(content, cancellationToken).Corrected();
            try
            {
                return Decode(content, format, take, cancellationToken);
            }
            catch (VipsException e) when (format == ImageFormat.Jpeg && JpegStructure.Parse(content, cancellationToken).Unpadded(Libvips.Reason(e)) is { } unpadded)
            {
                return Decode(unpadded, format, take, cancellationToken);
            }
        }
        catch (VipsException e)
        {
            throw new InvalidDataException($"the file is corrupt or uses an unsupported feature ({Libvips.Reason(e)})", e);
        }
        catch (ExternalException e)
        {
            throw new InvalidDataException($"libtorch cannot hold it ({e.Message.Split('\n')[0].Trim()}); scale or crop it first", e);
        }
    }

    private static T Decode<T>(byte[] content, ImageFormat format, Func<Image, Image, PixelLayout, T> take, CancellationToken cancellationToken)
        where T : IDisposable => Libvips.Run(() => Libvips.Observe(warnings =>
        {
            using var opened = Open(content, format, cancellationToken);
            using var srgb = ColorProfile.ToSrgb(opened);
            string[] harmless = [.. warnings];
            var result = take(srgb, opened, new PixelLayout(Orientation.Read(opened), TileOf(opened)));
            if (format != ImageFormat.Tiff || warnings.FirstOrDefault(warning => !harmless.Contains(warning) && MeansLostPixels(warning)) is not { } lost)
                return result;
            result.Dispose();
            throw new InvalidDataException($"the file is corrupt ({lost})");
        }));

    /// <summary>Creates the message for content that is not an image.</summary>
    /// <param name="head">The first bytes of the file.</param>
    public static string NoImage(ReadOnlySpan<byte> head)
    {
        var found = head.IsEmpty ? "an empty file"
            : head.IndexOfAnyExceptInRange((byte)'\t', (byte)'~') < 0 ? $"text ('{Encoding.ASCII.GetString(head).Trim()}')"
            : $"the bytes {Convert.ToHexStringLower(head[..Math.Min(4, head.Length)])}";
        return $"expected {ImageFormats.Readable}, found {found} at its start";
    }

    /// <summary>Opens a file and checks its header. This decodes no pixels, except in a BMP.</summary>
    private static Image Open(byte[] content, ImageFormat format, CancellationToken cancellationToken)
    {
        var image = Load(content, format, Enums.Access.Sequential, cancellationToken);
        try
        {
            Check(image);
            if (format == ImageFormat.Png)
                PngStructure.RequireData(content);
            if (TileOf(image) is not { } tile)
                return image;
            if (image.Width > (long)tile.Width * MaximumTilesAcross)
            {
                throw new InvalidDataException(
                    $"expected at most {MaximumTilesAcross} tiles in a row, found {image.Width} columns in tiles of {tile.Width}; save it without tiles");
            }
        }
        catch
        {
            image.Dispose();
            throw;
        }

        // Tiles are read in blocks, and the blocks are not in order from top to bottom.
        image.Dispose();
        return Load(content, format, Enums.Access.Random, cancellationToken);
    }

    private static Image Load(byte[] content, ImageFormat format, Enums.Access access, CancellationToken cancellationToken) => format switch
    {
        // Error, not Warning: odd chunks are warnings. Error includes truncation, and every checksum is checked.
        ImageFormat.Png => Image.PngloadBuffer(content, access: access, failOn: Enums.FailOn.Error),
        // JpegStructure has removed the causes of harmless warnings, so every warning of libjpeg means lost pixels. It has also checked for errors that libjpeg does not detect.
        ImageFormat.Jpeg => Image.JpegloadBuffer(content, access: access, failOn: Enums.FailOn.Warning),
        // Error, not Warning: odd tags are warnings. MeansLostPixels selects the relevant ones.
        ImageFormat.Tiff => Image.TiffloadBuffer(content, access: access, failOn: Enums.FailOn.Error),
        // There are no warnings, and no checksums.
        ImageFormat.WebP => Image.WebploadBuffer(content, access: access, failOn: Enums.FailOn.Error),
        ImageFormat.Bmp => BmpReader.Read(content, cancellationToken),
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "unsupported format"),
    };

    /// <summary>Whether a warning of libtiff during decoding means lost pixels. All warnings do, with two exceptions.</summary>
    private static bool MeansLostPixels(string warning) =>
        // The data of a strip may have padding before its last marker.
        !(warning.Contains("extraneous bytes before marker", StringComparison.Ordinal) && warning.EndsWith("0xd9", StringComparison.Ordinal))
        // A warning about a profile: a corrupt profile is ignored.
        && !warning.Contains("icc", StringComparison.OrdinalIgnoreCase) && !warning.Contains("profile", StringComparison.OrdinalIgnoreCase);

    /// <returns>The size of the file's tiles; null if it has rows.</returns>
    private static (int Width, int Height)? TileOf(Image image) =>
        image.Contains("tile-width") && image.Contains("tile-height") ? ((int)image.Get("tile-width"), (int)image.Get("tile-height")) : null;

    /// <summary>Checks the header, before any pixel is decoded.</summary>
    private static void Check(Image image)
    {
        ImageLimits.CheckSize(image.Width, image.Height);
        if (image.Format is not (Enums.BandFormat.Uchar or Enums.BandFormat.Ushort))
        {
            throw new InvalidDataException(
                $"expected 8 or 16 unsigned bits per channel, found {image.Format.ToString().ToLowerInvariant()}; convert it first");
        }

        // The kind of pixels decides, not the number of channels: grey with two more channels is not RGB.
        var colors = image.Interpretation switch
        {
            Enums.Interpretation.Bw or Enums.Interpretation.Grey16 => 1,
            Enums.Interpretation.Srgb or Enums.Interpretation.Rgb or Enums.Interpretation.Rgb16 => 3,
            Enums.Interpretation.Cmyk => 4,
            _ => 0,
        };
        if (colors == 0 || image.Bands < colors || image.Bands > colors + 1 || image.Coding != Enums.Coding.None)
        {
            throw new InvalidDataException("expected grey, RGB or CMYK with or without alpha, found "
                + $"{image.Bands} channels of {image.Interpretation.ToString().ToLowerInvariant()}; convert it first");
        }
    }
}
