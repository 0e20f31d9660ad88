using Mdf.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Networks;

/// <summary>
/// SRResNet, SRGAN's generator: residual blocks with batch norm and parametric rectifiers, and upscaling at the end by pixel shuffle. Ledig et al.,
/// "Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network" (CVPR 2017).
/// </summary>
/// <remarks>
/// Sizes and layers are from figure 4 of the paper, for factor 4. Factor 2 has one step of pixel shuffle, and factor 3 has one step of factor 3. The paper does not
/// say whether a rectifier has one slope, or one slope for each channel. Here it has one, which starts at 0.25, PyTorch's default.
/// </remarks>
internal sealed class SrResNet : RestorationNetwork
{
    private const int OuterKernel = 9;

    private readonly Conv2d conv_first;
    private readonly PReLU act_first;
    private readonly Sequential body;
    private readonly Conv2d conv_after_body;
    private readonly BatchNormalization norm_after_body;
    private readonly Sequential upsample;
    private readonly Conv2d conv_last;
    private readonly int _blocks;

    private SrResNet(NetworkArchitecture architecture, Device device)
        : base(architecture)
    {
        using var scope = NewDisposeScope(); // each of TorchSharp's own layers leaves a tensor in the scope
        var features = architecture.WholeNumber("features");
        _blocks = architecture.WholeNumber("blocks");
        conv_first = Layers.Convolution(Colors, features, OuterKernel, device);
        act_first = Rectifier(device);
        body = Sequential([.. Enumerable.Range(0, _blocks).Select(_ => new Block(features, device))]);
        conv_after_body = Layers.Convolution(features, features, 3, device);
        norm_after_body = new BatchNormalization(features, device: device);
        upsample = Layers.PixelShuffling(features, Factor, device, () => Rectifier(device));
        conv_last = Layers.Convolution(features, Colors, OuterKernel, device);
        RegisterComponents();
    }

    /// <inheritdoc/>
    /// <remarks>
    /// The first convolution reaches 4 pixels. These reach one pixel each: the two convolutions of each block, the convolution after the blocks, and the first
    /// convolution of the upscaling. The later convolutions work on smaller pixels and together reach two more pixels.
    /// </remarks>
    public override int? Margin => OuterKernel / 2 + 2 * _blocks + 1 + 1 + 2;

    internal static NetworkKind Kind { get; } = new()
    {
        Name = "srresnet",
        Factors = [2, 3, 4],
        Options =
        [
            NetworkOption.WholeNumber("features", 64, 1, 512, "channels of every layer"),
            NetworkOption.WholeNumber("blocks", 16, 1, 128, "residual blocks"),
        ],
        Create = (architecture, device) => new SrResNet(architecture, device),
    };

    /// <inheritdoc/>
    protected override Tensor Restore(Tensor distorted)
    {
        var first = act_first.call(conv_first.call(distorted));
        var features = norm_after_body.call(conv_after_body.call(body.call(first))).Add_(first);
        // In the paper the input is in [0, 1] and the output in [-1, 1].
        return conv_last.call(upsample.call(features)).Add(1).Div(2);
    }

    private static PReLU Rectifier(Device device) => PReLU(1, Layers.RectifierSlope, device);

    /// <summary>A residual block: convolution, batch norm, rectifier, convolution, batch norm. The result is added to the input.</summary>
    private sealed class Block : Module<Tensor, Tensor>
    {
        private readonly Conv2d conv1;
        private readonly BatchNormalization norm1;
        private readonly PReLU act;
        private readonly Conv2d conv2;
        private readonly BatchNormalization norm2;

        public Block(int features, Device device)
            : base(nameof(Block))
        {
            conv1 = Layers.Convolution(features, features, 3, device);
            norm1 = new BatchNormalization(features, device: device);
            act = Rectifier(device);
            conv2 = Layers.Convolution(features, features, 3, device);
            norm2 = new BatchNormalization(features, device: device);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            using var scope = NewDisposeScope();
            return norm2.call(conv2.call(act.call(norm1.call(conv1.call(input))))).Add_(input).MoveToOuterDisposeScope();
        }
    }
}
