using Mdf.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Losses;

/// <summary>
/// The negative MS-SSIM as the authors' repository computes it (<c>loss_modules/msssim.py</c>). For comparison with
/// their published curves. It is −1 for equal images, and it is not the published MS-SSIM.
/// </summary>
/// <remarks>
/// Differences from <see cref="MsSsimLoss"/>: the factors are means over the whole batch and all channels; the product contains the SSIM of the coarsest
/// scale once for each finer scale (four times); odd sides lose a row or column when they are halved; the window is smaller for small images. One difference
/// from upstream: a factor that is not positive counts as zero, where upstream returns NaN.
/// </remarks>
public sealed class UpstreamMsSsimLoss() : ReconstructionLoss("ms-ssim-upstream")
{
    private static readonly GaussianWindows s_windows = new(padding: 0, separable: false);

    /// <inheritdoc/>
    public override bool IsPerImage => false;

    /// <inheritdoc/>
    public override bool IsZeroForEqualImages => false;

    /// <inheritdoc/>
    /// <remarks>After four halvings one pixel must remain.</remarks>
    public override int MinimumSize => 1 << (MsSsimLoss.Exponents.Length - 1);

    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference)
    {
        var scales = MsSsimLoss.Scales(reference, Halve).Select(s_windows.Statistics).ToArray();
        return new([.. scales.SelectMany(scale => scale.Tensors)], restored =>
        {
            var factors = MsSsimLoss.Scales(restored, Halve).Select((image, scale) =>
            {
                var (luminance, contrastStructure) = s_windows.Similarities(image, scales[scale]);
                return (IsCoarsest(scale) ? luminance * contrastStructure : contrastStructure).mean();
            });
            return -Product(factors);
        });
    }

    internal override double Measure(Tensor restored, Tensor reference, IEnumerable<ImageStrip> strips)
    {
        using var pyramid = new PyramidStrips(
            s_windows, restored.shape[2], restored.shape[3], ImageStrips.AxisOf(restored.shape), MsSsimLoss.Exponents.Length, padsOdd: false);
        foreach (var strip in strips)
        {
            using var scope = NewDisposeScope();
            pyramid.Add(cat([strip.Cut(restored), strip.Cut(reference)]));
        }

        using var last = NewDisposeScope();
        return -Product(pyramid.Factors.Select(factor => factor.mean())).Number();
    }

    private static Tensor Product(IEnumerable<Tensor> factors) => factors
        .Select((factor, scale) => MsSsimLoss.Power(factor, MsSsimLoss.Exponents[scale]) is var power && IsCoarsest(scale) ? power.Pow(scale) : power)
        .Aggregate((product, power) => product * power);

    private static bool IsCoarsest(int scale) => scale == MsSsimLoss.Exponents.Length - 1;

    private static Tensor Halve(Tensor image) => functional.avg_pool2d(image, [2, 2]);
}
