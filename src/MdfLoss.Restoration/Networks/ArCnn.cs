using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mdf.Networks;

/// <summary>
/// AR-CNN: four convolutions that extract features, enhance them, map them and reconstruct the image. Dong, Deng, Loy and Tang, "Compression
/// Artifacts Reduction by a Deep Convolutional Network" (ICCV 2015).
/// </summary>
/// <remarks>
/// Kernels (9, 7, 1, 5) and widths (64, 32, 16) are from the paper; other widths keep these proportions. The paper restores only luminance. This
/// network restores colour, so its first layer has three inputs and its last layer has three outputs.
/// </remarks>
internal sealed class ArCnn : RestorationNetwork
{
    private static readonly int[] s_kernels = [9, 7, 1, 5];

    private readonly Conv2d feature_extraction;
    private readonly Conv2d feature_enhancement;
    private readonly Conv2d mapping;
    private readonly Conv2d reconstruction;

    /// <summary>Creates the network with libtorch's default weights.</summary>
    /// <param name="architecture">The architecture.</param>
    /// <param name="device">The device of the weights.</param>
    /// <param name="channels">The channels of an image: 1 for the published network, which is used only to compute its size.</param>
    internal ArCnn(NetworkArchitecture architecture, Device device, int channels = Colors)
        : base(architecture)
    {
        using var scope = NewDisposeScope(); // each of TorchSharp's own layers leaves a tensor in the scope
        var features = architecture.WholeNumber("features");
        var (enhanced, mapped) = ((features + 1) / 2, (features + 3) / 4); // rounded up
        feature_extraction = Layers.Convolution(channels, features, s_kernels[0], device);
        feature_enhancement = Layers.Convolution(features, enhanced, s_kernels[1], device);
        mapping = Layers.Convolution(enhanced, mapped, s_kernels[2], device);
        reconstruction = Layers.Convolution(mapped, channels, s_kernels[3], device);
        RegisterComponents();
    }

    /// <inheritdoc/>
    /// <remarks>Every kernel reaches half of its width.</remarks>
    public override int? Margin => s_kernels.Sum(kernel => kernel / 2);

    internal static NetworkKind Kind { get; } = new()
    {
        Name = "arcnn",
        Factors = [1],
        Options = [NetworkOption.WholeNumber("features", 64, 1, 512, "channels of the first layer; the second has half as many, the third a quarter")],
        Create = (architecture, device) => new ArCnn(architecture, device),
    };

    /// <inheritdoc/>
    /// <remarks>
    /// He et al. The paper uses a small standard deviation, as was usual at that time, but then the gradient of the image vanishes through four layers.
    /// </remarks>
    public override void Initialize(Generator random)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        foreach (var convolution in modules().OfType<Conv2d>())
            Layers.DrawNormal(convolution, convolution == reconstruction ? 1 : Layers.RectifierGain, random);
    }

    /// <inheritdoc/>
    protected override Tensor Restore(Tensor distorted)
    {
        var features = feature_extraction.call(distorted).relu_();
        var enhanced = feature_enhancement.call(features).relu_();
        return reconstruction.call(mapping.call(enhanced).relu_());
    }
}
