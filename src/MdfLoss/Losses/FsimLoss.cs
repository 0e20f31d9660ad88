using Mdf.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Losses;

/// <summary>
/// 1 − FSIM, or 1 − FSIMc. Zhang, Zhang, Mou and Zhang, "FSIM: A Feature Similarity Index for Image Quality Assessment" (IEEE TIP 2011): the similarity of phase
/// congruency and of gradient magnitudes, weighted by phase congruency. FSIMc also has the similarity of the colours I and Q.
/// </summary>
/// <remarks>
/// <para>
/// Images in [0, 1]. First, means of f×f pixels, f = max(1, round(min(H, W) / 256)), shrink both images, as the paper does. Then it equals 1 − the <c>fsim</c> of piq:
/// YIQ in [0, 255], Scharr's filter divided by 16 with zeros around the image, T₁ = 0.85, T₂ = 160, T₃ = T₄ = 200, λ = 0.03. Phase congruency is Kovesi's, with
/// four scales (wavelengths 6, 12, 24 and 48) and four orientations. As in piq, the axes of its filters are exchanged, which changes values by some 1e-6.
/// piq rounds f = 2.5 down, and we round it up.
/// </para>
/// <para>
/// Ours alone: an ε inside every root and in every denominator, and the mean luma is subtracted before the Fourier transform. So flat images have no phase
/// congruency, where rounding errors would give one. Kovesi's noise threshold is the median response of the finest filters. Its gradient acts where this
/// median lies, at a single position of each orientation, and is most of the gradient for blurred images. So FSIM suits measuring better than training.
/// </para>
/// <para>
/// 17 complex Fourier transforms of the shrunken image. The whole image is in memory, with up to 100 maps of the shrunken image with gradients: a response depends on
/// every pixel.
/// </para>
/// </remarks>
/// <param name="hasColour">Whether it is FSIMc.</param>
public sealed class FsimLoss(bool hasColour = false) : ReconstructionLoss(hasColour ? "fsimc" : "fsim")
{
    private const double White = 255;

    // The paper's constants of similarity, for a range of 255; the exponent of the colours.
    private const double T1 = 0.85;
    private const double T2 = 160;
    private const double T3 = 200;
    private const double Lambda = 0.03;

    // Inside roots, and in denominators: Kovesi's, for a range of 255.
    private const double Epsilon = 1e-4;

    // Of a product of two similarities of colours, whose power 0.03 would be infinitely steep at zero.
    private const double SmallestSimilarity = 1e-7;

    private static readonly double[] s_smooth = [3.0 / 16, 10.0 / 16, 3.0 / 16];

    /// <inheritdoc/>
    /// <remarks>The shortest wavelength. In images of less than 48 pixels, the longer ones see the image repeated.</remarks>
    public override int MinimumSize => (int)LogGaborFilters.FinestWavelength;

    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference)
    {
        var filters = LogGaborFilters.ForImage(Shrink(reference));
        var (congruency, magnitudes, colours) = Features(reference, filters);
        return new([congruency, magnitudes, colours, filters.Radial, filters.Angular], restored =>
        {
            var (deficit, weights) = Compare(Features(restored, filters), (congruency, magnitudes, colours));
            return (deficit * weights).sum([1, 2, 3]) / weights.sum([1, 2, 3]).Add(Epsilon);
        });
    }

    /// <summary>Computes the map whose mean is the loss: 1 − the similarity, times the phase congruency, divided by the mean phase congruency.</summary>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>: whole images.</param>
    /// <param name="reference">The same.</param>
    /// <returns>Shape <c>(N, 1, ⌊H/f⌋, ⌊W/f⌋)</c>, not negative; f is <see cref="FactorOf"/>.</returns>
    internal Tensor MapOf(Tensor restored, Tensor reference)
    {
        using var scope = NewDisposeScope();
        var filters = LogGaborFilters.ForImage(Shrink(reference));
        var (deficit, weights) = Compare(Features(restored, filters), Features(reference, filters));
        var positions = weights.shape[2] * weights.shape[3];
        return (deficit * weights / weights.sum([1, 2, 3], keepdim: true).Add(Epsilon).Div(positions)).MoveToOuterDisposeScope();
    }

    /// <summary>f, the number of samples along each axis that become one position.</summary>
    /// <param name="shape"><c>(N, 3, H, W)</c>.</param>
    internal static int FactorOf(long[] shape) => (int)Math.Max(1, Math.Round(Math.Min(shape[2], shape[3]) / 256.0, MidpointRounding.AwayFromZero));

    /// <summary>The dissimilarity at each position, and its weight; <c>(N, 1, h, w)</c> each.</summary>
    private (Tensor Deficit, Tensor Weights) Compare(
        (Tensor Congruency, Tensor Magnitudes, Tensor Colours) restored, (Tensor Congruency, Tensor Magnitudes, Tensor Colours) reference)
    {
        var deficit = Dissimilarity.OfProduct(
            Dissimilarity.Between(restored.Congruency, reference.Congruency, T1), Dissimilarity.Between(restored.Magnitudes, reference.Magnitudes, T2));
        if (hasColour)
            deficit = Dissimilarity.OfProduct(deficit, ColourDeficit(restored.Colours, reference.Colours));
        return (deficit, maximum(restored.Congruency, reference.Congruency));
    }

    /// <summary>1 − |S_I · S_Q|^λ.</summary>
    private static Tensor ColourDeficit(Tensor restored, Tensor reference)
    {
        var deficits = Dissimilarity.Between(restored, reference, T3).chunk(2, 1);
        var product = Dissimilarity.OfProduct(deficits[0], deficits[1]).SubFrom(1);
        // With p² + ε² in place of p², divided by its value for equal images.
        const double squared = SmallestSimilarity * SmallestSimilarity;
        return product.Square().Add(squared).Div(1 + squared).log().Mul(Lambda / 2).expm1().neg();
    }

    private static Tensor Shrink(Tensor image)
    {
        var factor = FactorOf(image.shape);
        return functional.avg_pool2d(image, [factor, factor]);
    }

    private (Tensor Congruency, Tensor Magnitudes, Tensor Colours) Features(Tensor image, LogGaborFilters filters)
    {
        var colours = ColourMatrix.Apply(Shrink(image), hasColour ? ColourMatrix.Yiq : ColourMatrix.Luma).Mul(White);
        var luma = colours.narrow(1, 0, 1);
        return (PhaseCongruency(luma, filters), Magnitudes(luma), colours.narrow(1, 1, colours.shape[1] - 1));
    }

    private static Tensor Magnitudes(Tensor luma)
    {
        var padded = functional.pad(luma, [1, 1, 1, 1]);
        var across = SeparableFilter.Along(SeparableFilter.Along(padded, 2, s_smooth), 3, -1, 0, 1);
        var down = SeparableFilter.Along(SeparableFilter.Along(padded, 3, s_smooth), 2, -1, 0, 1);
        return SeparableFilter.Length(across, down, Epsilon);
    }

    /// <summary>Phase congruency: how far the responses of all scales have the same phase, in [0, 1].</summary>
    /// <param name="luma">Shape <c>(N, 1, H, W)</c>, in [0, 255].</param>
    /// <param name="filters">Those for its size.</param>
    private static Tensor PhaseCongruency(Tensor luma, LogGaborFilters filters)
    {
        using var scope = NewDisposeScope();
        var spectrum = fft.fft2(luma - luma.mean([2, 3], keepdim: true));
        var energy = zeros_like(luma);
        var amplitude = zeros_like(luma);
        for (var orientation = 0; orientation < LogGaborFilters.Orientations; orientation++)
        {
            using var step = NewDisposeScope();
            var responses = view_as_real(fft.ifft2(spectrum * (filters.Radial * filters.Angular[orientation])));
            var (even, odd) = (responses.select(-1, 0), responses.select(-1, 1)); // (N, scales, H, W)
            var (sumEven, sumOdd) = (even.sum([1], keepdim: true), odd.sum([1], keepdim: true));
            var length = SeparableFilter.Length(sumEven, sumOdd, Epsilon);
            var (meanEven, meanOdd) = (sumEven / length, sumOdd / length);
            var along = (even * meanEven).Add(odd * meanOdd);
            var aside = (even * meanOdd - odd * meanEven).abs();
            var noise = MedianAmplitude(even.select(1, 0), odd.select(1, 0)).Mul(filters.NoiseGains[orientation]);
            energy = energy.Add(((along - aside).sum([1], keepdim: true) - noise).ClampMin(0)).MoveToOuterDisposeScope();
            amplitude = amplitude.Add(SeparableFilter.Length(even, odd, Epsilon).sum([1], keepdim: true)).MoveToOuterDisposeScope();
        }

        return (energy / amplitude.Add(Epsilon)).MoveToOuterDisposeScope();
    }

    private static Tensor MedianAmplitude(Tensor even, Tensor odd)
    {
        var power = even.Square().Add(odd.Square()).flatten(1);
        var (median, _) = power.kthvalue((power.shape[1] + 1) / 2, 1); // the lower one of two, as torch.median
        return median.Add(Epsilon * Epsilon).sqrt().view(-1, 1, 1, 1);
    }
}
