using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>The mean squared error (L2).</summary>
public sealed class MseLoss() : PixelwiseLoss("mse")
{
    /// <inheritdoc/>
    protected override Tensor Map(Tensor restored, Tensor reference) => (restored - reference).Square();
}
