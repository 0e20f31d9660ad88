using Mdf.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Losses;

/// <summary>
/// 1 − HaarPSI. Reisenhofer, Bosse, Kutyniok and Wiegand, "A Haar Wavelet-Based Perceptual Similarity Index for Image Quality Assessment" (Signal Processing: Image
/// Communication 2018): local similarities of Haar wavelet coefficients of two scales, weighted by the coefficients of a third one, for images in colour.
/// </summary>
/// <remarks>
/// Images in [0, 1]. Equals 1 − the <c>haarpsi</c> of piq: YIQ in [0, 255], halved by means of 2×2 samples, C = 30, α = 4.2 (the paper's), zeros around the image. Ours
/// alone: images without any structure, whose weights are all zero, are equal to each other, where the formula is 0/0. About 30 multiplications for each pixel.
/// Measured in strips.
/// </remarks>
public sealed class HaarPsiLoss() : ReconstructionLoss("haarpsi")
{
    private const double Constant = 30;
    private const double Alpha = 4.2;
    private const double White = 255;
    private const int Scales = 3;

    // Of the sum of all weights, for coefficients in [0, 255]: only avoids 0/0.
    private const double SmallestWeight = 1e-12;

    /// <summary>The number of samples, to each side, on which a position of the map depends: those of a window of 8×8 positions of the halved image.</summary>
    internal const int Reach = 9;

    private static readonly MapSums s_sums = new(before: 6, after: Reach, step: 2);

    private static readonly double s_atOne = 1 / (1 + Math.Exp(-Alpha));

    /// <inheritdoc/>
    /// <remarks>The coarsest wavelet, 8×8, must fit into the halved image.</remarks>
    public override int MinimumSize => 2 << Scales;

    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference)
    {
        var (wavelets, colours) = Coefficients(reference);
        return new([wavelets, colours], restored =>
        {
            var (restoredWavelets, restoredColours) = Coefficients(restored);
            var sums = Maps(restoredWavelets, restoredColours, wavelets, colours).sum([2, 3]);
            var deficit = sums.select(1, 0) / sums.select(1, 1).Add(SmallestWeight);
            // With s = σ(α) − deficit, logit(s) = α + shift, and HaarPSI is (logit(s) / α)²: nothing cancels for similar images.
            var shift = deficit.Div(-s_atOne).log1p() - deficit.Div(1 - s_atOne).log1p();
            return shift.Mul(-1 / Alpha) * shift.Div(Alpha).Add(2);
        });
    }

    internal override double Measure(Tensor restored, Tensor reference, IEnumerable<ImageStrip> strips)
    {
        var (sums, _) = s_sums.Compute(restored, reference, strips, Maps);
        return sums.Average(image =>
        {
            var deficit = image[0] / (image[1] + SmallestWeight);
            var logit = Math.Log((s_atOne - deficit) / (1 - s_atOne + deficit));
            return deficit == 0 ? 0 : 1 - logit / Alpha * (logit / Alpha);
        });
    }

    /// <summary>Computes how much each position lacks, times its weight. The mean of this map, divided by the mean weight, decides the loss.</summary>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>: whole images, or parts of them that begin at an even sample.</param>
    /// <param name="reference">The same.</param>
    /// <returns>Shape <c>(N, 1, ⌈H/2⌉, ⌈W/2⌉)</c>, not negative.</returns>
    internal static Tensor MapOf(Tensor restored, Tensor reference) => Maps(restored, reference).narrow(1, 0, 1);

    /// <summary>Computes the mean weight of a position.</summary>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>.</param>
    /// <param name="reference">The same.</param>
    /// <param name="strips">The strips of the images.</param>
    /// <returns>The mean; a tiny positive number for images without structure.</returns>
    internal static double MeanWeight(Tensor restored, Tensor reference, IEnumerable<ImageStrip> strips)
    {
        var (sums, positions) = s_sums.Compute(restored, reference, strips, (x, y) => Maps(x, y).narrow(1, 1, 1));
        return sums.Average(image => image[0] + SmallestWeight) / positions;
    }

    private static Tensor Maps(Tensor restored, Tensor reference)
    {
        var (wavelets, colours) = Coefficients(restored);
        var (referenceWavelets, referenceColours) = Coefficients(reference);
        return Maps(wavelets, colours, referenceWavelets, referenceColours);
    }

    /// <summary>Two maps, <c>(N, 2, h, w)</c>: how much each position lacks of the sum for equal images, and its weight.</summary>
    private static Tensor Maps(Tensor wavelets, Tensor colours, Tensor referenceWavelets, Tensor referenceColours)
    {
        // Channels: horizontal and vertical, fine to coarse.
        var weights = maximum(wavelets.narrow(1, 4, 2), referenceWavelets.narrow(1, 4, 2));
        weights = cat([weights, weights.mean([1], keepdim: true)], 1);
        var distances = Dissimilarity.Between(wavelets.narrow(1, 0, 4), referenceWavelets.narrow(1, 0, 4), Constant);
        var local = cat(
            [
                distances.narrow(1, 0, 2).Add(distances.narrow(1, 2, 2)).Mul(0.5),
                Dissimilarity.Between(colours, referenceColours, Constant).mean([1], keepdim: true),
            ],
            1);
        // σ(α) − σ(α (1 − d)) = σ(α) (1 − σ(α (1 − d))) (1 − exp(−α d)), which is exactly zero for d = 0.
        var lacking = local.Sub(1).Mul(Alpha).sigmoid() * local.Mul(-Alpha).expm1().Mul(-s_atOne);
        return cat([(lacking * weights).sum([1], keepdim: true), weights.sum([1], keepdim: true)], 1);
    }

    /// <summary>The sizes of the wavelet coefficients of Y, <c>(N, 6, h, w)</c>, and those of local means of I and Q, <c>(N, 2, h, w)</c>.</summary>
    private static (Tensor Wavelets, Tensor Colours) Coefficients(Tensor image)
    {
        var halved = SeparableFilter.Halve(ColourMatrix.Apply(image, ColourMatrix.Yiq).Mul(White));
        var coefficients = Enumerable.Range(1, Scales).SelectMany(scale =>
        {
            var size = 1 << scale;
            var before = size / 2 - 1; // the position of the window in MATLAB's conv2 with 'same'
            var luma = functional.pad(halved.narrow(1, 0, 1), [before, size / 2, before, size / 2]);
            var sum = Enumerable.Repeat(1.0, size).ToArray();
            double[] step = [.. sum[..(size / 2)].Select(_ => 1.0 / size), .. sum[(size / 2)..].Select(_ => -1.0 / size)];
            return new[]
            {
                SeparableFilter.Along(SeparableFilter.Along(luma, 3, sum), 2, step).abs(),
                SeparableFilter.Along(SeparableFilter.Along(luma, 2, sum), 3, step).abs(),
            };
        }).ToArray();
        var colours = functional.pad(halved.narrow(1, 1, 2), [0, 1, 0, 1]);
        return (cat(coefficients, 1), SeparableFilter.Along(SeparableFilter.Along(colours, 2, 0.5, 0.5), 3, 0.5, 0.5).abs());
    }
}
