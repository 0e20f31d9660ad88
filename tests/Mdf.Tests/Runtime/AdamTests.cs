using Mdf.Runtime;
using Mdf.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Adam = Mdf.Runtime.Adam;

namespace Mdf.Tests.Runtime;

public sealed class AdamTests
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
        using var optimizer = new Adam([("p", ours)], rate, beta1, beta2);
        using var reference = optim.Adam([theirs], rate, beta1, beta2);
        for (var step = 0; step < 50; step++)
        {
            var gradient = randn([5, 3], generator: random).Mul(Math.Pow(10, step % 7 - 4));
            (ours.grad, theirs.grad) = (gradient, gradient.clone());
            optimizer.Step();
            reference.step();
            Assert.True((ours - theirs).abs().max().Number() < 2e-6, $"step {step}");
        }

        Assert.True((ours - start).abs().max().Number() > rate);
    }

    [Fact]
    public void With_weight_decay_it_steps_as_PyTorchs_AdamW_does()
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(1);
        var start = randn([5, 3], generator: random);
        var (ours, theirs) = (new Parameter(start.clone()), new Parameter(start.clone()));
        using var optimizer = new Adam([ours]) { WeightDecay = 0.3 };
        using var reference = optim.AdamW([theirs], 0.05, weight_decay: 0.3);
        optimizer.LearningRate = 0.05;
        for (var step = 0; step < 50; step++)
        {
            var gradient = randn([5, 3], generator: random);
            (ours.grad, theirs.grad) = (gradient, gradient.clone());
            optimizer.Step();
            reference.step();
            Assert.True((ours - theirs).abs().max().Number() < 2e-6, $"step {step}");
        }
    }

    [Fact]
    public void Parameters_without_names_are_numbered()
    {
        using var network = nn.Linear(2, 3);
        using var optimizer = new Adam(network.parameters());
        Assert.Equal(["0", "1"], optimizer.Parameters.Select(parameter => parameter.Name));
        Assert.Equal(1e-3, optimizer.LearningRate);
        Assert.Equal([3L, 2L], optimizer.MomentsOf("0").First.shape);
        using var named = new Adam(network.named_parameters());
        Assert.Equal(["weight", "bias"], named.Parameters.Select(parameter => parameter.Name));
    }

    [Fact]
    public void What_it_cannot_use_is_refused()
    {
        using var scope = NewDisposeScope();
        var parameter = new Parameter(ones(2));
        Assert.Throws<ArgumentException>(() => new Adam(Array.Empty<Parameter>()));
        Assert.Contains("in '1', Float64", Assert.Throws<ArgumentException>(() => new Adam([parameter, new Parameter(ones(2, dtype: float64))])).Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Adam([parameter], -1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Adam([parameter], 1e-3, beta1: 1));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Adam([parameter], 1e-3, beta2: double.NaN));
        using var optimizer = new Adam([parameter]);
        Assert.Throws<ArgumentOutOfRangeException>(() => optimizer.LearningRate = double.PositiveInfinity);
        Assert.Throws<ArgumentOutOfRangeException>(() => optimizer.WeightDecay = -0.1);
    }

    [Fact]
    public void Steps_leave_no_tensor_behind()
    {
        using var network = nn.Linear(2, 3);
        using var input = ones(1, 2);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        using (var optimizer = new Adam(network.parameters()) { WeightDecay = 0.1 })
        {
            for (var i = 0; i < 3; i++)
            {
                using var scope = NewDisposeScope();
                optimizer.ZeroGrad();
                network.call(input).sum().backward();
                optimizer.Step();
            }

            optimizer.ZeroGrad();
        }

        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void A_parameter_without_a_gradient_stays()
    {
        using var scope = NewDisposeScope();
        var (moved, still) = (new Parameter(ones(2)), new Parameter(ones(2)));
        using var optimizer = new Adam([moved, still], 0.1);
        moved.grad = ones(2);

        optimizer.Step();

        Assert.True(still.equal(ones(2)).all().item<bool>());
        Assert.Equal(0.9, moved[0].Number(), 1e-6);
        optimizer.ZeroGrad();
        Assert.Null(moved.grad);
    }

    [Fact]
    public void What_was_saved_goes_on_to_the_same_bytes()
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(2);
        var gradients = Enumerable.Range(0, 6).Select(_ => randn([4], generator: random)).ToArray();
        var whole = new Parameter(zeros(4));
        using var uninterrupted = new Adam([("p", whole)], 0.1);
        foreach (var gradient in gradients)
            Step(uninterrupted, whole, gradient);

        var part = new Parameter(zeros(4));
        using var before = new Adam([("p", part)], 0.1);
        foreach (var gradient in gradients[..3])
            Step(before, part, gradient);
        var rest = new Parameter(part.detach().clone());
        using var after = new Adam([("p", rest)], 0.1);
        AdamState.Load(after, AdamState.Save(before), "a test");
        foreach (var gradient in gradients[3..])
            Step(after, rest, gradient);

        Assert.Equal(6, after.Steps);
        Assert.Equal(whole.detach().data<float>().ToArray(), rest.detach().data<float>().ToArray());

        static void Step(Adam optimizer, Parameter parameter, Tensor gradient)
        {
            parameter.grad = gradient.clone();
            optimizer.Step();
        }
    }
}
