using Mdf.Runtime;

namespace Mdf.Imaging;

/// <summary>How an image file is written. An option that the file's format does not have is refused, never ignored.</summary>
public sealed record ImageWriteOptions
{
    /// <summary>The JPEG quality used when none is given: high enough to look at, and not meant for measurements.</summary>
    public const int DefaultJpegQuality = 95;

    /// <summary>
    /// Bits per channel: 8 for every format, or 16 for PNG and TIFF. When not given, those of a <see cref="Picture"/> as far as the format
    /// has them, and 8 for a tensor.
    /// </summary>
    /// <exception cref="InputException">Neither 8 nor 16.</exception>
    public int? BitDepth
    {
        get;
        init => field = value is null or 8 or 16
            ? value
            : throw new InputException($"expected a bit depth of 8 or 16, found {value}");
    }

    /// <summary>
    /// Quality, 1 to 100. JPEG without one uses <see cref="DefaultJpegQuality"/>; WebP without one is lossless; PNG and
    /// TIFF have none.
    /// </summary>
    /// <exception cref="InputException">Outside 1 to 100.</exception>
    public int? Quality
    {
        get;
        init => field = value is null or (>= 1 and <= 100)
            ? value
            : throw new InputException($"expected a quality of 1 to 100, found {value}");
    }

    /// <summary>Chroma subsampling of a JPEG; 4:2:0, libjpeg's default, when not given. Other formats have none.</summary>
    public ChromaSubsampling? Subsampling { get; init; }
}
