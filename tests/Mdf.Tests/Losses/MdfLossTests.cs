using Mdf.Discriminators;
using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Losses;

/// <summary>When the MDF loss takes the fast path, and that it is an ordinary differentiable loss on either.</summary>
public sealed class MdfLossTests
{
    [Fact]
    public void Both_paths_give_the_same_value_and_gradient()
    {
        using var scope = NewDisposeScope();
        using var fast = Make();
        using var plain = Make(isPlain: true);
        var (restored, reference) = Images();
        var (found, expected) = (Evaluate(fast, restored, reference), Evaluate(plain, restored, reference));
        Assert.InRange(Golden.RelativeError(found.Value, expected.Value), 0, 1e-5);
        Assert.InRange(Golden.RelativeError(found.Gradient, expected.Gradient), 0, 1e-3);
    }

    [Fact]
    public void The_gradient_is_scaled_by_what_comes_behind_the_loss()
    {
        using var scope = NewDisposeScope();
        using var loss = Make();
        loss.Reduction = Reduction.None;
        var (restored, reference) = Images();
        var point = restored.clone().requires_grad_(true);
        var each = autograd.grad([loss.call(point, reference).sum()], [point])[0];
        var weighted = autograd.grad([(loss.call(point.Mul(0.5).Add(point.Mul(0.5)), reference) * tensor(new[] { 3f, 0f })).sum()], [point])[0];
        Assert.InRange(Golden.RelativeError(weighted[0], each[0].Mul(3)), 0, 1e-6);
        Assert.Equal(0, weighted[1].abs().max().item<float>());
    }

    [Fact]
    public void Nothing_is_differentiated_where_no_gradient_is_asked_for()
    {
        using var scope = NewDisposeScope();
        using var loss = Make();
        var (restored, reference) = Images();
        Assert.False(loss.call(restored, reference).requires_grad);
        using var _ = no_grad();
        Assert.False(loss.call(restored.clone().requires_grad_(true), reference).requires_grad);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_gradient_of_a_gradient_is_the_plain_path_s(bool isPrepared)
    {
        using var scope = NewDisposeScope();
        using var fast = Make();
        using var plain = Make(isPlain: true);
        var (restored, reference) = Images();
        using var prepared = fast.Prepare(reference);
        var expected = Second(x => plain.call(x, reference));
        var found = Second(x => isPrepared ? prepared.call(x) : fast.call(x, reference));
        Assert.InRange(Golden.RelativeError(found, expected), 0, 1e-5);

        Tensor Second(Func<Tensor, Tensor> function)
        {
            var point = restored.clone().requires_grad_(true);
            var gradient = autograd.grad([function(point.Mul(2))], [point], retain_graph: true, create_graph: true)[0];
            return autograd.grad([gradient.Square().sum()], [point])[0];
        }
    }

    [Fact]
    public void The_reference_and_weights_that_are_not_frozen_get_their_gradients()
    {
        using var scope = NewDisposeScope();
        using var loss = Make();
        var (restored, reference) = Images();
        var ofReference = reference.clone().requires_grad_(true);
        var value = loss.call(restored, ofReference);
        value.backward();
        Assert.InRange(Golden.RelativeError(ofReference.grad!, Evaluate(loss, reference, restored).Gradient), 0, 1e-3);

        var weight = loss.Stack[0].parameters().First();
        weight.requires_grad_(true);
        loss.call(restored, reference).backward();
        Assert.True(weight.grad!.abs().sum().item<float>() > 0);
    }

    [Fact]
    public void Weights_that_are_replaced_are_noticed()
    {
        using var scope = NewDisposeScope();
        using var loss = Make();
        using var other = Make(seed: 8);
        var (restored, reference) = Images();
        var before = loss.call(restored, reference).item<float>();
        using var prepared = loss.Prepare(reference);
        loss.Stack[1].CopyFrom(other.Stack[1]);
        using var plain = Make(isPlain: true);
        plain.Stack[1].CopyFrom(other.Stack[1]);
        var after = loss.call(restored, reference);
        Assert.NotEqual(before, after.item<float>());
        Assert.InRange(Golden.RelativeError(after, plain.call(restored, reference)), 0, 1e-5);
        Assert.Contains("prepare it again", Assert.Throws<InvalidOperationException>(() => prepared.call(restored)).Message);
    }

    [Fact]
    public void Prepared_losses_of_several_types_live_side_by_side()
    {
        using var scope = NewDisposeScope();
        using var loss = Make();
        var (restored, reference) = Images();
        using var single = loss.Prepare(reference);
        using var full = loss.Prepare(reference.to(float64));
        for (var i = 0; i < 2; i++)
        {
            var expected = loss.call(restored.to(float64), reference.to(float64)).item<double>();
            Assert.Equal(1, single.call(restored).item<float>() / expected, 1e-5);
            Assert.Equal(expected, full.call(restored.to(float64)).item<double>());
        }
    }

    [Fact]
    public void What_happens_to_an_image_after_the_loss_does_not_matter()
    {
        using var scope = NewDisposeScope();
        using var loss = Make();
        var (restored, reference) = Images();
        var expected = Evaluate(loss, restored, reference).Gradient;
        var point = restored.clone().requires_grad_(true);
        var value = loss.call(point, reference);
        using (no_grad())
        {
            point.Clamp_(0, 0.5);
            reference.zero_();
        }

        value.backward();
        Assert.True(Golden.AreEqual(expected, point.grad!));
    }

    [Fact]
    public void A_gradient_of_a_gradient_is_had_of_images_of_another_type_and_is_NaN_without_the_loss()
    {
        using var scope = NewDisposeScope();
        var loss = Make();
        var (restored, reference) = Images();
        Tensor Gradient(Tensor value, Tensor point) => autograd.grad([value], [point], retain_graph: true, create_graph: true)[0];
        var exact = restored.to(float64).requires_grad_(true);
        var gradient = Gradient(loss.call(exact, reference.to(float64)), exact);
        Assert.True(gradient.requires_grad);
        Assert.InRange(Golden.RelativeError(gradient, Evaluate(loss, restored, reference).Gradient), 0, 1e-3);

        var point = restored.clone().requires_grad_(true);
        var value = loss.call(point, reference);
        loss.Dispose();
        Assert.True(Gradient(value, point).isnan().all().item<bool>());
    }

    [Fact]
    public void Layers_count_as_they_are_weighted()
    {
        using var scope = NewDisposeScope();
        var (restored, reference) = Images();
        var sum = 0.0;
        foreach (var weights in new[] { new LayerWeights(2, 0, 0), new LayerWeights(0, 3, 0), new LayerWeights(0, 0, 0.5) })
        {
            using var one = Make(weights: weights);
            sum += one.call(restored, reference).item<float>();
        }

        using var all = Make(weights: new LayerWeights(2, 3, 0.5));
        Assert.Equal(1, sum / all.call(restored, reference).item<float>(), 1e-5);
        foreach (var wrong in new[] { new LayerWeights(0, 0, 0), new LayerWeights(-1, 1, 1), new LayerWeights(1, double.NaN, 1) })
            Assert.Throws<ArgumentOutOfRangeException>(() => Make(weights: wrong));
    }

    [Fact]
    public void Images_that_are_views_are_read_as_they_are()
    {
        using var scope = NewDisposeScope();
        using var loss = Make();
        var (restored, reference) = Images();
        var turned = restored.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
        var first = reference[..1];
        Assert.Equal(loss.call(restored, first.repeat(2, 1, 1, 1)).item<float>(), loss.call(turned, first.expand(2, -1, -1, -1)).item<float>());
        Assert.Equal(loss.call(restored[1..].clone(), first).item<float>(), loss.call(restored[1..], first).item<float>());
        Assert.True(Golden.AreEqual(
            Evaluate(loss, restored, reference).Gradient, Evaluate(loss, turned, reference).Gradient.contiguous()));
    }

    [Fact]
    public void Bfloat16_is_close_to_float32_and_cautions_where_the_processor_only_imitates_it()
    {
        using var scope = NewDisposeScope();
        using var loss = Make(precision: Precision.Bf16);
        using var exact = Make();
        using var sum = new WeightedSum([(1, new L1Loss()), (2, Make(precision: Precision.Bf16))]);
        var (restored, reference) = Images();

        Assert.InRange(Golden.RelativeError(loss.call(restored, reference), exact.call(restored, reference)), 1e-9, 2e-2);
        Assert.Null(exact.CautionOn(CPU));
        Assert.Equal(ProcessorFeatures.HasBfloat16, loss.CautionOn(CPU) is null);
        Assert.Equal(loss.CautionOn(CPU), sum.CautionOn(CPU));
    }

    private static MdfLoss Make(
        bool isPlain = false, ulong seed = 7, LayerWeights? weights = null, Precision precision = Precision.Fp32)
    {
        using var random = new Generator(seed);
        var discriminators = new[] { 8, 16 }.Select(width => new Discriminator(width)).ToArray();
        foreach (var discriminator in discriminators)
            discriminator.Initialize(random);
        return new MdfLoss(new DiscriminatorStack(discriminators, InputRange.Symmetric))
        {
            IsPlain = isPlain,
            LayerWeights = weights ?? LayerWeights.Equal,
            Precision = precision,
        };
    }

    private static (Tensor Restored, Tensor Reference) Images()
    {
        using var random = new Generator(2);
        var reference = rand([2, 3, 30, 25], generator: random);
        return (reference.Add(randn(reference.shape, generator: random).Mul(0.2)), reference);
    }

    private static (Tensor Value, Tensor Gradient) Evaluate(MdfLoss loss, Tensor restored, Tensor reference)
    {
        var point = restored.detach().requires_grad_(true);
        var value = loss.call(point, reference);
        return (value, autograd.grad([value], [point])[0]);
    }
}
