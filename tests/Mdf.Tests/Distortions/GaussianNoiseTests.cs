using Mdf.Distortions;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Distortions;

public sealed class GaussianNoiseTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void Noise_has_its_standard_deviation_and_is_not_clipped()
    {
        using var random = new Generator(7);
        var noise = new GaussianNoise(25).Apply(zeros(1, 3, 256, 256), random);
        // Five standard errors: σ / √n for the mean, σ / √(2n) for the deviation, n = 196,608.
        Assert.InRange(noise.mean().item<float>(), -1.2e-3, 1.2e-3);
        Assert.InRange(noise.std().item<float>(), 25 / 255.0 - 8e-4, 25 / 255.0 + 8e-4);
        Assert.True(noise.min().item<float>() < -0.3);
        var (red, green) = (noise[0, 0].reshape(-1), noise[0, 1].reshape(-1));
        Assert.InRange((red * green).mean().item<float>() / Math.Pow(25 / 255.0, 2), -0.02, 0.02);
    }

    [Fact]
    public void Noise_is_drawn_anew_at_every_call_and_only_from_the_given_generator()
    {
        var reference = rand(1, 3, 8, 8, generator: Draws);
        var distortion = new GaussianNoise(25);
        using var random = new Generator(7);
        var (first, second) = (distortion.Apply(reference, random), distortion.Apply(reference, random));
        Assert.False(first.Equals(second));

        manual_seed(1);
        using var again = new Generator(7);
        Assert.True(first.Equals(distortion.Apply(reference, again)));
        Assert.True(second.Equals(distortion.Apply(reference, again)));
    }

    [Fact]
    public void Noise_in_double_precision_is_drawn_in_it()
    {
        var noise = new GaussianNoise(10).Apply(zeros(1, 3, 8, 8, ScalarType.Float64));
        Assert.Equal(ScalarType.Float64, noise.dtype);
        Assert.False(noise.Equals(noise.to(ScalarType.Float32).to(ScalarType.Float64)));
    }
}
