using Mdf.Discriminators;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>Variants of the MDF loss for the trials of <c>docs/research/protocol.md</c>, with autograd. Only the variant that wins becomes part of <see cref="MdfLoss"/>.</summary>
/// <remarks>
/// <c>distance</c>: <c>absolute</c>, as <see cref="MdfLoss"/>; <c>relative</c>, each layer divided by the mean power of the reference's features; <c>channel</c>, each channel divided by
/// the variance of the reference's features; <c>local</c>, features of length 1 at each position; <c>energy</c>, the standard deviations in windows. <c>statistics</c>: <c>running</c>, or <c>image</c>: the batch norms use the mean and the variance of each reference. <c>input</c>:
/// <c>image</c>, or <c>laplacian</c>: the discriminators see x − up(down(x)).
/// </remarks>
internal sealed class MdfTrialLoss : ReconstructionLoss
{
    private const double Epsilon = 1e-6;

    private readonly DiscriminatorStack stack;
    private readonly LayerWeights _weights;
    private readonly string _distance;
    private readonly bool _ofImage;
    private readonly bool _isLaplacian;
    private readonly string _expression;

    private MdfTrialLoss(DiscriminatorStack stack, LayerWeights weights, string distance, bool ofImage, bool isLaplacian, string expression)
        : base("mdf-trial")
    {
        (this.stack, _weights, _distance, _ofImage, _isLaplacian, _expression) = (stack, weights, distance, ofImage, isLaplacian, expression);
        stack.Freeze();
        RegisterComponents();
    }

    public static MdfTrialLoss Create(LossTerm term)
    {
        var weights = term.Option<LayerWeights>("layer_weights", "three numbers", text => LayerWeights.TryParse(text, out var parsed) ? parsed : null);
        var distance = One("distance", "absolute", "relative", "channel", "local", "energy");
        var statistics = One("statistics", "running", "image");
        var input = One("input", "image", "laplacian");
        var stack = DiscriminatorStack.Load(term.Argument!);
        return new MdfTrialLoss(stack, weights ?? stack.LayerWeights, distance, statistics == "image", input == "laplacian", term.ToString());

        string One(string option, params string[] values)
        {
            var found = values[0];
            term.Option<int>(option, string.Join(" or ", values), text =>
            {
                if (!values.Contains(text))
                    return null;
                found = text;
                return 1;
            });
            return found;
        }
    }

    public override string Expression => _expression;

    public override IEnumerable<WeightsFile> Files => stack.ReadFrom is { } file ? [file] : [];

    public override int MinimumSize => Discriminator.ReceptiveField;

    public override void train(bool train = true) => base.train(false);

    protected internal override ReferenceFeatures Analyze(Tensor reference) => new([reference], restored => Distances(restored, reference));

    private Tensor Distances(Tensor restored, Tensor reference)
    {
        var count = reference.shape[0];
        var both = Input(cat([reference, restored]));
        var total = zeros(count, dtype: reference.dtype, device: reference.device);
        for (var k = 0; k < stack.Count; k++)
        {
            foreach (var (features, weight) in stack[k].Features(both, _ofImage).Zip(_weights.Values))
            {
                if (weight == 0)
                    continue;
                var (wanted, found) = (features.narrow(0, 0, count), features.narrow(0, count, count));
                var squares = (found - wanted).Square();
                var distance = _distance switch
                {
                    "relative" => MeanPerImage(squares) / MeanPerImage(wanted.Square()).Add(Epsilon),
                    "channel" => (squares.mean([2, 3]) / wanted.var([2, 3], unbiased: false).Add(Epsilon)).mean([1]),
                    "energy" => MeanPerImage((Energy(found) - Energy(wanted)).Square()),
                    "local" => MeanPerImage((Unit(found) - Unit(wanted)).Square()),
                    _ => MeanPerImage(squares),
                };
                total = total.Add(distance.Mul(weight));
            }
        }

        return total;
    }

    // As LPIPS: the features of each position have length 1. The number that is added keeps the gradient of flat positions small.
    private static Tensor Unit(Tensor features) => features / features.Square().sum([1], keepdim: true).Add(0.01 * features.shape[1]).sqrt();

    // The standard deviation of each channel in windows of 8 × 8 positions, 4 apart: the strength of the texture, not its place.
    private static Tensor Energy(Tensor features)
    {
        var mean = nn.functional.avg_pool2d(features, 8, 4);
        return (nn.functional.avg_pool2d(features.Square(), 8, 4) - mean.Square()).clamp_min(0).Add(Epsilon).sqrt();
    }

    private Tensor Input(Tensor image)
    {
        var input = stack.InputRange.FromUnit(image);
        if (!_isLaplacian)
            return input;
        var (height, width) = (input.shape[2], input.shape[3]);
        var low = nn.functional.interpolate(nn.functional.avg_pool2d(input, 2), [height, width], mode: InterpolationMode.Bilinear, align_corners: false);
        return input - low;
    }
}
