using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>
/// 0.84 · (1 − MS-SSIM) + 0.16 · (L1 blurred by the coarsest Gaussian). Zhao, Gallo, Frosio and Kautz, "Loss Functions for Image Restoration With Neural Networks"
/// (IEEE TCI 2017), in its form without a pyramid: at every position, MS-SSIM is the luminance under σ = 8 times the contrast and structure under σ = 0.5, 1, 2, 4
/// and 8, all at full size.
/// </summary>
/// <remarks>
/// <para>
/// Images in [0, 1]. Each colour channel has its own product; K₁ = 0.01, K₂ = 0.03. All exponents are 1 (the paper's), so a negative factor stays negative.
/// A window reaches 4σ from its centre, at most 16 samples. There is no padding: only positions where the whole window of σ = 8 lies inside count.
/// So images need 33×33 pixels, and the samples near the border count less. Patches of 64×64 can be used.
/// </para>
/// <para>About 680 multiplications for each sample, 2,000 for each pixel: the most of all losses except <c>mdf</c>. Measured in strips.</para>
/// </remarks>
public sealed class MsSsimL1Loss() : ReconstructionLoss("ms-ssim-l1")
{
    // The weight of MS-SSIM; L1 has the rest. The paper's.
    private const double Alpha = 0.84;

    // How far the widest window reaches; 2σ of the coarsest scale.
    private const int Reach = 16;

    // Fine to coarse. Doubled from scale to scale, as the paper does.
    private static readonly (int Radius, GaussianWindows Windows)[] s_scales = [.. new[] { 0.5, 1, 2, 4, 8 }.Select(sigma =>
    {
        var radius = Math.Min(Reach, (int)Math.Ceiling(4 * sigma));
        return (radius, new GaussianWindows(padding: 0, precision: ScalarType.Float64, windowSize: 2 * radius + 1, sigma: sigma));
    })];

    private static readonly MapSums s_sums = new(before: 0, after: 2 * Reach, isPadded: false);

    /// <inheritdoc/>
    /// <remarks>The widest window.</remarks>
    public override int MinimumSize => 2 * Reach + 1;

    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference)
    {
        var statistics = Statistics(reference);
        return new([reference, .. statistics.SelectMany(scale => scale.Tensors)], restored => MeanPerImage(Map(restored, reference, statistics)));
    }

    internal override double Measure(Tensor restored, Tensor reference, IEnumerable<ImageStrip> strips)
    {
        var (sums, positions) = s_sums.Compute(restored, reference, strips, (x, y) => Map(x, y, Statistics(y)));
        return sums.Average(channels => channels.Average()) / positions;
    }

    private static LocalStatistics[] Statistics(Tensor reference) => [.. s_scales.Select(scale => scale.Windows.Statistics(Crop(reference, scale.Radius)))];

    private static Tensor Map(Tensor restored, Tensor reference, LocalStatistics[] statistics)
    {
        using var scope = NewDisposeScope();
        var similarity = s_scales.Zip(statistics, (scale, ofReference) =>
        {
            var (luminance, contrastStructure) = scale.Windows.Similarities(Crop(restored, scale.Radius), ofReference);
            return scale == s_scales[^1] ? luminance * contrastStructure : contrastStructure;
        }).Aggregate((product, factor) => product * factor);
        var error = s_scales[^1].Windows.Blur((restored - reference).abs());
        return similarity.SubFrom(1).Mul(Alpha).Add(error, 1 - Alpha).MoveToOuterDisposeScope();
    }

    /// <summary>The samples that windows of a radius see, at the positions of the widest window.</summary>
    private static Tensor Crop(Tensor image, int radius)
    {
        var edge = Reach - radius;
        return image.narrow(2, edge, image.shape[2] - 2 * edge).narrow(3, edge, image.shape[3] - 2 * edge);
    }
}
