using Mdf.Imaging;
using static TorchSharp.torch;

namespace Mdf.Reports;

/// <summary>Puts images together on white.</summary>
public static class Mosaic
{
    private const int Gap = 8;

    /// <summary>Images beside each other, each scaled to the height of the first.</summary>
    /// <param name="images">Each <c>(1, 3, H, W)</c> in [0, 1]; at least one.</param>
    public static Tensor Row(params IReadOnlyList<Tensor> images) =>
        Join(images, dimension: 3, (image, first) => Resampler.Bicubic(image, first.shape[2], Scaled(image.shape[3], first.shape[2], image.shape[2])));

    /// <summary>Images below each other, each scaled to the width of the first.</summary>
    /// <param name="images">Each <c>(1, 3, H, W)</c> in [0, 1]; at least one.</param>
    public static Tensor Column(params IReadOnlyList<Tensor> images) =>
        Join(images, dimension: 2, (image, first) => Resampler.Bicubic(image, Scaled(image.shape[2], first.shape[3], image.shape[3]), first.shape[3]));

    private static Tensor Join(IReadOnlyList<Tensor> images, int dimension, Func<Tensor, Tensor, Tensor> fit)
    {
        ArgumentNullException.ThrowIfNull(images);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var parts = new List<Tensor> { images[0].clamp(0, 1) };
        foreach (var image in images.Skip(1))
        {
            long[] gap = [.. images[0].shape];
            gap[dimension] = Gap;
            parts.Add(ones(gap, device: images[0].device));
            parts.Add(fit(image, images[0]).clamp(0, 1));
        }

        return cat(parts, dimension).MoveToOuterDisposeScope();
    }

    private static long Scaled(long size, long to, long from) => Math.Max(1, (long)Math.Round(size * (double)to / from));
}
