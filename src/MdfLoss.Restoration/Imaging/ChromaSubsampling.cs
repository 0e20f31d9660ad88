namespace Mdf.Imaging;

/// <summary>The resolution at which JPEG keeps its two colour-difference channels.</summary>
public enum ChromaSubsampling
{
    /// <summary>4:2:0, half the resolution in both directions: libjpeg's default, and what JPEG benchmarks use.</summary>
    Half,

    /// <summary>4:4:4, full resolution.</summary>
    Full,
}
