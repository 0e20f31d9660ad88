using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>The mean absolute error.</summary>
public sealed class L1Loss() : PixelwiseLoss("l1")
{
    /// <inheritdoc/>
    protected override Tensor Map(Tensor restored, Tensor reference) => (restored - reference).abs();
}
