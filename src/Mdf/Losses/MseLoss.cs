using Mdf.Kernels;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>The mean squared error (L2).</summary>
public sealed class MseLoss() : ReconstructionLoss("mse")
{
    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference) =>
        new([reference], restored => MeanPerImage((restored - reference).Square()));
}
