namespace Mdf.Imaging;

/// <summary>Options for writing an image file. An option that the file's format does not support is refused, never ignored.</summary>
public sealed record ImageWriteOptions
{
    /// <summary>The default JPEG quality. It is high enough for viewing; it is not meant for measurements.</summary>
    public const int DefaultJpegQuality = 95;

    /// <summary>
    /// Bits per channel: 8 for every format, or 16 for PNG and TIFF. Default: 8 for a tensor; for a <see cref="Picture"/> its own bit depth, if the format
    /// supports it.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is neither 8 nor 16.</exception>
    public int? BitDepth
    {
        get;
        init => field = value is null or 8 or 16
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "expected a bit depth of 8 or 16");
    }

    /// <summary>
    /// Quality, 1 to 100. Default: <see cref="DefaultJpegQuality"/> for JPEG; lossless for WebP. PNG and
    /// TIFF have no quality.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The value is outside 1 to 100.</exception>
    public int? Quality
    {
        get;
        init => field = value is null or (>= 1 and <= 100)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, "expected a quality of 1 to 100");
    }

    /// <summary>Chroma subsampling of a JPEG. Default: 4:2:0, as in libjpeg. Other formats have none.</summary>
    public ChromaSubsampling? Subsampling { get; init; }
}
