using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>The mean absolute error.</summary>
public sealed class L1Loss() : ReconstructionLoss("l1")
{
    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference) =>
        new([reference], restored => MeanPerImage((restored - reference).abs()));
}
