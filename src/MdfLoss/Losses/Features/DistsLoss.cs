using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Losses.Features;

/// <summary>
/// DISTS. Ding, Ma, Wang and Simoncelli, "Image Quality Assessment: Unifying Structure and Texture Similarity" (2020): similarities of the means and of the covariances of the
/// image itself and of five feature maps of VGG-16 whose poolings are Hann windows, weighted per channel by numbers that were learned from people's judgements.
/// </summary>
/// <remarks>
/// The value is Σ α·(1 − l) + β·(1 − s), where the weights sum to 1. 1 − l and 1 − s are computed as fractions whose numerators are exactly zero for equal images. The means are over
/// the whole image, so textures may differ point by point.
/// </remarks>
public sealed class DistsLoss : FeatureLoss
{
    // The authors' c1 and c2.
    private const double Stabilizer = 1e-6;

    private readonly Tensor _alpha;
    private readonly Tensor _beta;

    internal DistsLoss(Trunk trunk, Tensor alpha, Tensor beta, string? expression = null, IReadOnlyList<WeightsFile>? files = null)
        : base("dists", expression, trunk, files ?? []) => (_alpha, _beta) = (alpha.DetachFromDisposeScope(), beta.DetachFromDisposeScope());

    /// <summary>The layers whose features are compared, besides the image itself.</summary>
    internal static IReadOnlyList<string> Layers { get; } = ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"];

    /// <summary>Reads the weights and creates the loss.</summary>
    /// <returns>The loss; the caller disposes of it.</returns>
    /// <exception cref="InputException">The weights are not there, or cannot be used.</exception>
    public static DistsLoss Load() => Load("dists");

    internal static DistsLoss Create(LossTerm term) => Load(term.ToString());

    /// <summary>Creates the loss with random weights; see <see cref="LossKind.Untrained"/>.</summary>
    internal static DistsLoss Untrained(Generator random, int divisor)
    {
        var trunk = Trunks.DistsVgg16.Narrow(divisor);
        var channels = 3 + Layers.Sum(trunk.Channels);
        return new DistsLoss(Trunk.Random(trunk, Layers, random), rand([1, channels, 1, 1], generator: random), rand([1, channels, 1, 1], generator: random));
    }

    private static DistsLoss Load(string expression)
    {
        using var weights = PretrainedStore.Default.Open("vgg16", expression);
        using var factors = PretrainedStore.Default.Open("dists", expression);
        var (alpha, beta) = (factors.Read(factors.Published.Weights[0]), factors.Read(factors.Published.Weights[1]));
        return new DistsLoss(new Trunk(Trunks.DistsVgg16, Layers, weights.Read), alpha, beta, expression, [weights.File, factors.File]);
    }

    private protected override Tensor Normalize(Tensor images) => Standardize(images, ImageNet.Mean, ImageNet.Deviation);

    /// <summary>The image itself is the first map.</summary>
    private protected override Tensor[] Maps(Tensor images) => [images, .. base.Maps(images)];

    private protected override IEnumerable<(long Step, long Before, long After)> Reaches => base.Reaches.Prepend((1, 0, 1));

    /// <summary>Whole maps: variances from centred values, which is more exact in float32 than sums of squares.</summary>
    private protected override Tensor CompareMaps(IReadOnlyList<Tensor> restored, IReadOnlyList<Tensor> reference) => Distance([.. restored.Zip(reference, (x, y) =>
    {
        var (meanX, meanY) = (x.mean([2, 3], keepdim: true), y.mean([2, 3], keepdim: true));
        var (centredX, centredY) = (x - meanX, y - meanY);
        return new Moments(
            meanX.flatten(1), meanY.flatten(1), centredX.Square().mean([2, 3]), centredY.Square().mean([2, 3]), (centredX * centredY).mean([2, 3]));
    })]);

    private protected override Tensor[] Sums(int layer, Tensor restored, Tensor reference) =>
    [
        restored.sum([2, 3]), reference.sum([2, 3]), restored.Square().sum([2, 3]), reference.Square().sum([2, 3]), (restored * reference).sum([2, 3]),
    ];

    private protected override Tensor Combine(IReadOnlyList<Tensor[]> sums, IReadOnlyList<long> positions) => Distance([.. sums.Select((sum, layer) =>
    {
        var means = sum.Select(each => each.Div(positions[layer])).ToArray();
        var (x, y) = (means[0], means[1]);
        return new Moments(x, y, means[2] - x.Square(), means[3] - y.Square(), means[4] - x * y);
    })]);

    /// <summary>Frees the loss's weights.</summary>
    /// <param name="disposing">Whether Dispose was called. False: the finalizer runs.</param>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _alpha.Dispose();
            _beta.Dispose();
        }

        base.Dispose(disposing);
    }

    private Tensor Distance(IReadOnlyList<Moments> maps)
    {
        var means = cat([.. maps.Select(map => (map.MeanX - map.MeanY).Square() / map.MeanX.Square().Add(map.MeanY.Square()).Add(Stabilizer))], 1);
        var structures = cat([.. maps.Select(map =>
        {
            var variances = map.VarianceX.Add(map.VarianceY);
            return variances.Add(map.Covariance, -2) / variances.Add(Stabilizer);
        })], 1);
        var (alpha, beta) = (_alpha.to(means.dtype, means.device).view(1, -1), _beta.to(means.dtype, means.device).view(1, -1));
        return (alpha * means).Add(beta * structures).sum([1]) / alpha.sum().Add(beta.sum());
    }

    /// <summary>Means, variances and covariance per image and channel, shape <c>(N, C)</c>.</summary>
    private sealed record Moments(Tensor MeanX, Tensor MeanY, Tensor VarianceX, Tensor VarianceY, Tensor Covariance);
}
