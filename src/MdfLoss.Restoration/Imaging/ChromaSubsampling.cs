namespace Mdf.Imaging;

/// <summary>The resolution at which JPEG stores its two chroma channels.</summary>
public enum ChromaSubsampling
{
    /// <summary>4:2:0: half the resolution in both directions. It is the default of libjpeg, and JPEG benchmarks use it.</summary>
    Half,

    /// <summary>4:4:4: full resolution.</summary>
    Full,
}
