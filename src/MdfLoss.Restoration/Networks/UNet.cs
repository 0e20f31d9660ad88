using Mdf.Runtime;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Networks;

/// <summary>
/// Noise2Noise's U-Net: five levels of pooling and upsampling, with skip connections at each level. Lehtinen et al., "Noise2Noise: Learning
/// Image Restoration without Clean Data" (ICML 2018), the table in its appendix. The fields have the layer names of this table.
/// </summary>
/// <remarks>
/// The published network has 48 features, 96 in the upsampling half, and 64 and 32 at its end; other widths keep these proportions. Images whose sides
/// are not multiples of 32 are padded by repeating their last row and column.
/// </remarks>
internal sealed class UNet : RestorationNetwork
{
    private const int Levels = 5;
    private const double NegativeSlope = 0.1; // from the paper
    private const double Center = 0.5; // the authors' code takes images in [-0.5, 0.5]

    private readonly Conv2d enc_conv0;
    private readonly Conv2d enc_conv1;
    private readonly Conv2d enc_conv2;
    private readonly Conv2d enc_conv3;
    private readonly Conv2d enc_conv4;
    private readonly Conv2d enc_conv5;
    private readonly Conv2d enc_conv6;
    private readonly Conv2d dec_conv5a;
    private readonly Conv2d dec_conv5b;
    private readonly Conv2d dec_conv4a;
    private readonly Conv2d dec_conv4b;
    private readonly Conv2d dec_conv3a;
    private readonly Conv2d dec_conv3b;
    private readonly Conv2d dec_conv2a;
    private readonly Conv2d dec_conv2b;
    private readonly Conv2d dec_conv1a;
    private readonly Conv2d dec_conv1b;
    private readonly Conv2d dec_conv1c;

    private UNet(NetworkArchitecture architecture, Device device)
        : base(architecture)
    {
        using var scope = NewDisposeScope(); // each of TorchSharp's own layers leaves a tensor in the scope
        var down = architecture.WholeNumber("features");
        var up = 2 * down;
        var (outer, last) = ((4 * down + 2) / 3, (2 * down + 2) / 3); // 64 and 32 for 48 features, rounded up
        enc_conv0 = Layers.Convolution(Colors, down, 3, device);
        enc_conv1 = Layers.Convolution(down, down, 3, device);
        enc_conv2 = Layers.Convolution(down, down, 3, device);
        enc_conv3 = Layers.Convolution(down, down, 3, device);
        enc_conv4 = Layers.Convolution(down, down, 3, device);
        enc_conv5 = Layers.Convolution(down, down, 3, device);
        enc_conv6 = Layers.Convolution(down, down, 3, device);
        dec_conv5a = Layers.Convolution(down + down, up, 3, device);
        dec_conv5b = Layers.Convolution(up, up, 3, device);
        dec_conv4a = Layers.Convolution(up + down, up, 3, device);
        dec_conv4b = Layers.Convolution(up, up, 3, device);
        dec_conv3a = Layers.Convolution(up + down, up, 3, device);
        dec_conv3b = Layers.Convolution(up, up, 3, device);
        dec_conv2a = Layers.Convolution(up + down, up, 3, device);
        dec_conv2b = Layers.Convolution(up, up, 3, device);
        dec_conv1a = Layers.Convolution(up + Colors, outer, 3, device);
        dec_conv1b = Layers.Convolution(outer, last, 3, device);
        dec_conv1c = Layers.Convolution(last, Colors, 3, device);
        RegisterComponents();
    }

    /// <inheritdoc/>
    /// <remarks>
    /// In pixels of the image, the convolutions of the upsampling half reach 3 + 2·(2 + 4 + 8 + 16), the convolution at the bottom 32, and the convolutions
    /// before it 16 + 8 + 4 + 2 + 2: 127 together. The bottom level reads whole cells of 32 pixels, so up to 31 pixels more are needed.
    /// </remarks>
    public override int? Margin => 127 + (Stride - 1);

    /// <inheritdoc/>
    public override int Stride => 1 << Levels;

    internal static NetworkKind Kind { get; } = new()
    {
        Name = "unet",
        Factors = [1],
        Options = [NetworkOption.WholeNumber("features", 48, 1, 512, "channels on the way down; twice as many on the way back")],
        Create = (architecture, device) => new UNet(architecture, device),
    };

    /// <inheritdoc/>
    /// <remarks>He et al., as in the paper. No rectifier follows the last layer.</remarks>
    public override void Initialize(Generator random)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        foreach (var convolution in modules().OfType<Conv2d>())
            Layers.DrawNormal(convolution, convolution == dec_conv1c ? 1 : Layers.RectifierGain, random);
    }

    /// <inheritdoc/>
    protected override Tensor Restore(Tensor distorted)
    {
        var (height, width) = (distorted.shape[2], distorted.shape[3]);
        // Repeating works for every size. A reflection would need more pixels in the image than it adds.
        var image = TensorOrder.ChannelsLast(functional.pad(distorted.Sub(Center), [0, Missing(width), 0, Missing(height)], PaddingModes.Replicate));
        var pool1 = Down(image, enc_conv0, enc_conv1);
        var pool2 = Down(pool1, enc_conv2);
        var pool3 = Down(pool2, enc_conv3);
        var pool4 = Down(pool3, enc_conv4);
        var pool5 = Down(pool4, enc_conv5);
        var bottom = enc_conv6.call(pool5).LeakyRelu_(NegativeSlope);
        var level4 = Up(bottom, pool4, dec_conv5a, dec_conv5b);
        var level3 = Up(level4, pool3, dec_conv4a, dec_conv4b);
        var level2 = Up(level3, pool2, dec_conv3a, dec_conv3b);
        var level1 = Up(level2, pool1, dec_conv2a, dec_conv2b);
        var restored = dec_conv1c.call(Up(level1, image, dec_conv1a, dec_conv1b));
        return restored[.., .., ..(int)height, ..(int)width].Add(Center);
    }

    private static Tensor Down(Tensor features, params ReadOnlySpan<Conv2d> convolutions)
    {
        using var scope = NewDisposeScope();
        foreach (var convolution in convolutions)
            features = convolution.call(features).LeakyRelu_(NegativeSlope);
        return functional.max_pool2d(features, 2).MoveToOuterDisposeScope();
    }

    private static Tensor Up(Tensor below, Tensor across, Conv2d first, Conv2d second)
    {
        using var scope = NewDisposeScope();
        Tensor features;
        using (var above = functional.interpolate(below, scale_factor: [2, 2], mode: InterpolationMode.Nearest))
            features = TensorOrder.ChannelsLast(cat([above, across], 1)); // needed because maps of one pixel have no clear order
        return second.call(first.call(features).LeakyRelu_(NegativeSlope)).LeakyRelu_(NegativeSlope).MoveToOuterDisposeScope();
    }

    private long Missing(long size) => (Stride - size % Stride) % Stride;
}
