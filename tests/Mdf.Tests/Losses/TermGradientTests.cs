using Mdf.Losses;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Losses;

public sealed class TermGradientTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData("0.3*l1+mse")]
    [InlineData("ssim+0.01*l1")]
    [InlineData("l1+2*ms-ssim-upstream")] // one value for the whole batch
    public void The_parts_have_the_value_and_the_gradient_of_the_sum(string expression)
    {
        using var loss = (WeightedSum)LossExpression.Parse(expression).Create();
        var (restored, reference) = (rand([2, 3, 176, 176], generator: Draws), rand([2, 3, 176, 176], generator: Draws));
        var leaf = restored.clone().requires_grad_();
        var value = loss.call(leaf, reference);
        value.backward();
        var parts = loss.Differentiate(restored, reference);
        Assert.Equal(value.item<float>(), parts.Value.item<float>());
        Assert.InRange((leaf.grad! - parts.Gradient).norm().Number(), 0, 1e-6 * parts.Gradient.norm().Number());
        Assert.False(restored.requires_grad);
    }

    [Fact]
    public void Each_term_has_its_own_value_and_the_norm_of_its_weighted_gradient()
    {
        using var loss = new WeightedSum((0.5, new WeightedSum((3, new MseLoss()), (1, new L1Loss()))), (2, new SsimLoss()));
        var (restored, reference) = (rand([2, 3, 24, 24], generator: Draws), rand([2, 3, 24, 24], generator: Draws));
        var terms = loss.Differentiate(restored, reference).Terms!;
        Assert.Equal([("mse", 1.5), ("l1", 0.5), ("ssim", 2)], terms.Select(term => (term.Expression, term.Weight)));
        foreach (var term in terms)
        {
            using var alone = LossExpression.Parse(term.Expression).Create();
            var leaf = restored.clone().requires_grad_();
            var value = alone.call(leaf, reference);
            value.backward();
            Assert.Equal(value.Number(), term.Value, 1e-6);
            Assert.Equal(1, term.GradientNorm / (term.Weight * leaf.grad!.norm().Number()), 1e-5);
        }
    }

    [Fact]
    public void No_tensor_is_left_behind()
    {
        using var loss = (WeightedSum)LossExpression.Parse("l1+mse+ssim").Create();
        using var restored = rand([1, 3, 24, 24], generator: Draws);
        using var reference = rand([1, 3, 24, 24], generator: Draws);
        Measure();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Measure();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);

        void Measure()
        {
            using var scope = NewDisposeScope();
            Assert.Equal(3, loss.Differentiate(restored, reference).Terms!.Count);
        }
    }

    [Fact]
    public void Images_of_other_sizes_are_refused()
    {
        using var loss = (WeightedSum)LossExpression.Parse("l1+ssim").Create();
        Assert.Throws<InputException>(() => loss.Differentiate(zeros(1, 3, 24, 24), zeros(1, 3, 24, 25)));
    }
}
