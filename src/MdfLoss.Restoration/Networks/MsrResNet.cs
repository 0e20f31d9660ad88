using Mdf.Runtime;
using Mdf.Weights;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Networks;

/// <summary>
/// MSRResNet, BasicSR's modified SRResNet: no batch norm, leaky rectifiers, and the output of the network is added to the bilinearly upscaled image.
/// </summary>
/// <remarks>
/// After Ledig et al. (see <see cref="SrResNet"/>), as the baseline of Wang et al., "ESRGAN: Enhanced Super-Resolution Generative Adversarial
/// Networks" (ECCVW 2018). Structure, defaults and names are from BasicSR's <c>srresnet_arch.py</c>.
/// </remarks>
internal sealed class MsrResNet : RestorationNetwork
{
    private const double NegativeSlope = 0.1; // as in BasicSR

    // BasicSR draws weights ten times smaller than He et al., so the initial output is close to the bilinear image.
    private const double InitialScale = 0.1;

    private readonly Conv2d conv_first;
    private readonly Sequential body;
    private readonly Conv2d upconv1;
    private readonly Conv2d? upconv2; // only for factor 4, which is factor 2 twice
    private readonly Conv2d conv_hr;
    private readonly Conv2d conv_last;
    private readonly int _blocks;

    private MsrResNet(NetworkArchitecture architecture, Device device)
        : base(architecture)
    {
        using var scope = NewDisposeScope(); // each of TorchSharp's own layers leaves a tensor in the scope
        var features = architecture.WholeNumber("features");
        _blocks = architecture.WholeNumber("blocks");
        conv_first = Layers.Convolution(Colors, features, 3, device);
        body = Sequential([.. Enumerable.Range(0, _blocks).Select(_ => new ResidualBlock(features, 1, device))]);
        upconv1 = Layers.Convolution(features, features * Step * Step, 3, device);
        upconv2 = Factor == 4 ? Layers.Convolution(features, features * Step * Step, 3, device) : null;
        conv_hr = Layers.Convolution(features, features, 3, device);
        conv_last = Layers.Convolution(features, Colors, 3, device);
        RegisterComponents();
    }

    /// <inheritdoc/>
    /// <remarks>
    /// These reach one pixel each: the first convolution, the two convolutions of each block, and the first convolution of the upscaling. The later
    /// convolutions work on smaller pixels and together reach one more pixel.
    /// </remarks>
    public override int? Margin => 1 + 2 * _blocks + 1 + 1;

    internal static NetworkKind Kind { get; } = new()
    {
        Name = "msrresnet",
        Factors = [2, 3, 4],
        Options =
        [
            NetworkOption.WholeNumber("features", 64, 1, 512, "channels of every layer"),
            NetworkOption.WholeNumber("blocks", 16, 1, 128, "residual blocks"),
        ],
        Create = (architecture, device) => new MsrResNet(architecture, device),
    };

    private int Step => Factor == 4 ? 2 : Factor;

    /// <inheritdoc/>
    /// <remarks>As in BasicSR: a tenth of He et al., for every layer as if a rectifier followed it.</remarks>
    public override void Initialize(Generator random)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        foreach (var convolution in modules().OfType<Conv2d>())
            Layers.DrawNormal(convolution, InitialScale * Layers.RectifierGain, random);
    }

    /// <inheritdoc/>
    /// <remarks>MMSR, BasicSR's predecessor, and KAIR name the body <c>recon_trunk</c>, and name <c>conv_hr</c> <c>HRconv</c>.</remarks>
    internal override IReadOnlyDictionary<string, StoredTensor> FromPublished(IReadOnlyDictionary<string, StoredTensor> tensors, string where) =>
        Rename(tensors, where, [("recon_trunk.", "body."), ("HRconv.", "conv_hr.")]);

    /// <inheritdoc/>
    protected override Tensor Restore(Tensor distorted)
    {
        var features = Upscale(upconv1, body.call(conv_first.call(distorted).LeakyRelu_(NegativeSlope)));
        if (upconv2 is not null)
            features = Upscale(upconv2, features);
        var added = conv_last.call(conv_hr.call(features).LeakyRelu_(NegativeSlope));
        return added.Add_(functional.interpolate(distorted, scale_factor: [Factor, Factor], mode: InterpolationMode.Bilinear, align_corners: false));
    }

    private Tensor Upscale(Conv2d convolution, Tensor features)
    {
        using var scope = NewDisposeScope();
        return functional.pixel_shuffle(convolution.call(features), Step).LeakyRelu_(NegativeSlope).MoveToOuterDisposeScope();
    }
}
