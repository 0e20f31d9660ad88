using Mdf.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Discriminators;

/// <summary>
/// The generator G_k of one scale. It restores its distorted input by adding a correction: x̃ = u + tanh(trunk(u)).
/// </summary>
/// <remarks>SinGAN adds the correction to the input without its noise. Here the distortion stays in the sum, so that D sees the task's artefact.</remarks>
/// <param name="width">The number of channels of every hidden layer.</param>
internal sealed class ScaleGenerator(int width) : ScaleNetwork(nameof(ScaleGenerator), width, outputs: 3)
{
    /// <summary>Computes the restored image x̃.</summary>
    /// <param name="input">The distorted image u, shape <c>(N, 3, H, W)</c>, approximately in [−1, 1].</param>
    /// <returns>The restored image, of the same shape.</returns>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var padded = functional.pad(input, [Margin, Margin, Margin, Margin]);
        return input.Add(Trunk(padded).Tail.tanh()).MoveToOuterDisposeScope();
    }
}
