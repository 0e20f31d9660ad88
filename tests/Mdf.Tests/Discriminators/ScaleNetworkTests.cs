using Mdf.Discriminators;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Discriminators;

public sealed class ScaleNetworkTests
{
    [Fact]
    public void Parameters_have_upstreams_names()
    {
        using var discriminator = new Discriminator(8);
        var blocks = new[] { "head", "body.block1", "body.block2", "body.block3" };
        string[] parts = ["conv.weight", "conv.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked"];
        var expected = blocks.SelectMany(block => parts.Select(part => $"{block}.{part}")).Append("tail.weight").Append("tail.bias");
        Assert.Equal(expected.Order(), discriminator.state_dict().Keys.Order());
    }

    [Fact]
    public void A_network_outlives_the_scope_in_which_it_was_made()
    {
        Discriminator discriminator;
        using (NewDisposeScope())
            discriminator = new Discriminator(8);
        using (discriminator)
        using (var image = rand(1, 3, 20, 24, generator: Draws))
        using (var map = discriminator.call(image))
            Assert.Equal([1, 1, 10, 14], map.shape);
    }

    [Fact]
    public void Features_shrink_by_the_convolutions_that_led_to_them()
    {
        using var scope = NewDisposeScope();
        using var discriminator = new Discriminator(8);
        var features = discriminator.Features(rand(2, 3, 20, 24, generator: Draws));
        Assert.Equal([[2, 8, 18, 22], [2, 8, 12, 16], [2, 1, 10, 14]], features.Select(feature => feature.shape));
    }

    [Fact]
    public void A_generator_adds_at_most_one_to_its_input()
    {
        using var scope = NewDisposeScope();
        using var generator = new ScaleGenerator(8);
        var image = rand(1, 3, 20, 24, generator: Draws);
        var difference = (generator.call(image) - image).abs();
        Assert.Equal(image.shape, difference.shape);
        Assert.InRange(difference.max().item<float>(), 1e-6f, 1);
    }

    [Fact]
    public void One_seed_gives_one_set_of_weights()
    {
        using var scope = NewDisposeScope();
        using var first = Make(1);
        using var again = Make(1);
        using var other = Make(2);
        foreach (var (key, value) in first.state_dict())
        {
            Assert.True(Golden.AreEqual(value, again.state_dict()[key]), key);
            // Biases and statistics of batch norms start at constants.
            if (key.EndsWith("conv.weight", StringComparison.Ordinal) || key.EndsWith("norm.weight", StringComparison.Ordinal))
                Assert.False(Golden.AreEqual(value, other.state_dict()[key]), key);
        }

        var weight = first.state_dict()["body.block1.conv.weight"];
        Assert.Equal(0.02, weight.std().item<float>(), 0.001);
        // PyTorch's default for biases: uniform within 1/√(fan-in).
        Assert.InRange(first.state_dict()["body.block1.conv.bias"].abs().max().item<float>(), 0.5f / MathF.Sqrt(32 * 9), 1 / MathF.Sqrt(32 * 9));

        static Discriminator Make(ulong seed)
        {
            using var random = new Generator(seed);
            var discriminator = new Discriminator(32);
            discriminator.Initialize(random);
            return discriminator;
        }
    }

    [Fact]
    public void A_copy_computes_the_same_and_can_be_trained()
    {
        using var scope = NewDisposeScope();
        using var original = new Discriminator(8);
        original.train();
        original.call(rand(1, 3, 20, 24, generator: Draws)); // moves the running statistics
        original.Freeze();
        using var copy = new Discriminator(8);
        copy.CopyFrom(original);
        Assert.All(copy.parameters(), parameter => Assert.True(parameter.requires_grad));
        copy.Freeze();
        var image = rand(1, 3, 20, 24, generator: Draws);
        Assert.True(Golden.AreEqual(copy.call(image), original.call(image)));
    }

    [Fact]
    public void Making_using_and_disposing_networks_leaves_no_tensor_behind()
    {
        using var random = new Generator(1);
        using var image = rand(1, 3, 20, 24, generator: Draws);
        var before = 0L;
        for (var i = 0; i < 3; i++)
        {
            using (var discriminator = new Discriminator(8))
            {
                discriminator.Initialize(random);
                using var copy = new Discriminator(8);
                copy.CopyFrom(discriminator);
                using var map = copy.call(image);
            }

            if (i == 0)
                before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        }

        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void The_gradient_penalty_can_be_had_under_no_grad()
    {
        using var scope = NewDisposeScope();
        using var discriminator = new Discriminator(4);
        using var _ = no_grad();
        Assert.True(GradientPenalty.Compute(discriminator, rand(1, 3, 16, 18, generator: Draws), rand(1, 3, 16, 18, generator: Draws), tensor(0.5f)).requires_grad);
    }

    [Fact]
    public void The_gradient_penaltys_gradient_agrees_with_finite_differences()
    {
        using var scope = NewDisposeScope();
        using var discriminator = new Discriminator(4);
        discriminator.to(float64);
        var (real, fake) = (rand(1, 3, 16, 18, dtype: float64, generator: Draws), rand(1, 3, 16, 18, dtype: float64, generator: Draws));
        var weight = discriminator.state_dict()["body.block2.conv.weight"];
        var start = weight.detach().clone();
        // The gradient with respect to a weight, the second derivative among it: as a step of the discriminator needs.
        var penalty = GradientPenalty.Compute(discriminator, real, fake, tensor(0.3, dtype: float64));
        var gradient = autograd.grad([penalty], [weight])[0];
        var direction = randn(start.shape, dtype: float64, generator: Draws);
        Assert.Equal(Along(1e-6), (gradient * direction).sum().item<double>(), 1e-6 * Math.Abs(Along(1e-6)) + 1e-8);

        double Along(double step) => (At(step) - At(-step)) / (2 * step);

        double At(double step)
        {
            using var _ = no_grad();
            weight.copy_(start.Add(direction.Mul(step)));
            using var enabled = enable_grad();
            return GradientPenalty.Compute(discriminator, real, fake, tensor(0.3, dtype: float64)).item<double>();
        }
    }
}
