using SkiaSharp;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>Encodes an image in a lossy format and decodes it again in one step, with Skia, in the calling thread.</summary>
internal static class SkiaRoundTrip
{
    /// <summary>Encodes and decodes one image.</summary>
    /// <param name="image">RGB, <c>(1, 3, H, W)</c> or <c>(3, H, W)</c>; clamped to [0, 1] and rounded to 8 bits.</param>
    /// <param name="format">The name of the format, for messages.</param>
    /// <param name="encode">Encodes the image; returns null if the format cannot hold it.</param>
    /// <returns>RGB, <c>(1, 3, H, W)</c>, float32 in [0, 1], on the CPU.</returns>
    /// <exception cref="ArgumentException">The tensor is not one RGB image, contains NaN, or is too large for the format.</exception>
    public static unsafe Tensor Apply(Tensor image, string format, Func<SKPixmap, SKData?> encode)
    {
        var (height, width) = (checked((int)image.shape[^2]), checked((int)image.shape[^1]));
        var info = new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        var pixels = Pixels.ToRgba(image);
        fixed (byte* start = pixels)
        {
            using var clean = new SKPixmap(info, (nint)start);
            using var file = encode(clean) ?? throw new ArgumentException($"expected an image that a {format} can hold, found {width}×{height} pixels", nameof(image));
            using var codec = SKCodec.Create(file);
            if (codec.GetPixels(info, (nint)start) is var result and not SKCodecResult.Success)
                throw new InvalidOperationException($"Skia could not decode its own {format} of {width}×{height} pixels: {result}");
        }

        return Pixels.FromRgba(pixels, height, width);
    }
}
