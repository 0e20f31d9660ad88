using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Reports;

/// <summary>Places images side by side on a white background.</summary>
internal static class Mosaic
{
    private const int Gap = 8;

    /// <summary>Places images side by side. Each is scaled to the height of the first.</summary>
    /// <param name="images">Each <c>(1, 3, H, W)</c> in [0, 1]; at least one.</param>
    public static Tensor Row(params IReadOnlyList<Tensor> images)
    {
        ArgumentNullException.ThrowIfNull(images);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var height = images[0].shape[2];
        var parts = new List<Tensor> { images[0].Clamp(0, 1) };
        foreach (var image in images.Skip(1))
        {
            parts.Add(ones([images[0].shape[0], images[0].shape[1], height, Gap], device: images[0].device));
            var width = Math.Max(1, (long)Math.Round(image.shape[3] * (double)height / image.shape[2]));
            parts.Add(Resampler.Bicubic(image, height, width).Clamp(0, 1));
        }

        return cat(parts, dim: 3).MoveToOuterDisposeScope();
    }
}
