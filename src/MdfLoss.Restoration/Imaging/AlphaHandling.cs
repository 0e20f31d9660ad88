namespace Mdf.Imaging;

/// <summary>What becomes of an alpha channel when an image is read; the library itself works in RGB only.</summary>
public enum AlphaHandling
{
    /// <summary>Composited on white, in the file's own (sRGB-encoded) values, as viewers do. Opaque pixels keep their exact colour.</summary>
    OnWhite,

    /// <summary>An image with any pixel that is not fully opaque is refused; an alpha channel that is opaque everywhere is dropped.</summary>
    Refuse,
}
