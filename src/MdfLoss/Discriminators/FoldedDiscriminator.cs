using Mdf.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mdf.Discriminators;

/// <summary>
/// The five convolutions of a frozen discriminator, each batch norm folded into the convolution before it: with running statistics that is
/// only a factor and an offset for each channel.
/// </summary>
/// <param name="Layers">The head, the three of the body, the tail. All but the tail are followed by leaky ReLU.</param>
internal sealed record FoldedDiscriminator(IReadOnlyList<FoldedConvolution> Layers)
{
    /// <summary>How many pixels of each border the features after the head have more than the final map.</summary>
    public const int HeadMargin = 4;

    /// <summary>The channels of every hidden layer.</summary>
    public int Width => Layers[0].Outputs;

    /// <summary>Folds a convolution and the batch norm behind it, in float64.</summary>
    /// <param name="conv">A 3×3 convolution.</param>
    /// <param name="norm">The batch norm, or null.</param>
    public static FoldedConvolution Fold(Conv2d conv, BatchNorm2d? norm)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var (weight, bias) = (InFull(conv.weight!), InFull(conv.bias!));
        if (norm is not null)
        {
            var factor = InFull(norm.weight!) / InFull(norm.running_var!).Add(norm.eps).sqrt();
            weight *= factor.view(-1, 1, 1, 1);
            bias = ((bias - InFull(norm.running_mean!)) * factor).Add(InFull(norm.bias!));
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
    /// <summary>The weight from an input to an output channel at a row and a column of the kernel; 0 for channels beyond.</summary>
    public double At(int output, int input, int y, int x) =>
        output < Outputs && input < Inputs ? Weight[((output * Inputs + input) * 3 + y) * 3 + x] : 0;

    /// <summary>
    /// The weight of the convolution that leads the gradient back, for a gradient with two rows and columns of zeros around it: the same
    /// kernel turned by 180°, its inputs and outputs exchanged.
    /// </summary>
    public double TransposedAt(int output, int input, int y, int x) => At(input, output, 2 - y, 2 - x);
}
