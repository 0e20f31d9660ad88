using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>
/// 1 − s of the similarity s = (2ab + c) / (a² + b² + c) that SSIM, FSIM, GMSD and HaarPSI share, written without a difference of numbers near 1: zero, to
/// the bit, for equal values.
/// </summary>
internal static class Dissimilarity
{
    /// <summary>(a − b)² / (a² + b² + c). Differentiable.</summary>
    /// <param name="a">Values of one image.</param>
    /// <param name="b">Those of the other, of the same shape.</param>
    /// <param name="constant">c, which is positive: keeps the quotient finite.</param>
    public static Tensor Between(Tensor a, Tensor b, double constant) => (a - b).Square() / a.Square().Add(b.Square()).Add(constant);

    /// <summary>1 − (1 − x)(1 − y): the dissimilarity that belongs to the product of two similarities.</summary>
    public static Tensor OfProduct(Tensor x, Tensor y) => x.Add(y - x * y);
}
