using System.Runtime.InteropServices;
using System.Text;
using NetVips;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>Decodes a whole image file in memory: the one path for every format.</summary>
internal static class ImageDecoder
{
    /// <summary>
    /// libvips prints warnings to standard error by itself. What matters of them arrives as an exception too, so they
    /// are dropped, for the whole process.
    /// </summary>
    static ImageDecoder() => Log.SetLogHandler("VIPS", Enums.LogLevelFlags.Warning, static (_, _, _) => { });

    /// <summary>Decodes; see <see cref="ImageFile"/> for what is accepted.</summary>
    /// <returns>RGB, <c>(1, 3, H, W)</c>, float32 in [0, 1], on the CPU.</returns>
    /// <exception cref="InvalidDataException">Not a usable image; the message says why, without naming the file.</exception>
    public static Tensor Decode(byte[] content, ImageReadOptions options) =>
        Decode(content, (pixels, _) => Pixels.ToRgb(pixels, options.Alpha));

    /// <summary>Decodes with all channels; see <see cref="ImageFile"/> for what is accepted.</summary>
    /// <returns>On the CPU, float32.</returns>
    /// <exception cref="InvalidDataException">Not a usable image; the message says why, without naming the file.</exception>
    public static Picture DecodePicture(byte[] content) =>
        // The file decides what is grey: a profile may have turned its one channel into three.
        Decode(content, (pixels, inFile) =>
            Pixels.ToPicture(pixels, isGrey: inFile.Bands <= 2) with { Metadata = PictureMetadata.Read(inFile, content) });

    /// <param name="content">The file.</param>
    /// <param name="take">Makes the result from the pixels in sRGB; its second argument is the image as it is in the file.</param>
    private static T Decode<T>(byte[] content, Func<Image, Image, T> take)
    {
        try
        {
            using var opened = Open(content, Enums.Access.Sequential);
            Check(opened);
            using var upright = Upright(opened, content);
            using var srgb = ColorProfile.ToSrgb(upright);
            return take(srgb, opened);
        }
        catch (VipsException e)
        {
            throw new InvalidDataException($"the file is damaged or uses what is not supported ({Reason(e)})", e);
        }
        catch (ExternalException e)
        {
            throw new InvalidDataException($"libtorch cannot hold it ({e.Message.Split('\n')[0].Trim()}); scale or crop it first", e);
        }
    }

    /// <summary>Says what was found in place of an image.</summary>
    /// <param name="head">The first bytes of the file.</param>
    public static string NoImage(ReadOnlySpan<byte> head)
    {
        var found = head.IsEmpty ? "an empty file"
            : head.IndexOfAnyExceptInRange((byte)'\t', (byte)'~') < 0 ? $"text ('{Encoding.ASCII.GetString(head).Trim()}')"
            : $"the bytes {Convert.ToHexStringLower(head[..Math.Min(4, head.Length)])}";
        return $"expected {ImageFormats.Readable}, found {found} at its start";
    }

    /// <summary>The part of libvips' message that a person can use, on one line.</summary>
    public static string Reason(VipsException e)
    {
        // The first line names the failed call, which InputException's inner exception keeps.
        var lines = e.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return lines.Length > 1 ? string.Join(", ", lines.Skip(1).Distinct()) : e.Message.Trim();
    }

    private static Image Open(byte[] content, Enums.Access access)
    {
        // Error, not Warning: unknown TIFF tags and odd PNG chunks are warnings. Both include truncation.
        const Enums.FailOn failOn = Enums.FailOn.Error;
        return ImageFormats.Detect(content) switch
        {
            ImageFormat.Png => Image.PngloadBuffer(content, access: access, failOn: failOn),
            ImageFormat.Jpeg => Image.JpegloadBuffer(content, access: access, failOn: failOn),
            ImageFormat.Tiff => Image.TiffloadBuffer(content, access: access, failOn: failOn),
            ImageFormat.WebP => Image.WebploadBuffer(content, access: access, failOn: failOn),
            ImageFormat.Bmp => BmpReader.Read(content),
            _ => throw new InvalidDataException(NoImage(content.AsSpan(0, Math.Min(12, content.Length)))),
        };
    }

    /// <summary>Checks what the header says; no pixel has been decoded yet.</summary>
    private static void Check(Image image)
    {
        CheckSize(image.Width, image.Height);
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

    /// <summary>Refuses sizes that are not to be allocated.</summary>
    /// <exception cref="InvalidDataException">More than <see cref="ImageFile.MaximumPixels"/> pixels, or none.</exception>
    public static void CheckSize(long width, long height)
    {
        if (width <= 0 || height <= 0 || width > ImageFile.MaximumPixels / height)
        {
            throw new InvalidDataException(
                $"expected 1 to {ImageFile.MaximumPixels} pixels, found {width}×{height}; scale or crop it first");
        }
    }

    private static Image Upright(Image image, byte[] content)
    {
        // A plain copy where nothing is to be done: libvips keeps the last rotations, with their pixels, in a cache.
        if (!image.Contains("orientation") || image.Get("orientation") is 1)
            return image.Copy();
        // A turned image is not read from top to bottom.
        using var opened = Open(content, Enums.Access.Random);
        return opened.Autorot();
    }
}
