using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Losses.Features;

/// <summary>
/// The VGG-16 loss of the MDF authors' comparison: the mean squared errors of the features relu1_2, relu2_2, relu3_3 and relu4_3, averaged. After Johnson, Alahi and
/// Fei-Fei, "Perceptual Losses for Real-Time Style Transfer and Super-Resolution" (2016).
/// </summary>
/// <remarks>Images are standardized with ImageNet's mean and deviation. The authors' code also resizes them to 224×224; here this is an option.</remarks>
public sealed class Vgg16Loss : FeatureLoss
{
    private const int AuthorsSize = 224;

    private readonly bool _resizes;

    internal Vgg16Loss(Trunk trunk, bool resize = false, string? expression = null, IReadOnlyList<WeightsFile>? files = null)
        : base("vgg16", expression, trunk, files ?? []) => _resizes = resize;

    /// <inheritdoc/>
    /// <remarks>Three poolings: 8. With the authors' resizing: 1.</remarks>
    public override int MinimumSize => _resizes ? 1 : base.MinimumSize;

    /// <summary>The layers whose features are compared.</summary>
    internal static IReadOnlyList<string> Layers { get; } = ["relu1_2", "relu2_2", "relu3_3", "relu4_3"];

    /// <summary>Reads the weights and creates the loss.</summary>
    /// <param name="resize">Whether to resize images to 224×224, as the authors' code does.</param>
    /// <returns>The loss; the caller disposes of it.</returns>
    /// <exception cref="InputException">The weights are not there, or cannot be used.</exception>
    public static Vgg16Loss Load(bool resize = false) => Load(resize, resize ? "vgg16?resize=true" : "vgg16");

    internal static Vgg16Loss Create(LossTerm term) => Load(term.Flag("resize"), term.ToString());

    /// <summary>Creates the loss with random weights; see <see cref="LossKind.Untrained"/>.</summary>
    internal static Vgg16Loss Untrained(Generator random, int divisor) => new(Trunk.Random(Trunks.Vgg16.Narrow(divisor), Layers, random));

    private static Vgg16Loss Load(bool resize, string expression)
    {
        using var weights = PretrainedStore.Default.Open("vgg16", expression);
        return new Vgg16Loss(new Trunk(Trunks.Vgg16, Layers, weights.Read), resize, expression, [weights.File]);
    }

    private protected override Tensor Normalize(Tensor images)
    {
        var input = Standardize(images, ImageNet.Mean, ImageNet.Deviation);
        return _resizes ? functional.interpolate(input, [AuthorsSize, AuthorsSize], mode: InterpolationMode.Bilinear, align_corners: false) : input;
    }

    private protected override Tensor[] Sums(int layer, Tensor restored, Tensor reference) => [(restored - reference).Square().sum([1, 2, 3]).Div(restored.shape[1])];

    private protected override Tensor Combine(IReadOnlyList<Tensor[]> sums, IReadOnlyList<long> positions) =>
        sums.Select((sum, layer) => sum[0].Div(positions[layer])).Aggregate((total, mean) => total.Add(mean)).Div(sums.Count);

    internal override double Measure(Tensor restored, Tensor reference, IEnumerable<ImageStrip> strips) => _resizes
        ? Compare(restored, reference).mean().Number()
        : base.Measure(restored, reference, strips);
}
