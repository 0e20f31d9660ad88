using Mdf.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Networks;

/// <summary>
/// DnCNN: a plain stack of convolutions that predicts the noise. The network subtracts it from the image. Zhang, Zuo, Chen, Meng and Zhang, "Beyond a Gaussian
/// Denoiser: Residual Learning of Deep CNN for Image Denoising" (TIP 2017).
/// </summary>
/// <remarks>
/// <para>The defaults are the paper's network for one noise level. The colour models of KAIR are
/// <c>batch_norm=false&amp;layers=20</c>: their batch norms are merged into the convolutions.</para>
/// <para>The names of the layers are from KAIR: <c>model.{i}</c>, where the count includes rectifiers.</para>
/// </remarks>
internal sealed class DnCnn : RestorationNetwork
{
    private const double Epsilon = 1e-4; // from KAIR, which the first author of the paper wrote; PyTorch's default is 1e-5

    private readonly Sequential model;
    private readonly int _layers;

    private DnCnn(NetworkArchitecture architecture, Device device)
        : base(architecture)
    {
        using var scope = NewDisposeScope(); // each of TorchSharp's own layers leaves a tensor in the scope
        var features = architecture.WholeNumber("features");
        var batchNorm = architecture.Flag("batch_norm");
        _layers = architecture.WholeNumber("layers");
        model = Sequential(
        [
            Layers.Convolution(Colors, features, 3, device), ReLU(inplace: true),
            .. Enumerable.Range(0, _layers - 2).SelectMany(_ => Hidden()),
            Layers.Convolution(features, Colors, 3, device),
        ]);
        RegisterComponents();

        IEnumerable<Module<Tensor, Tensor>> Hidden()
        {
            yield return Layers.Convolution(features, features, 3, device);
            // The momentum is PyTorch's default. With KAIR's momentum, 0.9, PyTorch keeps almost only the statistics of the last batch.
            if (batchNorm)
                yield return new BatchNormalization(features, Epsilon, device);
            yield return ReLU(inplace: true);
        }
    }

    /// <inheritdoc/>
    /// <remarks>Every convolution reaches one pixel.</remarks>
    public override int? Margin => _layers;

    internal static NetworkKind Kind { get; } = new()
    {
        Name = "dncnn",
        Factors = [1],
        Options =
        [
            NetworkOption.WholeNumber("features", 64, 1, 512, "channels of every hidden layer"),
            NetworkOption.WholeNumber("layers", 17, 2, 128, "convolutions; 20 in the models for unknown noise and in KAIR's"),
            NetworkOption.Flag("batch_norm", true, "batch norm after every hidden convolution; false in KAIR's published models"),
        ],
        Create = (architecture, device) => new DnCnn(architecture, device),
    };

    /// <inheritdoc/>
    /// <remarks>He et al., as in the paper.</remarks>
    public override void Initialize(Generator random)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var convolutions = modules().OfType<Conv2d>().ToList();
        foreach (var convolution in convolutions)
            Layers.DrawNormal(convolution, convolution == convolutions[^1] ? 1 : Layers.RectifierGain, random);
        foreach (var norm in modules().OfType<BatchNormalization>())
            norm.Reset();
    }

    /// <inheritdoc/>
    protected override Tensor Restore(Tensor distorted) => distorted - model.call(distorted);
}
