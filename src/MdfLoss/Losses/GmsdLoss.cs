using Mdf.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Losses;

/// <summary>
/// GMSD, the gradient magnitude similarity deviation. Xue, Zhang, Mou and Bovik, "Gradient Magnitude Similarity Deviation: A Highly Efficient Perceptual Image
/// Quality Index" (IEEE TIP 2014): the standard deviation, over an image, of the similarity of the gradient magnitudes of the halved luma.
/// </summary>
/// <remarks>
/// <para>
/// It has no gradient for uniform errors: a constant offset changes no gradient magnitude, and an error that lowers the similarity equally everywhere does not
/// change its deviation. So combine it with another loss, such as <c>l1+gmsd</c>.
/// </para>
/// <para>
/// Images in [0, 1]. Equals the <c>gmsd</c> of piq. Y of YIQ, halved by means of 2×2 samples, Prewitt's filter divided by 3 with zeros around the image, c = 170/255²
/// (the paper's 170 for a range of 255). Ours alone: an ε inside both roots, which changes values by less than 1e-6. About 10 multiplications for each pixel.
/// Measured in strips.
/// </para>
/// </remarks>
public sealed class GmsdLoss() : ReconstructionLoss("gmsd")
{
    private const double Constant = 170.0 / (255 * 255);

    // The length of a gradient that is zero, and the deviation that is as good as none; for images in [0, 1].
    private const double SmallestLength = 1e-6;
    private const double SmallestDeviation = 1e-7;

    /// <summary>The number of samples, to each side, on which a position of the map depends: those of its neighbours in the halved image.</summary>
    internal const int Reach = 3;

    private static readonly MapSums s_sums = new(before: Reach - 1, after: Reach, step: 2);

    /// <inheritdoc/>
    /// <remarks>The 3×3 filter must fit into the halved image.</remarks>
    public override int MinimumSize => 5;

    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference)
    {
        var magnitudes = Magnitudes(reference);
        return new([magnitudes], restored =>
        {
            var map = Dissimilarity.Between(Magnitudes(restored), magnitudes, Constant);
            var variance = MeanPerImage((map - map.mean([1, 2, 3], keepdim: true)).Square());
            // √(v + ε²) − ε, written so that small variances do not cancel.
            return variance / variance.Add(SmallestDeviation * SmallestDeviation).sqrt().Add(SmallestDeviation);
        });
    }

    internal override double Measure(Tensor restored, Tensor reference, IEnumerable<ImageStrip> strips)
    {
        var (sums, positions) = s_sums.Compute(restored, reference, strips, (x, y) =>
        {
            var map = MapOf(x, y);
            return cat([map, map.Square()], 1);
        });
        return sums.Average(image =>
        {
            var mean = image[0] / positions;
            var variance = Math.Max(image[1] / positions - mean * mean, 0);
            return variance / (Math.Sqrt(variance + SmallestDeviation * SmallestDeviation) + SmallestDeviation);
        });
    }

    /// <summary>Computes the map whose standard deviation is the loss: 1 − the similarity of the gradient magnitudes.</summary>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>: whole images, or parts of them that begin at an even sample.</param>
    /// <param name="reference">The same.</param>
    /// <returns>Shape <c>(N, 1, ⌈H/2⌉, ⌈W/2⌉)</c>, in [0, 1].</returns>
    internal static Tensor MapOf(Tensor restored, Tensor reference) => Dissimilarity.Between(Magnitudes(restored), Magnitudes(reference), Constant);

    private static Tensor Magnitudes(Tensor image)
    {
        var luma = functional.pad(SeparableFilter.Halve(ColourMatrix.Apply(image, ColourMatrix.Luma)), [1, 1, 1, 1]);
        var third = 1.0 / 3;
        var across = SeparableFilter.Along(SeparableFilter.Along(luma, 2, third, third, third), 3, -1, 0, 1);
        var down = SeparableFilter.Along(SeparableFilter.Along(luma, 3, third, third, third), 2, -1, 0, 1);
        return SeparableFilter.Length(across, down, SmallestLength);
    }
}
