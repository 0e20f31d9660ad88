using System.Runtime.InteropServices;
using NetVips;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>Pixels between tensors (planar, float) and libvips (interleaved, integer).</summary>
internal static class Pixels
{
    /// <summary>Samples converted at a time: 16 MiB as floats.</summary>
    private const int StripSamples = 1 << 22;

    /// <summary>Rounds one RGB tensor to integers: <c>floor(x · (2ᵇ − 1) + 0.5)</c> after clamping.</summary>
    /// <param name="image"><c>(1, 3, H, W)</c> or <c>(3, H, W)</c>, floating point, on any device.</param>
    /// <param name="bitDepth">8 or 16.</param>
    /// <returns>An image in memory, to be disposed.</returns>
    /// <exception cref="ArgumentException">Another shape or type, or NaN in the image.</exception>
    public static Image FromTensor(Tensor image, int bitDepth)
    {
        if (!image.is_floating_point() || image.numel() == 0
            || !(image.dim() == 3 && image.shape[0] == 3 || image.dim() == 4 && image.shape[0] == 1 && image.shape[1] == 3))
        {
            throw new ArgumentException(
                $"expected one RGB image as a floating-point tensor (1, 3, H, W) or (3, H, W), found {image.dtype} ({string.Join(", ", image.shape)})",
                nameof(image));
        }

        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        if (image.isnan().any().item<bool>())
            throw new ArgumentException("expected an image with values in [0, 1], found NaN", nameof(image));
        var (height, width) = (checked((int)image.shape[^2]), checked((int)image.shape[^1]));
        var levels = Levels(image, bitDepth).reshape(3, height, width).permute(1, 2, 0).to(ScalarType.Int32).cpu();
        if (bitDepth == 8)
        {
            var bytes = levels.to(ScalarType.Byte).contiguous().data<byte>().ToArray();
            return FromMemory(bytes, width, height, Enums.BandFormat.Uchar, Enums.Interpretation.Srgb);
        }

        // libtorch has no complete 16-bit unsigned type: the conversion wraps, so the bits are right.
        var words = levels.to(ScalarType.Int16).contiguous().data<short>().ToArray();
        return FromMemory(words, width, height, Enums.BandFormat.Ushort, Enums.Interpretation.Rgb16);
    }

    /// <summary>The integers that a file would hold: <c>floor(x · (2ᵇ − 1) + 0.5)</c> after clamping.</summary>
    /// <param name="image">Any shape, floating point; NaN stays NaN.</param>
    /// <param name="bitDepth">8 or 16.</param>
    /// <returns>The same shape, float64 for float64 and otherwise float32.</returns>
    public static Tensor Levels(Tensor image, int bitDepth)
    {
        using var scope = NewDisposeScope();
        // Half-precision types cannot hold all levels.
        var values = image.dtype == ScalarType.Float64 ? image : image.to(ScalarType.Float32);
        return values.clamp(0, 1).mul((1 << bitDepth) - 1).add(0.5).floor().MoveToOuterDisposeScope();
    }

    /// <summary>Reads all pixels of an image with 8 or 16 unsigned bits per channel, from top to bottom.</summary>
    /// <param name="image">Grey or RGB, with alpha or without.</param>
    /// <param name="alpha">What becomes of the alpha channel.</param>
    /// <returns>RGB, <c>(1, 3, H, W)</c>, float32 in [0, 1], on the CPU.</returns>
    /// <exception cref="InvalidDataException">Transparency that is refused.</exception>
    /// <remarks>Strip by strip, so that hardly more than the result is held.</remarks>
    public static Tensor ToRgb(Image image, AlphaHandling alpha)
    {
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var result = empty([1, 3, image.Height, image.Width], ScalarType.Float32);
        var rows = Math.Max(1, StripSamples / (image.Width * image.Bands));
        // One region and not one crop for each strip: those need not keep to the order that a decoder asks for.
        using var region = Region.New(image);
        for (var y = 0; y < image.Height; y += rows)
        {
            using var stripScope = NewDisposeScope();
            var height = Math.Min(rows, image.Height - y);
            var samples = region.Fetch(0, y, image.Width, height);
            result.narrow(2, y, height).copy_(Flatten(ToTensor(samples, image, height), alpha));
        }

        return result.MoveToOuterDisposeScope();
    }

    /// <returns><c>(1, C, H, W)</c>, float32 in [0, 1], on the CPU.</returns>
    private static Tensor ToTensor(byte[] samples, Image image, int height)
    {
        long[] shape = [height, image.Width, image.Bands];
        var interleaved = image.Format == Enums.BandFormat.Uchar
            ? tensor(samples, shape)
            : tensor(MemoryMarshal.Cast<byte, short>(samples).ToArray(), shape).to(ScalarType.Int32).bitwise_and_(tensor(0xffff));
        return interleaved.permute(2, 0, 1).unsqueeze(0).to(ScalarType.Float32)
            .div_(image.Format == Enums.BandFormat.Uchar ? 255f : 65535f);
    }

    /// <returns>One or three channels without alpha.</returns>
    private static Tensor Flatten(Tensor channels, AlphaHandling handling)
    {
        var colors = (channels.shape[1] - 1) / 2 * 2 + 1; // of 1 or 2 channels 1, of 3 or 4 channels 3
        var rgb = channels.narrow(1, 0, colors);
        if (colors == channels.shape[1])
            return rgb;
        var alpha = channels.narrow(1, colors, 1);
        if (handling == AlphaHandling.Refuse && alpha.min().item<float>() < 1)
            throw new InvalidDataException("expected an opaque image, found transparent pixels; flatten it first");
        return rgb.mul_(alpha).add_(1 - alpha);
    }

    private static Image FromMemory<T>(
        T[] pixels, int width, int height, Enums.BandFormat format, Enums.Interpretation interpretation)
        where T : unmanaged
    {
        using var image = Image.NewFromMemory(pixels, width, height, bands: 3, format);
        return image.Copy(interpretation: interpretation);
    }
}
