using Mdf.Discriminators;
using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>The convolutions of one iteration of our schedule, each kind timed alone by libtorch, by its definition, in the layout that it is fastest in.</summary>
internal sealed class Phase1Floor
{
    private const int Layers = 5;

    // What one iteration asks for, layer by layer from the head to the tail. D: three steps of passes over the photograph, the fake, and the image between,
    // the last with the derivative of its derivative; and three passes for the generator.
    private static readonly int[] s_forwardD = [3 * 3 + 3 + 3, 3 * 3 + 3 + 3, 3 * 3 + 3 + 3, 3 * 3 + 3 + 3, 3 * 2];
    private static readonly int[] s_backD = [3 + 3, 3 * 4 + 3, 3 * 4 + 3, 3 * 4 + 3, 3 * 3 + 3];
    private static readonly int[] s_weightsD = [3 * 4, 3 * 4, 3 * 4, 3 * 4, 3 * 3];

    private readonly List<(Action Run, double Times)> _best = [];

    /// <summary>Finds the faster layout of every kind.</summary>
    /// <param name="width">Channels.</param>
    /// <param name="size">The image's size.</param>
    /// <param name="isFixed">Whether the generator's input is: its passes are fewer then.</param>
    public Phase1Floor(int width, ImageSize size, bool isFixed)
    {
        for (var layer = 0; layer < Layers; layer++)
        {
            Add(width, size, layer, outputs: 1, s_forwardD[layer], s_backD[layer], s_weightsD[layer]);
            var padded = new ImageSize(size.Height + 2 * ScaleNetwork.Margin, size.Width + 2 * ScaleNetwork.Margin);
            Add(width, padded, layer, outputs: 3, isFixed ? 3 : 6, layer == 0 ? 0 : 3, 3);
        }
    }

    /// <summary>Times every kind once.</summary>
    /// <returns>Their sum over an iteration, in milliseconds.</returns>
    public double Measure() => _best.Sum(kind => kind.Times * Timing.Milliseconds(kind.Run, warmUps: 1));

    private void Add(int width, ImageSize size, int layer, int outputs, int forward, int back, int weights)
    {
        var (from, to) = (layer == 0 ? 3 : width, layer == Layers - 1 ? outputs : width);
        foreach (var (kind, times) in new[] { (Kind.Forward, forward), (Kind.Back, back), (Kind.Weights, weights) })
        {
            if (times == 0)
                continue;
            var candidates = new[] { false, true }.Select(isLast => Convolution(kind, from, to, size.Height - 2 * layer, size.Width - 2 * layer, isLast)).ToArray();
            var medians = Timing.Medians(candidates, rounds: 2, tells: false);
            _best.Add((candidates[medians[0] <= medians[1] ? 0 : 1], times));
        }
    }

    private static Action Convolution(Kind kind, int from, int to, int height, int width, bool isLast)
    {
        var image = Arrange(rand(1, from, height, width)).requires_grad_(kind == Kind.Back);
        var weight = Arrange(rand(to, from, 3, 3)).requires_grad_(kind == Kind.Weights);
        if (kind == Kind.Forward)
            return () => nn.functional.conv2d(image, weight);
        using var _ = enable_grad();
        var output = nn.functional.conv2d(image, weight).DetachFromDisposeScope();
        var gradient = Arrange(rand(output.shape));
        return () => autograd.grad([output], [kind == Kind.Back ? image : weight], [gradient], retain_graph: true);

        Tensor Arrange(Tensor values)
        {
            using var scope = NewDisposeScope();
            return (isLast ? values.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2) : values.contiguous()).DetachFromDisposeScope();
        }
    }

    private enum Kind
    {
        Forward,
        Back,
        Weights,
    }
}
