using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>
/// 1 − SSIM. Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to Structural
/// Similarity" (2004), for each colour channel, over the positions where the whole window is inside the image.
/// </summary>
/// <remarks>Equals 1 − the <c>ssim</c> of pytorch-msssim for a data range of 1.</remarks>
public sealed class SsimLoss() : ReconstructionLoss("ssim")
{
    private static readonly GaussianWindows s_windows = new(padding: 0);

    /// <inheritdoc/>
    /// <remarks>The window: 11.</remarks>
    public override int MinimumSize => GaussianWindows.WindowSize;

    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference)
    {
        var statistics = s_windows.Statistics(reference);
        return new(statistics.Tensors, restored =>
        {
            var (luminance, contrastStructure) = s_windows.Similarities(restored, statistics);
            return MeanPerImage(luminance * contrastStructure).SubFrom(1);
        });
    }

    internal override double Measure(Tensor restored, Tensor reference, IEnumerable<ImageStrip> strips)
    {
        using var ssim = new SsimStrips(s_windows, restored.shape[2], restored.shape[3], ImageStrips.AxisOf(restored.shape));
        foreach (var strip in strips)
        {
            using var scope = NewDisposeScope();
            ssim.Add(cat([strip.Cut(restored), strip.Cut(reference)]));
        }

        return 1 - ssim.Mean;
    }
}
