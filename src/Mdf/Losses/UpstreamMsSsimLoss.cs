using Mdf.Kernels;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Losses;

/// <summary>
/// The negative MS-SSIM as the authors' repository computes it (<c>loss_modules/msssim.py</c>). For their published
/// curves; −1 for equal images, and not the published MS-SSIM.
/// </summary>
/// <remarks>
/// Where it departs from <see cref="MsSsimLoss"/>: the factors are means over the whole batch and all channels, the coarsest
/// scale's SSIM enters the product once for each finer scale (four times), odd sizes lose a row or column when halved, and
/// the window shrinks with small images. Ours alone: a factor that is not positive counts as zero, where upstream's is NaN.
/// </remarks>
public sealed class UpstreamMsSsimLoss() : ReconstructionLoss("ms-ssim-upstream")
{
    private static readonly GaussianWindows s_windows = new(padding: 0, separable: false);

    /// <inheritdoc/>
    public override bool IsPerImage => false;

    /// <inheritdoc/>
    public override bool IsZeroForEqualImages => false;

    /// <inheritdoc/>
    /// <remarks>One pixel must be left of it after four halvings.</remarks>
    public override int MinimumSize => 1 << (MsSsimLoss.Exponents.Length - 1);

    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference)
    {
        var scales = MsSsimLoss.Scales(reference, Halve).Select(s_windows.Of).ToArray();
        return new([.. scales.SelectMany(scale => scale.Tensors)], restored =>
        {
            var product = ones([], dtype: restored.dtype, device: restored.device);
            foreach (var (image, scale) in MsSsimLoss.Scales(restored, Halve).Select((image, scale) => (image, scale)))
            {
                var (luminance, contrastStructure) = s_windows.Compare(image, scales[scale]);
                var isCoarsest = scale == scales.Length - 1;
                product *= isCoarsest
                    ? MsSsimLoss.Power((luminance * contrastStructure).mean(), MsSsimLoss.Exponents[scale]).Pow(scale)
                    : MsSsimLoss.Power(contrastStructure.mean(), MsSsimLoss.Exponents[scale]);
            }

            return -product;
        });
    }

    private static Tensor Halve(Tensor image) => functional.avg_pool2d(image, [2, 2]);
}
