using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>
/// The Charbonnier loss, mean(√(d² + ε²) − ε): L1 with a rounded tip. Lai et al., "Deep Laplacian Pyramid Networks for
/// Fast and Accurate Super-Resolution" (CVPR 2017).
/// </summary>
/// <remarks>The ε that is taken off, which changes no gradient, makes the loss zero for equal images.</remarks>
public sealed class CharbonnierLoss() : PixelwiseLoss("charbonnier")
{
    /// <summary>The width of the rounded tip, for images in [0, 1]; the paper's value.</summary>
    public const double Epsilon = 1e-3;

    /// <inheritdoc/>
    protected override Tensor Map(Tensor restored, Tensor reference)
    {
        // √(d² + ε²) − ε, written so that small differences do not cancel.
        var squared = (restored - reference).Square();
        return squared / squared.Add(Epsilon * Epsilon).sqrt().Add(Epsilon);
    }
}
