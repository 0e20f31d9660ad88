using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Losses.Features;

/// <summary>
/// Differences of the features of ResNet-18 after each of its five stages. He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition" (2016), with the weights that
/// CNTK trained on ImageNet. The loss is ours; it is neither the VGG loss nor LPIPS.
/// </summary>
/// <remarks>
/// <para>Default: the mean over the stages of MSE / (mean square of the reference's features). With <c>normalize=unit</c>: each feature is divided by its length, and the squared
/// differences are summed over the channels, averaged over the positions and summed over the stages, as in LPIPS without its learned weights.</para>
/// <para>The first stage ends after the ReLU, before the pooling. Images become blue, green, red, times 255, minus CNTK's means.</para>
/// </remarks>
public sealed class ResNet18Loss : FeatureLoss
{
    private const double SmallestSquare = 1e-10;

    // Blue, green, red, as in the preprocessing network of the same package.
    private static readonly double[] s_mean = [103.06, 115.90, 123.15];

    private readonly bool _isUnit;

    internal ResNet18Loss(Trunk trunk, bool unit = false, string? expression = null, IReadOnlyList<WeightsFile>? files = null)
        : base("resnet18", expression, trunk, files ?? []) => _isUnit = unit;

    /// <summary>The layers whose features are compared.</summary>
    internal static IReadOnlyList<string> Layers { get; } = ["stage1", "stage2", "stage3", "stage4", "stage5"];

    /// <summary>Reads the weights and creates the loss.</summary>
    /// <param name="unit">Whether to compare features of unit length (<c>normalize=unit</c>).</param>
    /// <returns>The loss; the caller disposes of it.</returns>
    /// <exception cref="InputException">The weights are not there, or cannot be used.</exception>
    public static ResNet18Loss Load(bool unit = false) => Load(unit, unit ? "resnet18?normalize=unit" : "resnet18");

    internal static ResNet18Loss Create(LossTerm term) => Load(
        term.Option<bool>("normalize", "unit or reference", text => text switch { "unit" => true, "reference" => false, _ => null }) ?? false, term.ToString());

    /// <summary>Creates the loss with random weights; see <see cref="LossKind.Untrained"/>.</summary>
    internal static ResNet18Loss Untrained(Generator random, int divisor) => new(Trunk.Random(Trunks.ResNet18.Narrow(divisor), Layers, random));

    private static ResNet18Loss Load(bool unit, string expression)
    {
        using var weights = PretrainedStore.Default.Open("resnet18", expression);
        return new ResNet18Loss(new Trunk(Trunks.ResNet18, Layers, weights.Read), unit, expression, [weights.File]);
    }

    /// <summary>Converts images in [0, 1] as CNTK's network expects them.</summary>
    internal static Tensor ToCntk(Tensor images) => images.flip(1).Mul(255) - tensor(s_mean, [1, 3, 1, 1], images.dtype, images.device);

    /// <summary>Shows where the loss lies: for each layer, the part of each position in the loss, enlarged to the size of the images.</summary>
    /// <param name="restored">Shape <c>(1, 3, H, W)</c>.</param>
    /// <param name="reference">The same shape.</param>
    /// <returns>Shape <c>(1, 1, H, W)</c>. Its mean is the loss, up to the positions at the edges.</returns>
    internal Tensor MapOf(Tensor restored, Tensor reference)
    {
        var (x, y) = (Maps(restored), Maps(reference));
        var layers = x.Select((features, layer) =>
        {
            var squares = (features - y[layer]).Square().sum([1], keepdim: true);
            var map = _isUnit ? squares : squares / y[layer].Square().sum([1], keepdim: true).mean().Add(SmallestSquare);
            return nn.functional.interpolate(map, [restored.shape[2], restored.shape[3]], mode: InterpolationMode.Bilinear, align_corners: false);
        }).Aggregate((sum, map) => sum.Add(map));
        return _isUnit ? layers : layers.Div(x.Length);
    }

    private protected override Tensor Normalize(Tensor images) => ToCntk(images);

    private protected override Tensor Transform(Tensor features) => _isUnit ? features / features.Square().sum([1], keepdim: true).Add(SmallestSquare).sqrt() : features;

    private protected override Tensor[] Sums(int layer, Tensor restored, Tensor reference) => _isUnit
        ? [(restored - reference).Square().sum([1, 2, 3])]
        : [(restored - reference).Square().sum([1, 2, 3]), reference.Square().sum([1, 2, 3])];

    private protected override Tensor Combine(IReadOnlyList<Tensor[]> sums, IReadOnlyList<long> positions) => _isUnit
        ? sums.Select((sum, layer) => sum[0].Div(positions[layer])).Aggregate((total, stage) => total.Add(stage))
        : sums.Select((sum, layer) => sum[0] / sum[1].Add(SmallestSquare * positions[layer])).Aggregate((total, stage) => total.Add(stage)).Div(sums.Count);
}
