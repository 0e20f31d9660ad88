using Mdf.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Losses;

/// <summary>
/// 1 − MS-SSIM. Wang, Simoncelli and Bovik, "Multiscale Structural Similarity for Image Quality Assessment" (2003): the
/// product of contrast-and-structure at five dyadic scales and of luminance at the coarsest scale. Each factor has its own exponent.
/// </summary>
/// <remarks>
/// Equals 1 − the <c>ms_ssim</c> of pytorch-msssim for a data range of 1: negative factors count as zero, odd sides
/// are padded before they are halved, and each colour channel has its own product. One difference: below 1e-6, the power of a factor falls linearly to zero,
/// because its gradient would otherwise grow to infinity.
/// </remarks>
public sealed class MsSsimLoss() : ReconstructionLoss("ms-ssim")
{
    /// <summary>The exponents of the five scales, fine to coarse, from the paper.</summary>
    internal static readonly double[] Exponents = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

    // Below this factor its power falls linearly to zero, because x^0.0448 is too steep there for training.
    private const double SmallestFactor = 1e-6;

    private static readonly GaussianWindows s_windows = new(padding: 0);

    /// <inheritdoc/>
    /// <remarks>The window must fit into the coarsest of the five scales: (11 − 1) · 2⁴ + 1 = 161.</remarks>
    public override int MinimumSize => SmallestSize;

    /// <summary><see cref="MinimumSize"/>, as a static property.</summary>
    internal static int SmallestSize => (GaussianWindows.WindowSize - 1) * (1 << (Exponents.Length - 1)) + 1;

    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference)
    {
        var scales = Scales(reference, Halve).Select(s_windows.Statistics).ToArray();
        return new([.. scales.SelectMany(scale => scale.Tensors)], restored =>
        {
            var factors = Scales(restored, Halve).Select((image, scale) =>
            {
                var (luminance, contrastStructure) = s_windows.Similarities(image, scales[scale]);
                var isCoarsest = scale == scales.Length - 1;
                return (isCoarsest ? luminance * contrastStructure : contrastStructure).mean([2, 3]);
            });
            return MeanPerImage(Product(factors)).SubFrom(1);
        });
    }

    internal override double Measure(Tensor restored, Tensor reference, IEnumerable<ImageStrip> strips)
    {
        using var pyramid = InStrips(restored.shape);
        foreach (var strip in strips)
        {
            using var scope = NewDisposeScope();
            pyramid.Add(cat([strip.Cut(restored), strip.Cut(reference)]));
        }

        return Measure(pyramid);
    }

    /// <summary>Creates the scales for images that come strip by strip.</summary>
    /// <param name="shape">The shape of the whole images, <c>(N, C, H, W)</c>, at least 161×161 pixels.</param>
    internal static PyramidStrips InStrips(long[] shape) =>
        new(s_windows, shape[2], shape[3], ImageStrips.AxisOf(shape), Exponents.Length, padsOdd: true);

    /// <summary>Computes the loss after all strips have come, as the mean over the batch.</summary>
    /// <param name="pyramid">The result of <see cref="InStrips"/>, after all strips were added.</param>
    internal static double Measure(PyramidStrips pyramid)
    {
        using var scope = NewDisposeScope();
        return Product(pyramid.Factors).mean().SubFrom(1).Number();
    }

    /// <summary>Returns an image at the five scales. Each scale has half the size of the previous scale.</summary>
    internal static IEnumerable<Tensor> Scales(Tensor image, Func<Tensor, Tensor> halve)
    {
        yield return image;
        for (var scale = 1; scale < Exponents.Length; scale++)
            yield return image = halve(image);
    }

    /// <summary>The product of the factors of the scales, fine to coarse. Each factor has its own exponent.</summary>
    private static Tensor Product(IEnumerable<Tensor> factors) =>
        factors.Select((factor, scale) => Power(factor, Exponents[scale])).Aggregate((product, power) => product * power);

    /// <summary>Computes max(x, 0)^p. It is continuous and has a finite gradient at zero. The power of NaN is NaN.</summary>
    internal static Tensor Power(Tensor values, double exponent, double smallest = SmallestFactor)
    {
        var power = values.ClampMin(smallest).Pow(exponent);
        return where(values.Lt(smallest), values.ClampMin(0).Mul(Math.Pow(smallest, exponent - 1)), power);
    }

    private static Tensor Halve(Tensor image) =>
        functional.avg_pool2d(image, [2, 2], [2, 2], [image.shape[2] % 2, image.shape[3] % 2]);
}
