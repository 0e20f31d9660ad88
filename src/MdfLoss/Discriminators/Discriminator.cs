using static TorchSharp.torch;

namespace Mdf.Discriminators;

/// <summary>The discriminator D_k of one scale: tells the photograph's patches from the generator's, patch by patch.</summary>
/// <param name="width">The channels of every hidden layer.</param>
public sealed class Discriminator(int width) : ScaleNetwork(nameof(Discriminator), width, outputs: 1)
{
    /// <summary>The critic's map.</summary>
    /// <param name="input">Shape <c>(N, 3, H, W)</c>, in the range of the stack that it belongs to; [−1, 1] in training.</param>
    /// <returns>Shape <c>(N, 1, H − 10, W − 10)</c>.</returns>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        return Trunk(input).Tail.MoveToOuterDisposeScope();
    }

    /// <summary>What the MDF loss compares: the features after the head, after the body, and the final map.</summary>
    /// <param name="input">Shape <c>(N, 3, H, W)</c>, in the range of the stack that it belongs to; [−1, 1] in training.</param>
    /// <returns>Three tensors: <c>(N, width, H − 2, W − 2)</c>, <c>(N, width, H − 8, W − 8)</c>, <c>(N, 1, H − 10, W − 10)</c>.</returns>
    public IReadOnlyList<Tensor> Features(Tensor input)
    {
        var (head, body, tail) = Trunk(input);
        return [head, body, tail];
    }
}
