using Mdf.Kernels;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Losses;

/// <summary>
/// 1 − MS-SSIM. Wang, Simoncelli and Bovik, "Multiscale Structural Similarity for Image Quality Assessment" (2003): the
/// product over five dyadic scales of contrast-and-structure, and of luminance at the coarsest, each to its own power.
/// </summary>
/// <remarks>
/// Equals 1 − the <c>ms_ssim</c> of pytorch-msssim for a data range of 1: negative factors count as zero, sizes that are odd
/// are padded before they are halved, each colour channel has its own product. Ours alone: the power of a factor below 1e-6 is a
/// straight line to zero, where its own gradient would grow to infinity.
/// </remarks>
public sealed class MsSsimLoss() : ReconstructionLoss("ms-ssim")
{
    /// <summary>The exponents of the five scales, fine to coarse: the paper's.</summary>
    internal static readonly double[] Exponents = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

    // Below this a power falls to zero in a straight line: x^0.0448 is then steeper than any training could use.
    private const double SmallestFactor = 1e-6;

    private static readonly GaussianWindows s_windows = new(padding: 0);

    /// <inheritdoc/>
    /// <remarks>The window must fit into the coarsest of the five scales: (11 − 1) · 2⁴ + 1 = 161.</remarks>
    public override int MinimumSize => (GaussianWindows.WindowSize - 1) * (1 << (Exponents.Length - 1)) + 1;

    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference)
    {
        var scales = Scales(reference, Halve).Select(s_windows.Of).ToArray();
        return new([.. scales.SelectMany(scale => scale.Tensors)], restored =>
        {
            var product = ones([restored.shape[0], restored.shape[1]], dtype: restored.dtype, device: restored.device);
            foreach (var (image, scale) in Scales(restored, Halve).Select((image, scale) => (image, scale)))
            {
                var (luminance, contrastStructure) = s_windows.Compare(image, scales[scale]);
                var isCoarsest = scale == scales.Length - 1;
                var map = isCoarsest ? luminance * contrastStructure : contrastStructure;
                product *= Power(map.mean([2, 3]), Exponents[scale]);
            }

            return MeanPerImage(product).SubFrom(1);
        });
    }

    /// <summary>An image at the five scales, each half the size of the one before.</summary>
    internal static IEnumerable<Tensor> Scales(Tensor image, Func<Tensor, Tensor> halve)
    {
        yield return image;
        for (var scale = 1; scale < Exponents.Length; scale++)
            yield return image = halve(image);
    }

    /// <summary>max(x, 0)^p, continuous, with a finite gradient at zero; NaN stays NaN.</summary>
    internal static Tensor Power(Tensor values, double exponent)
    {
        var power = values.ClampMin(SmallestFactor).Pow(exponent);
        return where(values.Lt(SmallestFactor), values.ClampMin(0).Mul(Math.Pow(SmallestFactor, exponent - 1)), power);
    }

    private static Tensor Halve(Tensor image) =>
        functional.avg_pool2d(image, [2, 2], [2, 2], [image.shape[2] % 2, image.shape[3] % 2]);
}
