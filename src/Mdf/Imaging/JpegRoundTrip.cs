using SkiaSharp;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>What a JPEG file leaves of an image: <see cref="JpegCodec"/>'s encoding and decoding in one, and the same pixels.</summary>
/// <remarks>
/// With Skia, which runs the same libjpeg where it is called. libvips hands strips of a picture from thread to thread: right for photographs, but for
/// the patches of a training many times the work itself, and in the way of the threads that train.
/// </remarks>
internal static class JpegRoundTrip
{
    /// <summary>Encodes and decodes one image.</summary>
    /// <param name="image">RGB, <c>(1, 3, H, W)</c> or <c>(3, H, W)</c>; clamped to [0, 1] and rounded to 8 bits.</param>
    /// <param name="quality">1 (worst) to 100, libjpeg's scale.</param>
    /// <param name="subsampling">How the chroma channels are stored.</param>
    /// <returns>RGB, <c>(1, 3, H, W)</c>, float32 in [0, 1], on the CPU.</returns>
    /// <exception cref="ArgumentException">The tensor is not one RGB image, holds NaN, or is larger than a JPEG can be.</exception>
    public static unsafe Tensor Apply(Tensor image, int quality, ChromaSubsampling subsampling)
    {
        var (height, width) = (checked((int)image.shape[^2]), checked((int)image.shape[^1]));
        var info = new SKImageInfo(width, height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        var options = new SKJpegEncoderOptions(
            quality,
            subsampling == ChromaSubsampling.Half ? SKJpegEncoderDownsample.Downsample420 : SKJpegEncoderDownsample.Downsample444,
            SKJpegEncoderAlphaOption.Ignore);
        var pixels = Pixels.ToRgba(image);
        fixed (byte* start = pixels)
        {
            using var clean = new SKPixmap(info, (nint)start);
            using var file = clean.Encode(options) ?? throw new ArgumentException($"expected an image that a JPEG can hold, found {width}×{height} pixels", nameof(image));
            using var codec = SKCodec.Create(file);
            if (codec.GetPixels(info, (nint)start) is var result and not SKCodecResult.Success)
                throw new InvalidOperationException($"Skia could not decode its own JPEG of {width}×{height} pixels: {result}");
        }

        return Pixels.FromRgba(pixels, height, width);
    }
}
