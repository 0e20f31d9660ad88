using Mdf.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Discriminators;

/// <summary>
/// The generator G_k of one scale: restores its distorted input by adding a correction, x̃ = u + tanh(trunk(u)).
/// </summary>
/// <remarks>SinGAN adds the correction to its input without the noise; here the distortion stays, so that D sees the task's artefact.</remarks>
/// <param name="width">The channels of every hidden layer.</param>
public sealed class ScaleGenerator(int width) : ScaleNetwork(nameof(ScaleGenerator), width, outputs: 3)
{
    /// <summary>The restored image.</summary>
    /// <param name="input">The distorted image u, shape <c>(N, 3, H, W)</c>, about [−1, 1].</param>
    /// <returns>The same shape.</returns>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        var padded = functional.pad(input, [Margin, Margin, Margin, Margin]);
        return input.Add(Trunk(padded).Tail.tanh()).MoveToOuterDisposeScope();
    }
}
