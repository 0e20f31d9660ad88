namespace Mdf.Imaging;

/// <summary>The handling of an alpha channel when an image is read. The library itself works in RGB only.</summary>
public enum AlphaHandling
{
    /// <summary>Composite the image on white, with the sRGB-encoded values of the file, as viewers do. Opaque pixels keep their exact colour.</summary>
    OnWhite,

    /// <summary>Refuse an image with any pixel that is not fully opaque. Drop an alpha channel that is opaque everywhere.</summary>
    Refuse,
}
