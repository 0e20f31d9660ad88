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
    public static Tensor Apply(Tensor image, int quality, ChromaSubsampling subsampling)
    {
        var options = new SKJpegEncoderOptions(
            quality,
            subsampling == ChromaSubsampling.Half ? SKJpegEncoderDownsample.Downsample420 : SKJpegEncoderDownsample.Downsample444,
            SKJpegEncoderAlphaOption.Ignore);
        return SkiaRoundTrip.Apply(image, "JPEG", clean => clean.Encode(options));
    }
}
