// A loss of your own: how far the edges differ. Use it as edges, or as l1+0.5*edges?step=2.
using Mdf.Losses;
using Mdf.Plugins;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace OwnLoss;

public sealed class EdgePlugin : IMdfPlugin
{
    public void Register(Registry registry) => registry.AddLoss("edges", term => new EdgeLoss((int)term.Positive("step", 1)), options: "step");
}

/// <summary>The mean absolute difference of the horizontal and vertical gradients: differences of pixels that lie so many steps apart.</summary>
public sealed class EdgeLoss(int step) : ReconstructionLoss("edges")
{
    public override int MinimumSize => step + 1;

    // What depends on the reference alone is computed here, once where a loss is prepared.
    protected override ReferenceFeatures Analyze(Tensor reference)
    {
        var (across, down) = (Gradient(reference, 3), Gradient(reference, 2));
        return new([across, down], restored => MeanPerImage((Gradient(restored, 3) - across).abs()).Add(MeanPerImage((Gradient(restored, 2) - down).abs())));
    }

    private Tensor Gradient(Tensor image, int dimension)
    {
        var length = image.shape[dimension] - step;
        return image.narrow(dimension, step, length) - image.narrow(dimension, 0, length);
    }
}
