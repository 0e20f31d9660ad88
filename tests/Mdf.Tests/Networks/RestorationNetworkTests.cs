using Mdf.Networks;
using Mdf.Runtime;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mdf.Tests.Networks;

/// <summary>What holds for every network.</summary>
public sealed class RestorationNetworkTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [MemberData(nameof(SmallNetworks.All), MemberType = typeof(SmallNetworks))]
    public void An_image_of_any_size_is_restored(string architecture)
    {
        using var network = Build(architecture, seed: 3);
        network.eval();
        foreach (var (height, width) in new[] { (1, 1), (1, 7), (33, 2), (31, 64) })
        {
            var restored = network.call(rand(2, 3, height, width, generator: Draws));
            Assert.Equal([2, 3, height * network.Factor, width * network.Factor], restored.shape);
            Assert.True(restored.isfinite().all().item<bool>());
            Assert.True(restored.is_contiguous());
        }
    }

    [Theory]
    [MemberData(nameof(SmallNetworks.Networks), MemberType = typeof(SmallNetworks))]
    public void What_is_no_batch_of_images_is_refused(string architecture)
    {
        using var network = Build(architecture, seed: 3);
        Tensor[] inputs = [rand(3, 8, 8, generator: Draws), rand(1, 1, 8, 8, generator: Draws), rand(1, 3, 0, 8, generator: Draws), zeros(1, 3, 8, 8, dtype: ScalarType.Byte)];
        Assert.All(inputs, input => Assert.Contains("expected RGB images", Assert.Throws<ArgumentException>(() => network.call(input)).Message));
    }

    [Theory]
    [MemberData(nameof(SmallNetworks.All), MemberType = typeof(SmallNetworks))]
    public void The_same_seed_builds_the_same_network(string architecture)
    {
        using var first = Build(architecture, seed: -5);
        using var same = Build(architecture, seed: -5);
        using var other = Build(architecture, seed: 6);
        Assert.All(first.state_dict(), entry => Assert.True(Golden.AreEqual(entry.Value, same.state_dict()[entry.Key]), entry.Key));
        Assert.All(
            first.state_dict().Where(entry => entry.Key.EndsWith("weight", StringComparison.Ordinal) && entry.Value.dim() == 4),
            entry => Assert.False(Golden.AreEqual(entry.Value, other.state_dict()[entry.Key]), entry.Key));
    }

    [Theory]
    [MemberData(nameof(SmallNetworks.All), MemberType = typeof(SmallNetworks))]
    public void Initialize_forgets_what_was_trained(string architecture)
    {
        using var fresh = Build(architecture, seed: 7);
        using var used = Build(architecture, seed: 7);
        Train(used, steps: 1);
        using var random = new Generator(7);
        used.Initialize(random);
        Assert.All(fresh.state_dict(), entry => Assert.True(Golden.AreEqual(entry.Value, used.state_dict()[entry.Key]), entry.Key));
    }

    [Theory]
    [MemberData(nameof(SmallNetworks.All), MemberType = typeof(SmallNetworks))]
    public void A_gradient_reaches_every_parameter_and_the_image(string architecture)
    {
        using var network = Build(architecture, seed: 3);
        var image = rand(2, 3, 9, 8, generator: Draws).requires_grad_();
        network.call(image).Square().mean().backward();
        Assert.True(image.grad!.count_nonzero().item<long>() > 0);
        Assert.All(network.named_parameters(), parameter =>
        {
            Assert.True(parameter.parameter.grad is { } gradient && gradient.isfinite().all().item<bool>(), parameter.name);
            Assert.True(parameter.parameter.grad!.count_nonzero().item<long>() > 0, parameter.name);
        });
    }

    [Theory]
    [MemberData(nameof(SmallNetworks.All), MemberType = typeof(SmallNetworks))]
    public void Training_lowers_a_loss(string architecture)
    {
        using var network = Build(architecture, seed: 3);
        var (first, last) = Train(network, steps: 10);
        Assert.InRange(last, 0, 0.8 * first);
    }

    [Theory]
    [MemberData(nameof(SmallNetworks.Networks), MemberType = typeof(SmallNetworks))]
    public void Restoring_leaves_no_tensor_behind(string architecture)
    {
        using var noGradient = no_grad();
        using var network = Build(architecture, seed: 3);
        var image = rand(1, 3, 8, 8, generator: Draws);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        network.call(image).Dispose();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    /// <summary>
    /// With weights that are all positive nothing can hide: what an output pixel depends on, changes it. So one changed column of the image changes
    /// outputs exactly as far as the margin says, for the column's worst place within a stride.
    /// </summary>
    [Theory]
    [MemberData(nameof(SmallNetworks.All), MemberType = typeof(SmallNetworks))]
    public void The_margin_is_how_far_a_pixel_reaches(string architecture)
    {
        using var noGradient = no_grad();
        using var network = Build(architecture, seed: 3);
        network.eval();
        network.to(float64);
        foreach (var module in network.modules().OfType<Conv2d>())
            module.weight.abs_();

        var (margin, stride) = (network.Margin!.Value, network.Stride);
        var width = 2 * (margin + stride) + stride;
        var image = rand(1, 3, stride, width, dtype: float64, generator: Draws).Add(1);
        var plain = network.call(image);
        var (left, right) = (0, 0);
        for (var column = margin + stride; column < margin + 2 * stride; column++)
        {
            var changed = image.clone();
            changed[.., .., .., column].Add_(10);
            var reached = (network.call(changed) - plain).abs().amax([0, 1, 2]).data<double>().ToArray()
                .Index().Where(difference => difference.Item > 0).Select(difference => difference.Index / network.Factor).ToList();
            left = Math.Max(left, column - reached[0]);
            right = Math.Max(right, reached[^1] - column);
        }

        Assert.Equal((margin, margin), (left, right));
    }

    [Theory]
    [MemberData(nameof(SmallNetworks.All), MemberType = typeof(SmallNetworks))]
    public void A_tile_with_its_margin_equals_the_whole(string architecture)
    {
        using var noGradient = no_grad();
        using var network = Build(architecture, seed: 3);
        network.eval();
        var (margin, stride, factor) = (network.Margin!.Value, network.Stride, network.Factor);
        const int tile = 9;
        // Of no multiple of the stride; the tiles begin and end anywhere, the last with the image.
        var (height, width) = (2 * margin + 3 * tile + 1, tile + 1);
        var image = rand(1, 3, height, width, generator: Draws);
        var whole = network.call(image);
        foreach (var start in new[] { 0, margin + tile + 1, height - tile })
        {
            var first = Math.Max(0, start - margin) / stride * stride;
            var last = Math.Min(height, start + tile + margin);
            var restored = network.call(image[.., .., first..last, ..]);
            var expected = whole[.., .., (start * factor)..((start + tile) * factor), ..];
            var found = restored[.., .., ((start - first) * factor)..((start - first + tile) * factor), ..];
            Assert.InRange((found - expected).abs().max().item<float>(), 0, 1e-5f);
        }
    }

    [Fact]
    public void A_network_that_draws_nothing_itself_is_drawn_as_PyTorch_does()
    {
        using var network = new Plain(static () => nn.Sequential(nn.Conv2d(3, 4, 3, padding: 1, bias: false), nn.BatchNorm2d(4), nn.Conv2d(4, 3, 3, padding: 1)));
        using (var random = new Generator(5))
            network.Initialize(random);
        var first = network.state_dict().ToDictionary(entry => entry.Key, entry => entry.Value.clone());
        using (var random = new Generator(5))
            network.Initialize(random);
        Assert.All(network.state_dict(), entry => Assert.True(Golden.AreEqual(first[entry.Key], entry.Value), entry.Key));
        Assert.InRange(first["layers.0.weight"].abs().max().item<float>(), 0.1, 1 / Math.Sqrt(27));

        using var unknown = new Plain(static () => nn.Sequential(nn.GroupNorm(1, 3)));
        using var generator = new Generator(5);
        Assert.Contains("has weights in GroupNorm, which nothing draws: override Initialize", Assert.Throws<InvalidOperationException>(() => unknown.Initialize(generator)).Message);
    }

    [Fact]
    public void A_network_that_makes_another_size_is_told_off()
    {
        using var network = new Plain(static () => nn.Sequential(nn.Conv2d(3, 3, 3)));
        Assert.Contains("the network 'dncnn' made (1, 3, 6, 7) where (1, 3, 8, 9) was expected", Assert.Throws<InvalidOperationException>(() => network.call(rand(1, 3, 8, 9, generator: Draws))).Message);
    }

    private sealed class Plain : RestorationNetwork
    {
        private readonly Sequential layers;

        public Plain(Func<Sequential> make)
            : base(Architectures.Parse("dncnn"))
        {
            layers = make();
            RegisterComponents();
        }

        public override int? Margin => 2;

        protected override Tensor Restore(Tensor distorted) => layers.call(distorted);
    }

    [Fact]
    public void MSRResNet_begins_near_the_bilinear_image()
    {
        using var noGradient = no_grad();
        using var network = Architectures.Parse("msrresnet?factor=4").Build(1);
        var image = rand(1, 3, 12, 12, generator: Draws);
        var upscaled = nn.functional.interpolate(image, scale_factor: [4, 4], mode: InterpolationMode.Bilinear, align_corners: false);
        Assert.InRange((network.call(image) - upscaled).abs().max().item<float>(), 1e-9f, 0.05f);
    }

    private static RestorationNetwork Build(string architecture, long seed) => Architectures.Parse(architecture).Build(seed);

    /// <summary>Takes Adam steps towards a constant image, from noise, and says the mean squared errors before the first and after the last.</summary>
    private static (double First, double Last) Train(RestorationNetwork network, int steps)
    {
        using var random = new Generator(11);
        using var optimizer = optim.Adam(network.parameters(), lr: 2e-3);
        var image = rand([2, 3, 12, 12], generator: random);
        var target = Full([2, 3, 12 * network.Factor, 12 * network.Factor], 0.3);
        var errors = new List<double>();
        for (var step = 0; step <= steps; step++)
        {
            using var scope = NewDisposeScope();
            optimizer.zero_grad();
            var error = nn.functional.mse_loss(network.call(image), target);
            error.backward();
            optimizer.step();
            errors.Add(error.item<float>());
        }

        return (errors[0], errors[^1]);
    }
}
