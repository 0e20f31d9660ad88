using Mdf.Runtime;
using NetVips;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>Encodes and decodes JPEG in memory: baseline, with the quantization tables of the standard, scaled by the quality as in libjpeg.</summary>
internal static class JpegCodec
{
    /// <summary>Encodes one image. The same tensor gives the same bytes. The file has no metadata.</summary>
    /// <param name="image">RGB, <c>(1, 3, H, W)</c> or <c>(3, H, W)</c>; clamped to [0, 1] and rounded to 8 bits.</param>
    /// <param name="quality">1 (worst) to 100, libjpeg's scale.</param>
    /// <param name="subsampling">The resolution of the chroma channels.</param>
    /// <returns>A whole JPEG file.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="quality"/> is outside 1 to 100.</exception>
    /// <exception cref="ArgumentException">The tensor is not one RGB image, or contains NaN.</exception>
    public static byte[] Encode(Tensor image, int quality, ChromaSubsampling subsampling = ChromaSubsampling.Half)
    {
        ArgumentNullException.ThrowIfNull(image);
        return Libvips.Run(() =>
        {
            using var pixels = Pixels.FromTensor(image, bitDepth: 8);
            return Encode(pixels, quality, subsampling);
        });
    }

    /// <summary>Encodes pixels that are already rounded to 8 bits.</summary>
    /// <param name="pixels">Grey or RGB, 8 bits, without alpha.</param>
    /// <param name="quality">1 (worst) to 100, libjpeg's scale.</param>
    /// <param name="subsampling">The resolution of the chroma channels.</param>
    /// <param name="keep">The metadata of the image that are written to the file.</param>
    /// <returns>A whole JPEG file.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="quality"/> is outside 1 to 100.</exception>
    internal static byte[] Encode(
        Image pixels, int quality, ChromaSubsampling subsampling, Enums.ForeignKeep keep = Enums.ForeignKeep.None)
    {
        if (quality is < 1 or > 100)
            throw new ArgumentOutOfRangeException(nameof(quality), quality, "expected a JPEG quality of 1 to 100");
        var mode = subsampling switch
        {
            ChromaSubsampling.Half => Enums.ForeignSubsample.On,
            ChromaSubsampling.Full => Enums.ForeignSubsample.Off,
            _ => throw new ArgumentOutOfRangeException(nameof(subsampling), subsampling, "unknown chroma subsampling"),
        };
        return pixels.JpegsaveBuffer(q: quality, subsampleMode: mode, keep: keep);
    }

    /// <summary>Decodes a JPEG file as <see cref="ImageFile.Read"/> does.</summary>
    /// <param name="content">A whole JPEG file.</param>
    /// <param name="cancellationToken">Cancels between two parts of the image.</param>
    /// <returns>RGB, <c>(1, 3, H, W)</c>, float32 in [0, 1], on the CPU.</returns>
    /// <exception cref="InputException">The bytes are not a complete, valid JPEG.</exception>
    /// <exception cref="OperationCanceledException">The operation was cancelled.</exception>
    public static Tensor Decode(byte[] content, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(content);
        if (ImageFormats.Detect(content) != ImageFormat.Jpeg)
            throw new InputException("cannot decode: expected a JPEG, which starts with the bytes ff d8 ff");
        try
        {
            return ImageDecoder.Decode(content, new ImageReadOptions(), cancellationToken);
        }
        catch (InvalidDataException e)
        {
            throw new InputException($"cannot decode a JPEG: {e.Message}", e);
        }
    }
}
