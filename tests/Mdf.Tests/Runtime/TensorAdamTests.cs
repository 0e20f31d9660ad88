using Mdf.Runtime;
using Mdf.Training;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mdf.Tests.Runtime;

public sealed class TensorAdamTests
{
    [Theory]
    [InlineData(0.9, 0.999)]
    [InlineData(0.5, 0.999)]
    [InlineData(0.0, 0.9)]
    public void It_steps_as_PyTorchs_does(double beta1, double beta2)
    {
        const double rate = 0.03;
        using var scope = NewDisposeScope();
        using var random = new Generator(1);
        var start = randn([5, 3], generator: random);
        var (ours, theirs) = (new Parameter(start.clone()), new Parameter(start.clone()));
        using var optimizer = new TensorAdam([("p", ours)], beta1, beta2);
        using var reference = optim.Adam([theirs], rate, beta1, beta2);
        for (var step = 0; step < 50; step++)
        {
            var gradient = randn([5, 3], generator: random).Mul(Math.Pow(10, step % 7 - 4));
            (ours.grad, theirs.grad) = (gradient, gradient.clone());
            optimizer.Step(rate);
            reference.step();
            Assert.True((ours - theirs).abs().max().Number() < 2e-6, $"step {step}");
        }

        Assert.True((ours - start).abs().max().Number() > rate);
    }

    [Fact]
    public void A_parameter_without_a_gradient_stays()
    {
        using var scope = NewDisposeScope();
        var (moved, still) = (new Parameter(ones(2)), new Parameter(ones(2)));
        using var optimizer = new TensorAdam([("moved", moved), ("still", still)]);
        moved.grad = ones(2);

        optimizer.Step(0.1);

        Assert.True(still.equal(ones(2)).all().item<bool>());
        Assert.Equal(0.9, moved[0].Number(), 1e-6);
        optimizer.ClearGradients();
        Assert.Null(moved.grad);
    }

    [Fact]
    public void What_was_saved_goes_on_to_the_same_bytes()
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(2);
        var gradients = Enumerable.Range(0, 6).Select(_ => randn([4], generator: random)).ToArray();
        var whole = new Parameter(zeros(4));
        using var uninterrupted = new TensorAdam([("p", whole)]);
        foreach (var gradient in gradients)
            Step(uninterrupted, whole, gradient);

        var part = new Parameter(zeros(4));
        using var before = new TensorAdam([("p", part)]);
        foreach (var gradient in gradients[..3])
            Step(before, part, gradient);
        var rest = new Parameter(part.detach().clone());
        using var after = new TensorAdam([("p", rest)]);
        AdamState.Load(after, AdamState.Save(before), "a test");
        foreach (var gradient in gradients[3..])
            Step(after, rest, gradient);

        Assert.Equal(6, after.Steps);
        Assert.Equal(whole.detach().data<float>().ToArray(), rest.detach().data<float>().ToArray());

        static void Step(TensorAdam optimizer, Parameter parameter, Tensor gradient)
        {
            parameter.grad = gradient.clone();
            optimizer.Step(0.1);
        }
    }
}
