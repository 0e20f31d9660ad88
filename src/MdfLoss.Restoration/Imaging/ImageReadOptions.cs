namespace Mdf.Imaging;

/// <summary>Options for reading an image file.</summary>
public sealed record ImageReadOptions
{
    /// <summary>The handling of transparency. Default: composite on white.</summary>
    public AlphaHandling Alpha { get; init; } = AlphaHandling.OnWhite;
}
