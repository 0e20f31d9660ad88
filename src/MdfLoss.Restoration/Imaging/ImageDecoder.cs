using System.Runtime.InteropServices;
using System.Text;
using NetVips;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>Decodes a whole image file in memory: the one path for every format.</summary>
internal static class ImageDecoder
{
    /// <summary>
    /// The most tiles that a row of a TIFF may have. libvips takes a time for a row that grows with the square of their number: half a second for twice as many.
    /// Tiles of 16 pixels, the smallest, are enough for 65,536 columns so, and those of 256, the usual ones, for a million.
    /// </summary>
    internal const int MaximumTilesAcross = 4096;

    /// <summary>Decodes; see <see cref="ImageFile"/> for what is accepted.</summary>
    /// <returns>RGB, <c>(1, 3, H, W)</c>, float32 in [0, 1], on the CPU.</returns>
    /// <exception cref="InvalidDataException">Not a usable image; the message says why, without naming the file.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Tensor Decode(byte[] content, ImageReadOptions options, CancellationToken cancellation) =>
        Decode(content, (pixels, _, layout) => Pixels.ToRgb(pixels, layout, options.Alpha, cancellation), cancellation);

    /// <summary>Decodes with all channels; see <see cref="ImageFile"/> for what is accepted.</summary>
    /// <returns>On the CPU, float32.</returns>
    /// <exception cref="InvalidDataException">Not a usable image; the message says why, without naming the file.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Picture DecodePicture(byte[] content, CancellationToken cancellation) =>
        // The file decides what is grey: a profile may have turned its one channel into three.
        Decode(
            content,
            (pixels, inFile, layout) =>
            {
                var metadata = PictureMetadata.Read(inFile, content);
                return Pixels.ToPicture(pixels, layout, isGrey: inFile.Bands <= 2, cancellation) with { Metadata = metadata };
            },
            cancellation);

    /// <param name="content">The file.</param>
    /// <param name="take">Makes the result from the pixels in sRGB, the image as it is in the file, and how the pixels are stored.</param>
    /// <param name="cancellation">Looked at between two parts of the pixels.</param>
    private static T Decode<T>(byte[] content, Func<Image, Image, PixelLayout, T> take, CancellationToken cancellation)
        where T : IDisposable
    {
        cancellation.ThrowIfCancellationRequested();
        var format = ImageFormats.Detect(content)
            ?? throw new InvalidDataException(NoImage(content.AsSpan(0, Math.Min(12, content.Length))));
        try
        {
            if (format == ImageFormat.Jpeg)
                content = JpegStructure.Parse(content, cancellation).Corrected();
            try
            {
                return Decode(content, format, take, cancellation);
            }
            catch (VipsException e) when (format == ImageFormat.Jpeg && JpegStructure.Parse(content, cancellation).Unpadded(Libvips.Reason(e)) is { } unpadded)
            {
                return Decode(unpadded, format, take, cancellation);
            }
        }
        catch (VipsException e)
        {
            throw new InvalidDataException($"the file is damaged or uses what is not supported ({Libvips.Reason(e)})", e);
        }
        catch (ExternalException e)
        {
            throw new InvalidDataException($"libtorch cannot hold it ({e.Message.Split('\n')[0].Trim()}); scale or crop it first", e);
        }
    }

    private static T Decode<T>(byte[] content, ImageFormat format, Func<Image, Image, PixelLayout, T> take, CancellationToken cancellation)
        where T : IDisposable => Libvips.Run(() => Libvips.Observe(warnings =>
        {
            using var opened = Open(content, format, cancellation);
            using var srgb = ColorProfile.ToSrgb(opened);
            string[] harmless = [.. warnings];
            var result = take(srgb, opened, new PixelLayout(Orientation.Of(opened), TileOf(opened)));
            if (format != ImageFormat.Tiff || warnings.FirstOrDefault(warning => !harmless.Contains(warning) && MeansLostPixels(warning)) is not { } lost)
                return result;
            result.Dispose();
            throw new InvalidDataException($"the file is damaged ({lost})");
        }));

    /// <summary>Says what was found in place of an image.</summary>
    /// <param name="head">The first bytes of the file.</param>
    public static string NoImage(ReadOnlySpan<byte> head)
    {
        var found = head.IsEmpty ? "an empty file"
            : head.IndexOfAnyExceptInRange((byte)'\t', (byte)'~') < 0 ? $"text ('{Encoding.ASCII.GetString(head).Trim()}')"
            : $"the bytes {Convert.ToHexStringLower(head[..Math.Min(4, head.Length)])}";
        return $"expected {ImageFormats.Readable}, found {found} at its start";
    }

    /// <summary>Opens a file and checks what its header says; no pixel has been decoded then, except of a BMP.</summary>
    private static Image Open(byte[] content, ImageFormat format, CancellationToken cancellation)
    {
        var image = Load(content, format, Enums.Access.Sequential, cancellation);
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

        // Tiles are read in blocks, which do not follow each other from top to bottom.
        image.Dispose();
        return Load(content, format, Enums.Access.Random, cancellation);
    }

    private static Image Load(byte[] content, ImageFormat format, Enums.Access access, CancellationToken cancellation) => format switch
    {
        // Error, not Warning: odd chunks are warnings. Error includes truncation, and every checksum is checked.
        ImageFormat.Png => Image.PngloadBuffer(content, access: access, failOn: Enums.FailOn.Error),
        // Of what libjpeg warns of, JpegStructure has left only what means lost pixels. What libjpeg does not notice was looked at there.
        ImageFormat.Jpeg => Image.JpegloadBuffer(content, access: access, failOn: Enums.FailOn.Warning),
        // Error, not Warning: odd tags are warnings. MeansLostPixels sorts them.
        ImageFormat.Tiff => Image.TiffloadBuffer(content, access: access, failOn: Enums.FailOn.Error),
        // There are no warnings, and no checksums.
        ImageFormat.WebP => Image.WebploadBuffer(content, access: access, failOn: Enums.FailOn.Error),
        ImageFormat.Bmp => BmpReader.Read(content, cancellation),
        _ => throw new ArgumentOutOfRangeException(nameof(format), format, "a format that is not read"),
    };

    /// <summary>Whether libtiff's warning, given while pixels were decoded, is about them: all are but one.</summary>
    private static bool MeansLostPixels(string warning) =>
        // The data of a strip may be filled up before its last marker.
        !(warning.Contains("extraneous bytes before marker", StringComparison.Ordinal) && warning.EndsWith("0xd9", StringComparison.Ordinal))
        // Of a profile, which counts as none if it is damaged.
        && !warning.Contains("icc", StringComparison.OrdinalIgnoreCase) && !warning.Contains("profile", StringComparison.OrdinalIgnoreCase);

    /// <returns>The size of the file's tiles; null where it has rows.</returns>
    private static (int Width, int Height)? TileOf(Image image) =>
        image.Contains("tile-width") && image.Contains("tile-height") ? ((int)image.Get("tile-width"), (int)image.Get("tile-height")) : null;

    /// <summary>Checks what the header says; no pixel has been decoded yet.</summary>
    private static void Check(Image image)
    {
        ImageLimits.CheckSize(image.Width, image.Height);
        if (image.Format is not (Enums.BandFormat.Uchar or Enums.BandFormat.Ushort))
        {
            throw new InvalidDataException(
                $"expected 8 or 16 unsigned bits per channel, found {image.Format.ToString().ToLowerInvariant()}; convert it first");
        }

        // By the kind of pixels, not by the number of channels: grey with two more channels is not RGB.
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
