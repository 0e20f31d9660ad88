using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>A loss that is the mean of a function of single samples, such as L1.</summary>
public abstract class PixelwiseLoss : ReconstructionLoss
{
    /// <summary>Creates the loss.</summary>
    /// <param name="name">Its short name in loss expressions, such as <c>l1</c>.</param>
    protected PixelwiseLoss(string name)
        : base(name)
    {
    }

    /// <inheritdoc/>
    protected internal sealed override ReferenceFeatures Analyze(Tensor reference) =>
        new([reference], restored => MeanPerImage(Map(restored, reference)));

    /// <summary>Computes the function for each sample. Differentiable.</summary>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>: whole images, or parts of them.</param>
    /// <param name="reference">The same shape.</param>
    /// <returns>The same shape. Each value depends only on the same sample of the two images.</returns>
    protected abstract Tensor Map(Tensor restored, Tensor reference);

    /// <summary>The same function, for maps of errors.</summary>
    internal Tensor MapOf(Tensor restored, Tensor reference) => Map(restored, reference);

    internal sealed override double Measure(Tensor restored, Tensor reference, IEnumerable<ImageStrip> strips)
    {
        var mean = new RunningMean();
        foreach (var strip in strips)
        {
            using var scope = NewDisposeScope();
            mean.Add(Map(strip.Cut(restored), strip.Cut(reference)));
        }

        return mean.Value;
    }
}
