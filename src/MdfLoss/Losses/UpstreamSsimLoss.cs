using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>
/// The negative mean SSIM as the authors' repository computes it (<c>loss_modules/ssim.py</c>): the image is padded with zeros. For
/// comparison with their published curves. It is −1 for equal images.
/// </summary>
public sealed class UpstreamSsimLoss() : ReconstructionLoss("ssim-upstream")
{
    private const int Padding = GaussianWindows.WindowSize / 2;

    private static readonly GaussianWindows s_windows = new(Padding, separable: false);
    private static readonly GaussianWindows s_windowsOfPadded = new(padding: 0, separable: false);

    /// <inheritdoc/>
    public override bool IsZeroForEqualImages => false;

    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference)
    {
        var statistics = s_windows.Statistics(reference);
        return new(statistics.Tensors, restored =>
        {
            var (luminance, contrastStructure) = s_windows.Similarities(restored, statistics);
            return -MeanPerImage(luminance * contrastStructure);
        });
    }

    internal override double Measure(Tensor restored, Tensor reference, IEnumerable<ImageStrip> strips)
    {
        var (height, width, axis) = (restored.shape[2], restored.shape[3], ImageStrips.AxisOf(restored.shape));
        using var ssim = new SsimStrips(s_windowsOfPadded, height + 2 * Padding, width + 2 * Padding, axis);
        foreach (var strip in strips)
        {
            using var scope = NewDisposeScope();
            var (before, after) = (strip.Start == 0 ? Padding : 0, strip.IsLast ? Padding : 0);
            long[] padding = axis == 2 ? [Padding, Padding, before, after] : [before, after, Padding, Padding];
            ssim.Add(nn.functional.pad(cat([strip.Cut(restored), strip.Cut(reference)]), padding));
        }

        return -ssim.Mean;
    }
}
