using NetVips;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>Pixels between tensors (planar, float) and libvips (interleaved, integer).</summary>
internal static class Pixels
{
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
        // Half-precision types cannot hold all levels.
        var values = image.dtype == ScalarType.Float64 ? image : image.to(ScalarType.Float32);
        var levels = values.clamp(0, 1).mul((1 << bitDepth) - 1).add(0.5).floor()
            .reshape(3, height, width).permute(1, 2, 0).to(ScalarType.Int32).cpu();
        if (bitDepth == 8)
        {
            var bytes = levels.to(ScalarType.Byte).contiguous().data<byte>().ToArray();
            return FromMemory(bytes, width, height, Enums.BandFormat.Uchar, Enums.Interpretation.Srgb);
        }

        // libtorch has no complete 16-bit unsigned type: the conversion wraps, so the bits are right.
        var words = levels.to(ScalarType.Int16).contiguous().data<short>().ToArray();
        return FromMemory(words, width, height, Enums.BandFormat.Ushort, Enums.Interpretation.Rgb16);
    }

    /// <summary>Reads all pixels of an image with 8 or 16 unsigned bits per channel.</summary>
    /// <param name="image">Any number of channels.</param>
    /// <returns><c>(1, C, H, W)</c>, float32 in [0, 1], on the CPU.</returns>
    public static Tensor ToTensor(Image image)
    {
        using var scope = NewDisposeScope();
        long[] shape = [image.Height, image.Width, image.Bands];
        var interleaved = image.Format == Enums.BandFormat.Uchar
            ? tensor(image.WriteToMemory<byte>(), shape)
            : tensor(image.WriteToMemory<short>(), shape).to(ScalarType.Int32).bitwise_and(tensor(0xffff));
        return interleaved.permute(2, 0, 1).unsqueeze(0).contiguous().to(ScalarType.Float32)
            .div_(image.Format == Enums.BandFormat.Uchar ? 255f : 65535f)
            .MoveToOuterDisposeScope();
    }

    private static Image FromMemory<T>(
        T[] pixels, int width, int height, Enums.BandFormat format, Enums.Interpretation interpretation)
        where T : unmanaged
    {
        using var image = Image.NewFromMemory(pixels, width, height, bands: 3, format);
        return image.Copy(interpretation: interpretation);
    }
}
