using Mdf.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mdf.Discriminators;

/// <summary>
/// The five convolutions of a frozen discriminator. Each batch norm is folded into the convolution before it: with running statistics, a batch norm
/// is only a factor and an offset per channel.
/// </summary>
/// <param name="Layers">The head, the three layers of the body, the tail. Leaky ReLU follows each layer except the tail.</param>
internal sealed record FoldedDiscriminator(IReadOnlyList<FoldedConvolution> Layers)
{
    /// <summary>The number of pixels by which the features after the head are larger than the final map, at each border.</summary>
    public const int HeadMargin = 4;

    /// <summary>The number of channels of every hidden layer.</summary>
    public int Width => Layers[0].Outputs;

    /// <summary>Folds the batch norm after a convolution into the convolution, in float64.</summary>
    /// <param name="conv">A 3×3 convolution.</param>
    /// <param name="norm">The batch norm; null if none follows.</param>
    public static FoldedConvolution Fold(Conv2d conv, BatchNormalization? norm)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var (weight, bias) = (InFull(conv.weight!), InFull(conv.bias!));
        if (norm is not null)
        {
            var factor = InFull(norm.Weight) / InFull(norm.RunningVariance).Add(norm.Epsilon).sqrt();
            weight *= factor.view(-1, 1, 1, 1);
            bias = ((bias - InFull(norm.RunningMean)) * factor).Add(InFull(norm.Bias));
        }

        var shape = weight.shape;
        return new FoldedConvolution((int)shape[0], (int)shape[1], [.. weight.data<double>()], [.. bias.data<double>()]);

        static Tensor InFull(Tensor values) => values.detach().to(float64).cpu().contiguous();
    }
}

/// <summary>A 3×3 convolution as plain numbers.</summary>
/// <param name="Outputs">Channels out.</param>
/// <param name="Inputs">Channels in.</param>
/// <param name="Weight">The weights, <c>(Outputs, Inputs, 3, 3)</c>.</param>
/// <param name="Bias">The biases, <c>(Outputs)</c>.</param>
internal sealed record FoldedConvolution(int Outputs, int Inputs, double[] Weight, double[] Bias)
{
    /// <summary>The weight from an input channel to an output channel at a row and a column of the kernel; 0 for channels that do not exist.</summary>
    public double At(int output, int input, int y, int x) =>
        output < Outputs && input < Inputs ? Weight[((output * Inputs + input) * 3 + y) * 3 + x] : 0;

    /// <summary>
    /// The weight of the convolution that computes the gradient of the input from the gradient of the output, which is padded with two rows and columns of
    /// zeros: the same kernel, rotated by 180°, with inputs and outputs exchanged.
    /// </summary>
    public double TransposedAt(int output, int input, int y, int x) => At(input, output, 2 - y, 2 - x);
}
