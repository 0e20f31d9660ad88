using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Losses.Features;

/// <summary>The comparison of two features.</summary>
internal enum FeatureCriterion
{
    /// <summary>The mean absolute difference.</summary>
    L1,

    /// <summary>The mean squared difference.</summary>
    L2,

    /// <summary>The mean of √(difference² + ε²) − ε, as in <see cref="CharbonnierLoss"/>.</summary>
    Charbonnier,
}

/// <summary>
/// Differences of the features of VGG-19 in any layers: the perceptual loss with which restoration networks are trained since SRGAN and ESRGAN. Default: the layers and weights of
/// Real-ESRGAN, before the ReLU, with L1.
/// </summary>
/// <remarks>
/// A style weight adds the same criterion for the Gram matrices, <c>F·Fᵀ/(C·H·W)</c>, with the same layer weights. Gatys, Ecker and Bethge, "Image Style Transfer Using Convolutional
/// Neural Networks" (2016).
/// </remarks>
public sealed class Vgg19Loss : FeatureLoss
{
    private readonly IReadOnlyList<Vgg19Layer> _layers;
    private readonly FeatureCriterion _criterion;
    private readonly double _style;

    internal Vgg19Loss(
        Trunk trunk, IReadOnlyList<Vgg19Layer> layers, FeatureCriterion criterion = FeatureCriterion.L1, double style = 0, string? expression = null, IReadOnlyList<WeightsFile>? files = null)
        : base("vgg19", expression, trunk, files ?? []) => (_layers, _criterion, _style) = (layers, criterion, style);

    /// <summary>Reads the weights and creates the loss with the default layers. A loss expression, such as <c>vgg19?layers=relu3_4&amp;criterion=l2</c>, can name others.</summary>
    /// <returns>The loss; the caller disposes of it.</returns>
    /// <exception cref="InputException">The weights are not there, or cannot be used.</exception>
    public static Vgg19Loss Load() => Load(Vgg19Layer.RealEsrgan, FeatureCriterion.L1, style: 0, "vgg19");

    internal static Vgg19Loss Create(LossTerm term)
    {
        var layers = term.Reference("layers", "layers of VGG-19 with positive weights, such as conv3_4:1,relu5_4:0.5, each once", Vgg19Layer.Read) ?? Vgg19Layer.RealEsrgan;
        var criterion = term.Option<FeatureCriterion>("criterion", "l1, l2 or charbonnier", text => text switch
        {
            "l1" => FeatureCriterion.L1,
            "l2" => FeatureCriterion.L2,
            "charbonnier" => FeatureCriterion.Charbonnier,
            _ => null,
        }) ?? FeatureCriterion.L1;
        return Load(layers, criterion, term.Positive("style", 0), term.ToString());
    }

    private static Vgg19Loss Load(IReadOnlyList<Vgg19Layer> layers, FeatureCriterion criterion, double style, string expression)
    {
        using var weights = PretrainedStore.Default.Open("vgg19", expression);
        return new Vgg19Loss(new Trunk(Trunks.Vgg19, Names(layers), weights.Read), layers, criterion, style, expression, [weights.File]);
    }

    /// <summary>Creates the loss with random weights; see <see cref="LossKind.Untrained"/>.</summary>
    internal static Vgg19Loss Untrained(Generator random, int divisor) =>
        new(Trunk.Random(Trunks.Vgg19.Narrow(divisor), Names(Vgg19Layer.RealEsrgan), random), Vgg19Layer.RealEsrgan);

    /// <summary>The names of layers.</summary>
    internal static IReadOnlyList<string> Names(IEnumerable<Vgg19Layer> layers) => [.. layers.Select(layer => layer.Name)];

    private protected override Tensor Normalize(Tensor images) => Standardize(images, ImageNet.Mean, ImageNet.Deviation);

    private protected override Tensor[] Sums(int layer, Tensor restored, Tensor reference)
    {
        var content = Differ(restored - reference).sum([1, 2, 3]).Div(restored.shape[1]);
        return _style == 0 ? [content] : [content, Gram(restored), Gram(reference)];
    }

    private protected override Tensor Combine(IReadOnlyList<Tensor[]> sums, IReadOnlyList<long> positions) => sums.Select((sum, layer) =>
    {
        var value = sum[0].Div(positions[layer]);
        if (_style > 0)
            value = value.Add(MeanPerImage(Differ((sum[1] - sum[2]).Div((double)positions[layer] * sum[1].shape[1]))), _style);
        return value.Mul(_layers[layer].Weight);
    }).Aggregate((total, value) => total.Add(value));

    private static Tensor Gram(Tensor features)
    {
        var flat = features.flatten(2);
        return flat.matmul(flat.transpose(1, 2));
    }

    private Tensor Differ(Tensor difference)
    {
        if (_criterion == FeatureCriterion.L1)
            return difference.abs();
        var squared = difference.Square();
        return _criterion == FeatureCriterion.L2 ? squared : squared / squared.Add(CharbonnierLoss.Epsilon * CharbonnierLoss.Epsilon).sqrt().Add(CharbonnierLoss.Epsilon);
    }
}
