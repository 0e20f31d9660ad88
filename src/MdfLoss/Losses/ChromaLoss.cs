using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>
/// The mean absolute error of the colour differences Cb and Cr of BT.601 (ITU-R BT.601-7, section 2.5), in full range as in JPEG: Cb = (B − Y) / 1.772, Cr = (R − Y) /
/// 1.402 with Y = 0.299 R + 0.587 G + 0.114 B, so that images in [0, 1] have Cb and Cr in [−0.5, 0.5].
/// </summary>
/// <remarks>
/// Any range; the value is proportional to it. 6 multiplications for each pixel. An error that is the same in all three channels costs nothing, so combine it with a
/// loss of the brightness, such as <c>l1+chroma</c>. Measured in strips.
/// </remarks>
public sealed class ChromaLoss() : ReconstructionLoss("chroma")
{
    private const double Red = 0.299;
    private const double Green = 0.587;
    private const double Blue = 0.114;

    internal static readonly double[,] ColourDifferences =
    {
        { -Red / (2 * (1 - Blue)), -Green / (2 * (1 - Blue)), 0.5 },
        { 0.5, -Green / (2 * (1 - Red)), -Blue / (2 * (1 - Red)) },
    };

    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference) => new([reference], restored => MeanPerImage(MapOf(restored, reference)));

    internal override double Measure(Tensor restored, Tensor reference, IEnumerable<ImageStrip> strips)
    {
        var (sums, positions) = new MapSums(before: 0, after: 0).Compute(restored, reference, strips, MapOf);
        return sums.Average(channels => channels.Average()) / positions;
    }

    /// <summary>Computes the map whose mean is the loss.</summary>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>.</param>
    /// <param name="reference">The same.</param>
    /// <returns>|ΔCb| and |ΔCr|, <c>(N, 2, H, W)</c>.</returns>
    internal static Tensor MapOf(Tensor restored, Tensor reference) =>
        ColourMatrix.Apply(restored - reference, ColourDifferences).abs(); // the matrix is linear
}
