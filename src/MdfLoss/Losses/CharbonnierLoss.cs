using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>
/// The Charbonnier loss, mean(√(d² + ε²) − ε): L1 that is smooth around zero. Lai et al., "Deep Laplacian Pyramid Networks for
/// Fast and Accurate Super-Resolution" (CVPR 2017).
/// </summary>
/// <remarks>Subtracting ε makes the loss zero for equal images. It does not change the gradient.</remarks>
public sealed class CharbonnierLoss() : PixelwiseLoss("charbonnier")
{
    /// <summary>ε, the width of the smooth part, for images in [0, 1]. The value is from the paper.</summary>
    public const double Epsilon = 1e-3;

    /// <inheritdoc/>
    protected override Tensor Map(Tensor restored, Tensor reference)
    {
        // √(d² + ε²) − ε, in a form in which small differences do not cancel.
        var squared = (restored - reference).Square();
        return squared / squared.Add(Epsilon * Epsilon).sqrt().Add(Epsilon);
    }
}
