using SkiaSharp;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>Encodes an image as JPEG and decodes it again in one step. The pixels are the same as with <see cref="JpegCodec"/>.</summary>
/// <remarks>
/// It uses Skia, which runs the same libjpeg in the calling thread. libvips passes strips of a picture between threads. That is good for photographs. But for
/// training patches it costs many times the work itself, and it disturbs the training threads.
/// </remarks>
internal static class JpegRoundTrip
{
    /// <summary>Encodes and decodes one image.</summary>
    /// <param name="image">RGB, <c>(1, 3, H, W)</c> or <c>(3, H, W)</c>; clamped to [0, 1] and rounded to 8 bits.</param>
    /// <param name="quality">1 (worst) to 100, libjpeg's scale.</param>
    /// <param name="subsampling">The resolution of the chroma channels.</param>
    /// <returns>RGB, <c>(1, 3, H, W)</c>, float32 in [0, 1], on the CPU.</returns>
    /// <exception cref="ArgumentException">The tensor is not one RGB image, contains NaN, or is too large for a JPEG.</exception>
    public static Tensor Apply(Tensor image, int quality, ChromaSubsampling subsampling)
    {
        var options = new SKJpegEncoderOptions(
            quality,
            subsampling == ChromaSubsampling.Half ? SKJpegEncoderDownsample.Downsample420 : SKJpegEncoderDownsample.Downsample444,
            SKJpegEncoderAlphaOption.Ignore);
        return SkiaRoundTrip.Apply(image, "JPEG", clean => clean.Encode(options));
    }
}
