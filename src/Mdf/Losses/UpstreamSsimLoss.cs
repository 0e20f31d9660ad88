using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>
/// The negative mean SSIM as the authors' repository computes it (<c>loss_modules/ssim.py</c>): the image padded with zeros. For
/// their published curves; −1 for equal images.
/// </summary>
public sealed class UpstreamSsimLoss() : ReconstructionLoss("ssim-upstream")
{
    private static readonly GaussianWindows s_windows = new(padding: GaussianWindows.WindowSize / 2, separable: false);

    /// <inheritdoc/>
    public override bool IsZeroForEqualImages => false;

    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference)
    {
        var statistics = s_windows.Of(reference);
        return new(statistics.Tensors, restored =>
        {
            var (luminance, contrastStructure) = s_windows.Compare(restored, statistics);
            return -MeanPerImage(luminance * contrastStructure);
        });
    }
}
