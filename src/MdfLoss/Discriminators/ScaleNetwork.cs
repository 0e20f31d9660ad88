using Mdf.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Discriminators;

/// <summary>
/// The architecture that the discriminator and the generator of a scale have in common: four blocks of 3×3 convolution, batch norm and
/// leaky ReLU 0.2, then one 3×3 convolution. There is no padding: the output is 10 pixels smaller than the input along each axis.
/// </summary>
/// <remarks>
/// Source: Rott Shaham, Dekel and Michaeli, "SinGAN: Learning a Generative Model from a Single Natural Image" (ICCV 2019). The parameters
/// have the names of upstream's <c>SinGAN/models.py</c>: <c>head.conv.weight</c>, <c>body.block1.norm.bias</c>,
/// <c>tail.weight</c>, …
/// </remarks>
internal abstract class ScaleNetwork : Module<Tensor, Tensor>
{
    /// <summary>The receptive field: the number of input pixels, along each axis, that one output pixel depends on (five 3×3 convolutions).</summary>
    public const int ReceptiveField = 11;

    /// <summary>The number of pixels that the output loses at each border.</summary>
    public const int Margin = ReceptiveField / 2;

    /// <summary>The negative slope of leaky ReLU, as in SinGAN.</summary>
    public const double NegativeSlope = 0.2;

    private const int BodyBlocks = 3;

    // The names of the fields are the names in the files.
    private readonly ConvBlock head;
    private readonly Sequential body;
    private readonly Conv2d tail;

    /// <summary>Creates the network with libtorch's default weights.</summary>
    /// <param name="name">The name of the module.</param>
    /// <param name="width">The number of channels of every hidden layer.</param>
    /// <param name="outputs">The number of channels of the last layer.</param>
    private protected ScaleNetwork(string name, int width, int outputs)
        : base(name)
    {
        using var scope = NewDisposeScope(); // each of TorchSharp's own layers leaves a tensor undisposed
        Width = width;
        head = new ConvBlock(3, width);
        body = Sequential(Enumerable.Range(1, BodyBlocks)
            .Select(i => ($"block{i}", (Module<Tensor, Tensor>)new ConvBlock(width, width))));
        tail = Conv2d(width, outputs, 3);
        RegisterComponents();
    }

    /// <summary>The number of channels of every hidden layer.</summary>
    public int Width { get; }

    /// <summary>The cost of one forward pass: multiplications per pixel of the image, by the definition of convolution, with borders ignored.</summary>
    public long MultiplicationsPerPixel => 9L * (3 * Width + BodyBlocks * Width * Width + Width * tail.weight!.shape[0]);

    /// <summary>
    /// Initialises the weights at random: weights of convolutions N(0, 0.02), weights of batch norms N(1, 0.02), biases of batch norms 0 (SinGAN's
    /// <c>weights_init</c>); biases of convolutions uniform in ±1/√(fan-in) (PyTorch's default, which SinGAN keeps).
    /// </summary>
    /// <param name="random">The only source of randomness, on the network's device.</param>
    public void Initialize(Generator random)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        foreach (var module in modules())
        {
            switch (module)
            {
                case Conv2d conv:
                    conv.weight!.normal_(0, 0.02, random);
                    var bound = 1 / Math.Sqrt(conv.weight!.shape[1..].Aggregate((product, size) => product * size));
                    conv.bias!.uniform_(-bound, bound, random);
                    break;
                case BatchNormalization norm:
                    norm.Weight.normal_(1, 0.02, random);
                    norm.Bias.zero_();
                    break;
            }
        }
    }

    /// <summary>Copies every parameter and running statistic from another network.</summary>
    /// <param name="other">A network of the same kind and width.</param>
    public void CopyFrom(ScaleNetwork other)
    {
        using var scope = NewDisposeScope();
        load_state_dict(other.state_dict());
    }

    /// <summary>Freezes the network: evaluation mode (running statistics), and no gradients for its weights.</summary>
    public void Freeze()
    {
        eval();
        foreach (var parameter in parameters())
            parameter.requires_grad_(false);
    }

    /// <summary>Folds each batch norm into the convolution before it. The network must be in evaluation mode.</summary>
    internal FoldedDiscriminator Fold() => new FoldedDiscriminator(
    [
        head.Fold(),
        .. body.children().Cast<ConvBlock>().Select(block => block.Fold()),
        FoldedDiscriminator.Fold(tail, norm: null),
    ]);

    /// <summary>Computes the features of the trunk: after the head, after the body, and after the last convolution.</summary>
    private protected (Tensor Head, Tensor Body, Tensor Tail) Trunk(Tensor image)
    {
        var afterHead = head.call(TensorOrder.ChannelsLast(image));
        var afterBody = body.call(afterHead);
        return (afterHead, afterBody, tail.call(afterBody));
    }

    /// <summary>A 3×3 convolution, batch norm and leaky ReLU.</summary>
    private sealed class ConvBlock : Module<Tensor, Tensor>
    {
        private readonly Conv2d conv;
        private readonly BatchNormalization norm;

        public ConvBlock(int inputs, int outputs)
            : base(nameof(ConvBlock))
        {
            conv = Conv2d(inputs, outputs, 3);
            norm = new BatchNormalization(outputs);
            RegisterComponents();
        }

        public FoldedConvolution Fold() => FoldedDiscriminator.Fold(conv, norm);

        public override Tensor forward(Tensor input)
        {
            using var scope = NewDisposeScope();
            return norm.call(conv.call(input)).LeakyRelu(NegativeSlope).MoveToOuterDisposeScope();
        }
    }
}
