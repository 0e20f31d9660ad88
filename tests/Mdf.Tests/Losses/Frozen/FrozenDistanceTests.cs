using Mdf.Discriminators;
using Mdf.Kernels;
using Mdf.Losses;
using Mdf.Losses.Frozen;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Losses.Frozen;

/// <summary>The fast path against the plain one in float64, which is autograd through the discriminators.</summary>
[Collection(nameof(OneAtATime))]
public sealed class FrozenDistanceTests
{
    /// <summary>What a comparison is made of.</summary>
    private sealed record Case(int Batch, int Height, int Width, int[] Widths, int Tile, LayerWeights Weights, bool IsSymmetric, ulong Seed);

    // Always the same cases: a value that lies on leaky ReLU's kink may fall to either side, and in a small image one is enough to see.
    private static IEnumerable<Case> Cases(int count)
    {
        var random = new Random(4);
        int[] widths = [3, 8, 16, 20, 32];
        LayerWeights[] weights = [LayerWeights.Equal, new LayerWeights(0.5, 2, 1), new LayerWeights(0, 1, 0), new LayerWeights(0, 0, 3)];
        return Enumerable.Range(0, count).Select(_ => new Case(
            random.Next(1, 4), random.Next(11, 46), random.Next(11, 46), [.. Enumerable.Range(0, random.Next(1, 4)).Select(_ => widths[random.Next(widths.Length)])],
            random.Next(1, 41), weights[random.Next(weights.Length)], random.Next(2) == 0, (ulong)random.Next(1000)));
    }

    [Fact]
    public void Libtorch_in_float64_gives_the_plain_path_to_the_last_digits() => Assert.All(Cases(12), c =>
        Check(c, float64, valueTolerance: 1e-12, gradientTolerance: 1e-12, (discriminators, range) =>
            new TensorDistance(discriminators, range, c.Weights, float64, CPU, c.Tile)));

    [Fact]
    public void Libtorch_in_float32_gives_the_plain_path() => Assert.All(Cases(8), c =>
        Check(c, float32, valueTolerance: 1e-5, gradientTolerance: 5e-3, (discriminators, range) =>
            new TensorDistance(discriminators, range, c.Weights, float32, CPU, c.Tile)));

    [Fact]
    public void Our_kernels_for_eight_lanes_give_the_plain_path() => CheckKernels<Lanes8>();

    [Fact]
    public void Our_kernels_for_sixteen_lanes_give_the_plain_path() => CheckKernels<Lanes16>();

    // On a processor without instructions for bfloat16, libtorch computes the same more slowly.
    [Fact]
    public void Bfloat16_is_close_to_the_plain_path() => Assert.All(Cases(6), c =>
        Check(c with { Batch = 1, Weights = LayerWeights.Equal }, float32, valueTolerance: 2e-2, gradientTolerance: 1e-1, (discriminators, range) =>
            new TensorDistance(discriminators, range, LayerWeights.Equal, bfloat16, CPU, c.Tile)));

    // What is left of the gradient's error comes from activations on the other side of leaky ReLU's kink. Features rounded to eight bits and then
    // subtracted would be useless at the smallest of these.
    [Theory]
    [InlineData(0.3)]
    [InlineData(0.02)]
    [InlineData(0.0005)]
    public void Bfloat16_tells_images_apart_however_near_they_are(double noise)
    {
        using var scope = NewDisposeScope();
        using var stack = Stack([32, 64], InputRange.Symmetric, 5);
        FoldedDiscriminator[] discriminators = [stack[0].Fold(), stack[1].Fold()];
        using var random = new Generator(6);
        var reference = rand([1, 3, 40, 40], dtype: float64, generator: random);
        var restored = reference.Add(randn(reference.shape, dtype: float64, generator: random).Mul(noise));
        using var exact = new TensorDistance(discriminators, stack.InputRange, LayerWeights.Equal, float64, CPU);
        using var rounded = new TensorDistance(discriminators, stack.InputRange, LayerWeights.Equal, bfloat16, CPU);

        var expected = exact.Compute(restored, reference, null, withGradient: true);
        var found = rounded.Compute(restored.to(float32), reference.to(float32), null, withGradient: true);

        Assert.InRange(Golden.RelativeError(found.Values, expected.Values), 0, 1e-2);
        Assert.InRange(Golden.RelativeError(found.Gradient!, expected.Gradient!), 0, 1e-1);
    }

    [Fact]
    public void Our_kernels_give_the_same_bytes_for_the_same_tiles_with_any_number_of_threads()
    {
        Assert.SkipUnless(Lanes8.IsSupported, "this processor has no AVX2");
        using var scope = NewDisposeScope();
        using var stack = Stack([32, 64], InputRange.Symmetric, 5);
        using var distance = new VectorizedDistance<Lanes8>([stack[0].Fold(), stack[1].Fold()], stack.InputRange, LayerWeights.Equal, tile: 9);
        var (restored, reference) = Images(new Case(2, 40, 33, [], 9, LayerWeights.Equal, true, 3), float32);
        var threads = get_num_threads();
        try
        {
            var results = new List<(Tensor Values, Tensor? Gradient)>();
            foreach (var count in new[] { 1, 2, 5, 5 })
            {
                set_num_threads(count);
                results.Add(distance.Compute(restored, reference, null, withGradient: true));
            }

            Assert.All(results.Skip(1), result => Assert.True(
                Golden.AreEqual(results[0].Values, result.Values) && Golden.AreEqual(results[0].Gradient!, result.Gradient!)));
        }
        finally
        {
            set_num_threads(threads);
        }
    }

    private static void CheckKernels<TLanes>()
        where TLanes : unmanaged, ILanes<TLanes>
    {
        Assert.SkipUnless(TLanes.IsSupported, "this processor has no such vectors");
        Assert.All(Cases(30), c => Check(c, float32, valueTolerance: 1e-5, gradientTolerance: 5e-3, (discriminators, range) =>
            new VectorizedDistance<TLanes>(discriminators, range, c.Weights, c.Tile)));
    }

    private static void Check(
        Case c, ScalarType type, double valueTolerance, double gradientTolerance,
        Func<IReadOnlyList<FoldedDiscriminator>, InputRange, FrozenDistance> make)
    {
        using var scope = NewDisposeScope();
        using var plain = new MdfLoss(Stack(c.Widths, c.IsSymmetric ? InputRange.Symmetric : InputRange.Unit, c.Seed))
        {
            IsPlain = true,
            LayerWeights = c.Weights,
            Reduction = Reduction.None,
        };
        plain.to(float64);
        var (restored, reference) = Images(c, type);
        var point = restored.to(float64).clone().requires_grad_(true);
        var expected = plain.call(point, reference.to(float64));
        expected.sum().backward();

        using var distance = make([.. Enumerable.Range(0, plain.Stack.Count).Select(k => plain.Stack[k].Fold())], plain.Stack.InputRange);
        var (values, gradient) = distance.Compute(restored, reference, null, withGradient: true);
        Assert.Equal(type, values.dtype);
        Assert.InRange(Golden.RelativeError(values, expected), 0, valueTolerance);
        Assert.InRange(Golden.RelativeError(gradient!, point.grad!), 0, gradientTolerance);

        var features = distance.Prepare(reference);
        var prepared = distance.Compute(restored, reference, features, withGradient: true);
        Assert.True(Golden.AreEqual(values, prepared.Values));
        Assert.True(Golden.AreEqual(gradient!, prepared.Gradient!));

        var (alone, none) = distance.Compute(restored, reference, features, withGradient: false);
        Assert.Null(none);
        Assert.InRange(Golden.RelativeError(alone, values), 0, 1e-6);
        Assert.Equal(0, distance.Compute(reference, reference, features, withGradient: false).Values.abs().max().Number());
    }

    private static DiscriminatorStack Stack(int[] widths, InputRange range, ulong seed)
    {
        using var random = new Generator(seed);
        var discriminators = widths.Select(width => new Discriminator(width)).ToArray();
        foreach (var discriminator in discriminators)
        {
            discriminator.Initialize(random);
            // Weights and statistics as large as a training makes them: with the first ones all features are nearly zero.
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            foreach (var (name, parameter) in discriminator.named_parameters())
                parameter.Mul_(name.EndsWith("conv.weight", StringComparison.Ordinal) || name == "tail.weight" ? 6 : 1);
            foreach (var (name, buffer) in discriminator.named_buffers().Where(buffer => buffer.name.Contains("running", StringComparison.Ordinal)))
                buffer.copy_(rand(buffer.shape, generator: random).Mul(0.5).Add(name.EndsWith("var", StringComparison.Ordinal) ? 0.5 : -0.25));
        }

        return new DiscriminatorStack(discriminators, range);
    }

    private static (Tensor Restored, Tensor Reference) Images(Case c, ScalarType type)
    {
        using var random = new Generator(c.Seed + 1);
        var reference = rand([c.Batch, 3, c.Height, c.Width], generator: random);
        return (reference.Add(randn(reference.shape, generator: random).Mul(0.2)).to(type), reference.to(type));
    }
}
