using static TorchSharp.torch;

namespace Mdf.Discriminators;

/// <summary>The discriminator D_k of one scale: a patch discriminator that separates the photograph's patches from the generator's.</summary>
/// <param name="width">The number of channels of every hidden layer.</param>
internal sealed class Discriminator(int width) : ScaleNetwork(nameof(Discriminator), width, outputs: 1)
{
    /// <summary>Computes the map of scores: one score per patch.</summary>
    /// <param name="input">Shape <c>(N, 3, H, W)</c>, in the input range of the stack that the discriminator belongs to; [−1, 1] in training.</param>
    /// <returns>Shape <c>(N, 1, H − 10, W − 10)</c>.</returns>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        return Trunk(input).Tail.MoveToOuterDisposeScope();
    }

    /// <summary>Computes the features that the MDF loss compares: after the head, after the body, and the final map.</summary>
    /// <param name="input">Shape <c>(N, 3, H, W)</c>, in the input range of the stack that the discriminator belongs to; [−1, 1] in training.</param>
    /// <returns>Three tensors: <c>(N, width, H − 2, W − 2)</c>, <c>(N, width, H − 8, W − 8)</c>, <c>(N, 1, H − 10, W − 10)</c>.</returns>
    public IReadOnlyList<Tensor> Features(Tensor input)
    {
        var (head, body, tail) = Trunk(input);
        return [head, body, tail];
    }
}
