using System.Numerics;
using System.Runtime.InteropServices;
using Mdf.Runtime;
using NetVips;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>Converts pixels between tensors (planar, float) and libvips (interleaved, integer).</summary>
/// <remarks>Works strip by strip, so that it needs hardly more memory than the input and the result.</remarks>
internal static class Pixels
{
    /// <summary>The number of samples that are converted at a time: 16 MiB as floats.</summary>
    private const int StripSamples = 1 << 22;

    /// <summary>
    /// The largest number of rows that are read at a time. libvips keeps lists of the rows in a strip, and its time grows with the square of their
    /// number: a picture of one column and a million rows takes minutes as one strip. In strips of this size, it takes no longer than a picture of a million columns.
    /// </summary>
    private const int StripRows = 1024;

    /// <summary>The largest number of tiles of a TIFF that are read at a time, along each side, for the same reason.</summary>
    private const int BlockTiles = 32;

    /// <summary>Rounds one RGB tensor to integers: <c>floor(x · (2ᵇ − 1) + 0.5)</c> after clamping.</summary>
    /// <param name="image"><c>(1, 3, H, W)</c> or <c>(3, H, W)</c>, floating point, on any device.</param>
    /// <param name="bitDepth">8 or 16.</param>
    /// <returns>An image in memory. The caller must dispose it.</returns>
    /// <exception cref="ArgumentException">The tensor has another shape or type, or contains NaN.</exception>
    public static Image FromTensor(Tensor image, int bitDepth)
    {
        RequireRgb(image, nameof(image));
        return FromStrips(3, checked((int)image.shape[^2]), checked((int)image.shape[^1]), bitDepth, (y, rows) => Strip(image, y, rows));
    }

    /// <summary>Rounds one RGB tensor to bytes, like <see cref="FromTensor"/>, and adds an opaque alpha channel.</summary>
    /// <param name="image"><c>(1, 3, H, W)</c> or <c>(3, H, W)</c>, floating point, on any device.</param>
    /// <returns><c>(H, W, 4)</c>.</returns>
    /// <exception cref="ArgumentException">The tensor has another shape or type, or contains NaN.</exception>
    public static byte[] ToRgba(Tensor image)
    {
        RequireRgb(image, nameof(image));
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var pixels = new byte[checked(4 * image.numel() / 3)];
        pixels.AsSpan().Fill(byte.MaxValue);
        Interleave(Strip(image, 0, (int)image.shape[^2]), pixels, step: 4, bitDepth: 8);
        return pixels;
    }

    /// <summary>Converts pixels to a tensor. The fourth channel is ignored.</summary>
    /// <param name="pixels"><c>(H, W, 4)</c>.</param>
    /// <param name="height">H.</param>
    /// <param name="width">W.</param>
    /// <returns>RGB, <c>(1, 3, H, W)</c>, float32 in [0, 1], on the CPU.</returns>
    public static Tensor FromRgba(byte[] pixels, int height, int width)
    {
        var result = empty([1, 3, height, width], ScalarType.Float32);
        Deinterleave<byte>(pixels, step: 4, result);
        return result;
    }

    /// <summary>Rounds a picture to integers, like <see cref="FromTensor"/>.</summary>
    /// <param name="picture">The picture, on any device.</param>
    /// <param name="bitDepth">8 or 16.</param>
    /// <param name="keepsAlpha">Whether to keep the alpha channel. Otherwise, the picture is composited on white.</param>
    /// <returns>Grey or RGB, with or without alpha, in memory. The caller must dispose it.</returns>
    /// <exception cref="ArgumentException">The picture's tensors do not match the description of <see cref="Picture"/>, or contain NaN.</exception>
    public static Image FromPicture(Picture picture, int bitDepth, bool keepsAlpha)
    {
        var (color, alpha) = (picture.Color, picture.Alpha);
        RequireRgb(color, nameof(picture));
        if (bitDepth is not (8 or 16))
            throw new ArgumentException($"expected a picture of 8 or 16 bits, found {bitDepth}", nameof(picture));
        if (alpha is not null && !(alpha.is_floating_point() && alpha.shape.SequenceEqual([1, 1, color.shape[^2], color.shape[^1]])))
        {
            throw new ArgumentException(
                $"expected alpha as a floating-point tensor (1, 1, {color.shape[^2]}, {color.shape[^1]}), found {alpha.dtype} ({string.Join(", ", alpha.shape)})",
                nameof(picture));
        }

        var channels = (picture.IsGrey ? 1 : 3) + (alpha is not null && keepsAlpha ? 1 : 0);
        return FromStrips(channels, checked((int)color.shape[^2]), checked((int)color.shape[^1]), bitDepth, (y, rows) =>
        {
            var strip = Strip(color, y, rows);
            if (picture.IsGrey)
                strip = strip.mean([0], keepdim: true);
            if (alpha is null)
                return strip;
            return keepsAlpha ? cat([strip, Strip(alpha, y, rows)]) : OnWhite(strip.Clamp(0, 1), Strip(alpha, y, rows).Clamp(0, 1));
        });
    }

    /// <summary>Computes the integers that a file would contain: <c>floor(x · (2ᵇ − 1) + 0.5)</c> after clamping.</summary>
    /// <param name="image">Any shape, floating point; NaN stays NaN.</param>
    /// <param name="bitDepth">8 or 16.</param>
    /// <returns>The same shape; float64 for float64, otherwise float32.</returns>
    public static Tensor Levels(Tensor image, int bitDepth)
    {
        using var scope = NewDisposeScope();
        // Half-precision types cannot represent all levels.
        var values = image.dtype == ScalarType.Float64 ? image : image.to(ScalarType.Float32);
        return values.Clamp(0, 1).Mul((1 << bitDepth) - 1).Add(0.5).floor().MoveToOuterDisposeScope();
    }

    /// <summary>Reads all pixels of an image with 8 or 16 unsigned bits per channel, from top to bottom.</summary>
    /// <param name="image">Grey or RGB, with or without alpha.</param>
    /// <param name="layout">The layout of the stored pixels.</param>
    /// <param name="alpha">The handling of the alpha channel.</param>
    /// <param name="cancellationToken">Cancels between two parts.</param>
    /// <returns>RGB, <c>(1, 3, H, W)</c>, float32 in [0, 1], on the CPU.</returns>
    /// <exception cref="InvalidDataException">The image has transparency, and <paramref name="alpha"/> refuses it.</exception>
    /// <exception cref="OperationCanceledException">The operation was cancelled.</exception>
    public static Tensor ToRgb(Image image, PixelLayout layout, AlphaHandling alpha, CancellationToken cancellationToken)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var result = Upright(3, image, layout.Orientation);
        ReadBlocks(image, layout, (colors, opacity, place) =>
        {
            if (opacity is not null && alpha == AlphaHandling.Refuse && opacity.min().item<float>() < 1)
                throw new InvalidDataException("expected an opaque image, found transparent pixels; flatten it first");
            place(result, opacity is null ? colors : OnWhite(colors, opacity));
        }, cancellationToken);
        return result.MoveToOuterDisposeScope();
    }

    /// <summary>Reads all pixels and all channels of an image with 8 or 16 unsigned bits per channel, from top to bottom.</summary>
    /// <param name="image">Grey or RGB, with or without alpha.</param>
    /// <param name="layout">The layout of the stored pixels.</param>
    /// <param name="isGrey">Whether the file is grey.</param>
    /// <param name="cancellationToken">Cancels between two parts.</param>
    /// <returns>The picture, on the CPU, float32.</returns>
    /// <exception cref="OperationCanceledException">The operation was cancelled.</exception>
    public static Picture ToPicture(Image image, PixelLayout layout, bool isGrey, CancellationToken cancellationToken)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var color = Upright(3, image, layout.Orientation);
        var alpha = image.Bands % 2 == 0 ? Upright(1, image, layout.Orientation) : null;
        ReadBlocks(image, layout, (colors, opacity, place) =>
        {
            place(color, colors);
            if (opacity is not null)
                place(alpha!, opacity);
        }, cancellationToken);
        return new Picture(
            color.MoveToOuterDisposeScope(), alpha?.MoveToOuterDisposeScope(), isGrey, image.Format == Enums.BandFormat.Uchar ? 8 : 16);
    }

    /// <returns>An uninitialised tensor for an upright picture, <c>(1, C, H, W)</c>.</returns>
    private static Tensor Upright(int channels, Image stored, Orientation orientation) => orientation.Transposes
        ? empty([1, channels, stored.Width, stored.Height], ScalarType.Float32)
        : empty([1, channels, stored.Height, stored.Width], ScalarType.Float32);

    private static void RequireRgb(Tensor image, string name)
    {
        if (!image.is_floating_point() || image.numel() == 0
            || !(image.dim() == 3 && image.shape[0] == 3 || image.dim() == 4 && image.shape[0] == 1 && image.shape[1] == 3))
        {
            throw new ArgumentException(
                $"expected one RGB image as a floating-point tensor (1, 3, H, W) or (3, H, W), found {image.dtype} ({string.Join(", ", image.shape)})",
                name);
        }
    }

    /// <returns>Rows of an image, <c>(C, rows, W)</c>, float32 or float64.</returns>
    private static Tensor Strip(Tensor image, int y, int rows)
    {
        var strip = image.narrow(-2, y, rows);
        strip = image.dim() == 4 ? strip.squeeze(0) : strip;
        // Half-precision types cannot represent all levels.
        return strip.dtype == ScalarType.Float64 ? strip : strip.to(ScalarType.Float32);
    }

    /// <param name="channels">The number of channels: 1 or 3, plus one with alpha.</param>
    /// <param name="height">The number of rows of the image.</param>
    /// <param name="width">The number of pixels per row.</param>
    /// <param name="bitDepth">8 or 16.</param>
    /// <param name="strip">Creates some rows, given the first row and the number of rows: <c>(C, rows, W)</c>, float32 or float64.</param>
    private static Image FromStrips(int channels, int height, int width, int bitDepth, Func<int, int, Tensor> strip)
    {
        var rowBytes = (long)width * channels * bitDepth / 8;
        if (rowBytes * height > Array.MaxLength)
            throw new ArgumentException($"expected an image of at most {Array.MaxLength} bytes, found {width}×{height} with {channels} channels of {bitDepth} bits");
        using var noGradient = no_grad();
        var pixels = new byte[rowBytes * height];
        var rows = Math.Max(1, StripSamples / (width * channels));
        for (var y = 0; y < height; y += rows)
        {
            using var scope = NewDisposeScope();
            Interleave(strip(y, Math.Min(rows, height - y)), pixels.AsSpan((int)(rowBytes * y)), channels, bitDepth);
        }

        using var memory = Image.NewFromMemory(pixels, width, height, channels, bitDepth == 8 ? Enums.BandFormat.Uchar : Enums.BandFormat.Ushort);
        return memory.Copy(interpretation: (channels >= 3, bitDepth) switch
        {
            (true, 8) => Enums.Interpretation.Srgb,
            (true, _) => Enums.Interpretation.Rgb16,
            (false, 8) => Enums.Interpretation.Bw,
            (false, _) => Enums.Interpretation.Grey16,
        });
    }

    /// <param name="image">Grey or RGB, with or without alpha.</param>
    /// <param name="layout">The layout of the stored pixels.</param>
    /// <param name="take">
    /// Receives a block of pixels: the colours <c>(1, 1 or 3, rows, columns)</c> and, if there is one, the alpha <c>(1, 1, rows, columns)</c>, float32 in [0, 1];
    /// and a function that copies such pixels to their place in an upright picture. The tensors are freed after the call.
    /// </param>
    /// <param name="cancellationToken">Cancels between two blocks.</param>
    private static void ReadBlocks(Image image, PixelLayout layout, Action<Tensor, Tensor?, Action<Tensor, Tensor>> take, CancellationToken cancellationToken)
    {
        var colors = (image.Bands - 1) / 2 * 2 + 1; // 1 for 1 or 2 channels, 3 for 3 or 4 channels
        var columns = (int)Math.Min(image.Width, (long)(layout.Tile?.Width ?? image.Width) * BlockTiles);
        var rows = (int)Math.Min(layout.Tile is { } tile ? (long)tile.Height * BlockTiles : StripRows, Math.Max(1, StripSamples / ((long)columns * image.Bands)));
        // One region, and not one crop per strip: crops might not be read in the order that the decoder requires.
        using var region = Region.New(image);
        for (var y = 0; y < image.Height; y += rows)
        {
            for (var x = 0; x < image.Width; x += columns)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using var scope = NewDisposeScope();
                var (left, top) = (x, y);
                var (height, width) = (Math.Min(rows, image.Height - y), Math.Min(columns, image.Width - x));
                var channels = ToTensor(region.Fetch(x, y, width, height), image, height, width);
                take(
                    channels.narrow(1, 0, colors),
                    colors < image.Bands ? channels.narrow(1, colors, 1) : null,
                    (picture, pixels) => layout.Orientation.Place(pixels, picture, top, left));
            }
        }
    }

    /// <summary>Rounds planes like <see cref="Levels"/> and interleaves their samples.</summary>
    /// <remarks>This uses no torch operations: they would pass over memory many times, and their overhead for small pictures is larger than the arithmetic.</remarks>
    /// <param name="planes"><c>(C, rows, W)</c>, float32 or float64, on any device.</param>
    /// <param name="samples">The destination of the samples.</param>
    /// <param name="step">The number of samples per pixel in the destination: C or more.</param>
    /// <param name="bitDepth">8 or 16.</param>
    /// <exception cref="ArgumentException">The planes contain NaN.</exception>
    private static void Interleave(Tensor planes, Span<byte> samples, int step, int bitDepth)
    {
        using var values = planes.cpu().contiguous();
        var channels = (int)planes.shape[0];
        var nan = planes.dtype == ScalarType.Float64
            ? Interleave(MemoryMarshal.Cast<byte, double>(values.bytes), channels, samples, step, bitDepth)
            : Interleave(MemoryMarshal.Cast<byte, float>(values.bytes), channels, samples, step, bitDepth);
        if (nan)
            throw new ArgumentException("expected an image with values in [0, 1], found NaN");
    }

    /// <returns>Whether the planes contain NaN.</returns>
    private static bool Interleave<T>(ReadOnlySpan<T> planes, int channels, Span<byte> samples, int step, int bitDepth)
        where T : struct, IBinaryFloatingPointIeee754<T>
    {
        var count = planes.Length / channels;
        var (scale, half) = (T.CreateChecked((1 << bitDepth) - 1), T.CreateChecked(0.5));
        var wide = MemoryMarshal.Cast<byte, ushort>(samples);
        var nan = false;
        for (var channel = 0; channel < channels; channel++)
        {
            var plane = planes.Slice(channel * count, count);
            var target = channel;
            for (var i = 0; i < plane.Length; i++, target += step)
            {
                nan |= T.IsNaN(plane[i]);
                var level = int.CreateTruncating(T.Clamp(plane[i], T.Zero, T.One) * scale + half);
                if (bitDepth == 8)
                    samples[target] = (byte)level;
                else
                    wide[target] = (ushort)level;
            }
        }

        return nan;
    }

    /// <returns><c>(1, C, H, W)</c>, float32 in [0, 1], on the CPU.</returns>
    private static Tensor ToTensor(byte[] samples, Image image, int height, int width)
    {
        var result = empty([1, image.Bands, height, width], ScalarType.Float32);
        if (image.Format == Enums.BandFormat.Uchar)
            Deinterleave<byte>(samples, image.Bands, result);
        else
            Deinterleave(MemoryMarshal.Cast<byte, ushort>(samples), image.Bands, result);
        return result;
    }

    /// <summary>Converts interleaved samples to planes.</summary>
    /// <param name="samples">The interleaved samples.</param>
    /// <param name="step">The number of samples per pixel: C or more.</param>
    /// <param name="planes">The destination: <c>(1, C, rows, W)</c>, float32, on the CPU. Its values are in [0, 1] after the call.</param>
    private static void Deinterleave<T>(ReadOnlySpan<T> samples, int step, Tensor planes)
        where T : struct, IMinMaxValue<T>, INumberBase<T>
    {
        var largest = float.CreateTruncating(T.MaxValue);
        var values = MemoryMarshal.Cast<byte, float>(planes.bytes);
        var count = samples.Length / step;
        for (var channel = 0; channel < (int)planes.shape[1]; channel++)
        {
            var plane = values.Slice(channel * count, count);
            var source = channel;
            for (var i = 0; i < plane.Length; i++, source += step)
                plane[i] = float.CreateTruncating(samples[source]) / largest;
        }
    }

    private static Tensor OnWhite(Tensor colors, Tensor alpha) => colors.mul(alpha).Add_(alpha.SubFrom(1));
}
