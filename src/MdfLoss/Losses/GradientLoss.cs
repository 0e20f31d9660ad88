using Mdf.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Losses;

/// <summary>
/// The mean absolute error of the image gradients: mean(|∂x Δ|) + mean(|∂y Δ|), where Δ is the difference of the two images and ∂ the difference of a sample and the
/// next one. The form of the gradient difference loss of Mathieu, Couprie and LeCun, "Deep Multi-Scale Video Prediction beyond Mean Square Error" (ICLR
/// 2016), with signs kept, so that an edge of the opposite direction counts.
/// </summary>
/// <remarks>
/// Any range; the value is proportional to it. No multiplications: two differences for each sample. A constant offset costs nothing, so combine it with a loss of
/// the samples themselves, such as <c>l1+gradient</c>. Measured in strips.
/// </remarks>
public sealed class GradientLoss() : ReconstructionLoss("gradient")
{
    /// <inheritdoc/>
    /// <remarks>One difference along each axis.</remarks>
    public override int MinimumSize => 2;

    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference) => new([reference], restored =>
        MeanPerImage(Map(restored, reference, 3)).Add(MeanPerImage(Map(restored, reference, 2))));

    internal override double Measure(Tensor restored, Tensor reference, IEnumerable<ImageStrip> strips)
    {
        var axis = ImageStrips.AxisOf(restored.shape);
        return Mean(3) + Mean(2);

        double Mean(int dimension)
        {
            var map = new MapSums(before: 0, after: dimension == axis ? 1 : 0, isPadded: false);
            var (sums, positions) = map.Compute(restored, reference, strips, (x, y) => Map(x, y, dimension));
            return sums.Average(channels => channels.Average()) / positions;
        }
    }

    /// <summary>Computes |∂x Δ| + |∂y Δ|. A sample without a next one has no difference along this axis.</summary>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>.</param>
    /// <param name="reference">The same.</param>
    /// <returns>Shape <c>(N, 3, H, W)</c>.</returns>
    internal static Tensor MapOf(Tensor restored, Tensor reference) =>
        functional.pad(Map(restored, reference, 3), [0, 1, 0, 0]).Add(functional.pad(Map(restored, reference, 2), [0, 0, 0, 1]));

    private static Tensor Map(Tensor restored, Tensor reference, int dimension)
    {
        var error = restored - reference;
        var length = error.shape[dimension] - 1;
        return (error.narrow(dimension, 1, length) - error.narrow(dimension, 0, length)).abs();
    }
}
