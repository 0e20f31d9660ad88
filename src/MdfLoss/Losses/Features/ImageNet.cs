namespace Mdf.Losses.Features;

/// <summary>The statistics of ImageNet's images in [0, 1], with which torchvision's networks were trained.</summary>
internal static class ImageNet
{
    /// <summary>The mean of red, green and blue.</summary>
    public static double[] Mean { get; } = [0.485, 0.456, 0.406];

    /// <summary>The standard deviation of red, green and blue.</summary>
    public static double[] Deviation { get; } = [0.229, 0.224, 0.225];
}
