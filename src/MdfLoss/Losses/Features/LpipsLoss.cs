using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Losses.Features;

/// <summary>The networks of LPIPS.</summary>
public enum LpipsNetwork
{
    /// <summary>AlexNet: the fastest, and the authors' default for measuring.</summary>
    Alex,

    /// <summary>VGG-16: the authors' choice for training.</summary>
    Vgg,

    /// <summary>SqueezeNet 1.1: the smallest.</summary>
    Squeeze,
}

/// <summary>
/// LPIPS 0.1. Zhang, Isola, Efros, Shechtman and Wang, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric" (2018): squared differences of features
/// of unit length, weighted per channel by numbers that were learned from people's judgements, averaged over the positions and summed over the layers.
/// </summary>
/// <remarks>
/// The loss takes images in [0, 1], as all losses do, and scales them to [−1, 1] itself. The length of a feature is √(Σ x² + 1e-10). The authors' code adds the small number
/// after the root, where the gradient of a feature that is zero is not a number.
/// </remarks>
public sealed class LpipsLoss : FeatureLoss
{
    private const double SmallestSquare = 1e-10;

    // The authors' scaling layer, for images in [-1, 1].
    private static readonly double[] s_shift = [-0.030, -0.088, -0.188];
    private static readonly double[] s_scale = [0.458, 0.448, 0.450];

    private readonly bool _feedsUnitRange;
    private readonly Tensor[] _heads;

    internal LpipsLoss(LpipsNetwork network, Trunk trunk, IReadOnlyList<Tensor> heads, bool upstream = false, string? expression = null, IReadOnlyList<WeightsFile>? files = null)
        : base(NameOf(network), expression, trunk, files ?? [])
    {
        _feedsUnitRange = upstream;
        _heads = [.. heads.Select(head => head.DetachFromDisposeScope())];
    }

    /// <summary>Reads the weights and creates the loss.</summary>
    /// <param name="network">The network.</param>
    /// <param name="upstream">Whether to give the network images in [0, 1], as the MDF paper's code did. The network was trained on [−1, 1].</param>
    /// <returns>The loss; the caller disposes of it.</returns>
    /// <exception cref="InputException">The weights are not there, or cannot be used.</exception>
    public static LpipsLoss Load(LpipsNetwork network, bool upstream = false) => Load(network, upstream, upstream ? $"{NameOf(network)}?upstream=true" : NameOf(network));

    internal static LpipsLoss Create(LpipsNetwork network, LossTerm term) => Load(network, term.Flag("upstream"), term.ToString());

    /// <summary>Creates the loss with random weights; see <see cref="LossKind.Untrained"/>. Those of the heads are positive, as the published ones are.</summary>
    internal static LpipsLoss Untrained(LpipsNetwork network, Generator random, int divisor)
    {
        var (trunk, _, layers) = Architecture(network);
        var narrow = trunk.Narrow(divisor);
        return new LpipsLoss(network, Trunk.Random(narrow, layers, random), [.. layers.Select(layer => rand([1, narrow.Channels(layer), 1, 1], generator: random))]);
    }

    /// <summary>The short name of the loss, and of the weights of its heads.</summary>
    internal static string NameOf(LpipsNetwork network) => network switch
    {
        LpipsNetwork.Alex => "lpips-alex",
        LpipsNetwork.Vgg => "lpips-vgg",
        _ => "lpips-squeeze",
    };

    /// <summary>The network, and the layers whose features are compared.</summary>
    internal static (TrunkDescription Trunk, string Weights, string[] Layers) Architecture(LpipsNetwork network) => network switch
    {
        LpipsNetwork.Alex => (Trunks.AlexNet, "alexnet", ["relu1", "relu2", "relu3", "relu4", "relu5"]),
        LpipsNetwork.Vgg => (Trunks.Vgg16, "vgg16", ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"]),
        _ => (Trunks.SqueezeNet, "squeezenet1_1", ["relu1", "fire3", "fire5", "fire6", "fire7", "fire8", "fire9"]),
    };

    private static LpipsLoss Load(LpipsNetwork network, bool upstream, string expression)
    {
        var (trunk, name, layers) = Architecture(network);
        using var weights = PretrainedStore.Default.Open(name, expression);
        using var heads = PretrainedStore.Default.Open(NameOf(network), expression);
        return new LpipsLoss(
            network, new Trunk(trunk, layers, weights.Read), [.. heads.Published.Weights.Select(heads.Read)], upstream, expression, [weights.File, heads.File]);
    }

    private protected override Tensor Normalize(Tensor images) => Standardize(_feedsUnitRange ? images : images.Mul(2).Sub(1), s_shift, s_scale);

    private protected override Tensor Transform(Tensor features) => features / features.Square().sum([1], keepdim: true).Add(SmallestSquare).sqrt();

    private protected override Tensor[] Sums(int layer, Tensor restored, Tensor reference) =>
        [((restored - reference).Square() * _heads[layer].to(restored.dtype, restored.device)).sum([1, 2, 3])];

    private protected override Tensor Combine(IReadOnlyList<Tensor[]> sums, IReadOnlyList<long> positions) =>
        sums.Select((sum, layer) => sum[0].Div(positions[layer])).Aggregate((total, mean) => total.Add(mean));

    /// <summary>Frees the loss's weights.</summary>
    /// <param name="disposing">Whether Dispose was called. False: the finalizer runs.</param>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            foreach (var head in _heads)
                head.Dispose();
        }

        base.Dispose(disposing);
    }
}
