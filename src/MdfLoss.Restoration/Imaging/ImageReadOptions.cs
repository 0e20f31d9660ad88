namespace Mdf.Imaging;

/// <summary>How an image file is read.</summary>
public sealed record ImageReadOptions
{
    /// <summary>What becomes of transparency; composited on white by default.</summary>
    public AlphaHandling Alpha { get; init; } = AlphaHandling.OnWhite;
}
