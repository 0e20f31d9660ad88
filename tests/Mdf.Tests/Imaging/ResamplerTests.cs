using Mdf.Imaging;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Imaging;

public sealed class ResamplerTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData("scale_0.250000", 0.25)]
    [InlineData("scale_0.500000", 0.5)]
    [InlineData("scale_0.333333", 1.0 / 3)]
    [InlineData("scale_0.750000", 0.75)]
    [InlineData("scale_0.900000", 0.9)]
    [InlineData("scale_1.333333", 4.0 / 3)]
    [InlineData("scale_2.000000", 2)]
    [InlineData("scale_3.000000", 3)]
    [InlineData("scale_4.000000", 4)]
    public void Scaling_equals_imresize_of_BasicSR(string key, double factor)
    {
        // BasicSR computes positions in float32, whose spacing at 100 is 8e-6: hence not exactly equal.
        var golden = Golden.Read("imresize_bicubic");
        var actual = Resampler.BicubicScale(golden["input"], factor, Border.Symmetric);
        Assert.Equal(golden[key].shape, actual.shape);
        Assert.InRange(LargestDifference(golden[key], actual), 0, 5e-6);
    }

    [Theory]
    [InlineData("Set5", 5)]
    [InlineData("Set14", 14)]
    public void The_benchmark_images_are_reproduced_bit_for_bit(string set, int count)
    {
        var files = Directory.GetFiles(Shared.Path("data", set + "_HRx4"), "*.png");
        Assert.Equal(count, files.Length);
        foreach (var file in files)
        {
            using var scope = NewDisposeScope();
            var reference = ImageFile.Read(file);
            var (height, width) = (reference.shape[2] / 4 * 4, reference.shape[3] / 4 * 4);
            var actual = Resampler.BenchmarkDownscale(reference.narrow(2, 0, height).narrow(3, 0, width), 4);
            var name = Path.GetFileName(file).Replace("HR", "LR", StringComparison.Ordinal);
            var expected = ImageFile.Read(Shared.Path("data", set + "_LRx4", name));
            Assert.Equal(expected.shape, actual.shape);
            Assert.True(expected.Equals(actual), $"{name}: {(expected - actual).count_nonzero().item<long>()} values differ");
        }
    }

    [Fact]
    public void Every_kernel_sums_to_one()
    {
        var constant = Full([2, 3, 17, 23], 0.7, ScalarType.Float64);
        foreach (var border in Enum.GetValues<Border>())
        {
            foreach (var (height, width) in new[] { (1, 1), (5, 40), (17, 22), (100, 7), (16, 24) })
            {
                var actual = Resampler.Bicubic(constant, height, width, border);
                Assert.Equal([2, 3, height, width], actual.shape);
                Assert.InRange(actual.Sub(0.7).abs().max().item<double>(), 0, 1e-14);
            }
        }
    }

    [Fact]
    public void A_straight_ramp_stays_straight_away_from_the_border()
    {
        // Keys' kernel reproduces polynomials up to the second degree when enlarging; the centres of the
        // enlarged pixels lie at (i + 0.5) / 3 − 0.5.
        var ramp = Arange(20, ScalarType.Float64).reshape(1, 1, 1, 20).expand(1, 1, 4, 20);
        var actual = Resampler.Bicubic(ramp.Square(), 4, 60);
        var expected = Arange(60, ScalarType.Float64).Add(0.5).Div(3).Sub(0.5).Square();
        Assert.InRange((actual - expected).abs().narrow(3, 6, 48).max().item<double>(), 0, 1e-11);
    }

    [Fact]
    public void An_unchanged_size_is_an_exact_copy()
    {
        var image = rand(1, 3, 9, 11, generator: Draws);
        var copy = Resampler.Bicubic(image, 9, 11);
        Assert.True(copy.Equals(image));
        copy.zero_();
        Assert.NotEqual(0, image.sum().item<float>());
    }

    [Fact]
    public void Borders_differ_only_near_the_edge()
    {
        var image = rand(1, 1, 40, 40, ScalarType.Float64, generator: Draws);
        var difference = (Resampler.BicubicScale(image, 0.5, Border.Replicate)
            - Resampler.BicubicScale(image, 0.5, Border.Symmetric)).abs();
        Assert.NotEqual(0, difference.max().item<double>());
        Assert.Equal(0, difference.narrow(2, 2, 16).narrow(3, 2, 16).max().item<double>());
    }

    [Theory]
    [InlineData(Border.Replicate)]
    [InlineData(Border.Symmetric)]
    public void Images_smaller_than_the_kernel_are_resampled(Border border)
    {
        var actual = Resampler.Bicubic(rand(1, 3, 2, 1, generator: Draws), 1, 5, border);
        Assert.True(actual.isfinite().all().item<bool>());
    }

    [Theory]
    [InlineData(4, 5)]
    [InlineData(13, 16)]
    [InlineData(7, 3)]
    public void The_gradient_equals_finite_differences(long height, long width)
    {
        var image = rand([1, 2, 7, 8], ScalarType.Float64, requires_grad: true, generator: Draws);
        var weights = rand(1, 2, height, width, ScalarType.Float64, generator: Draws);
        Tensor Objective(Tensor x) => (Resampler.Bicubic(x, height, width).Square() * weights).sum();
        Objective(image).backward();

        using var noGradient = no_grad();
        const double step = 1e-5;
        for (var i = 0; i < image.numel(); i += 5)
        {
            var unit = zeros(image.numel(), ScalarType.Float64);
            unit[i] = step;
            var difference = Objective(image.Add(unit.reshape(image.shape))) - Objective(image - unit.reshape(image.shape));
            Assert.Equal(difference.item<double>() / (2 * step), image.grad!.reshape(-1)[i].item<double>(), 1e-7);
        }
    }

    [Fact]
    public void Nothing_but_the_result_stays_alive()
    {
        var image = rand(1, 3, 8, 8, generator: Draws);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 5; i++)
        {
            Resampler.Bicubic(image, 5, 5).Dispose();
            Resampler.BicubicScale(image, 2).Dispose();
            Resampler.BenchmarkDownscale(image, 2).Dispose();
        }

        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void Unusable_arguments_are_refused()
    {
        var image = rand(1, 3, 8, 8, generator: Draws);
        Assert.Throws<ArgumentException>(() => Resampler.Bicubic(image.to(ScalarType.Int32), 4, 4));
        Assert.Throws<ArgumentException>(() => Resampler.Bicubic(rand(5, generator: Draws), 4, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => Resampler.Bicubic(image, 0, 4));
        Assert.Throws<ArgumentOutOfRangeException>(() => Resampler.BicubicScale(image, double.NaN));
        Assert.Throws<ArgumentOutOfRangeException>(() => Resampler.BicubicScale(image, -1));
        Assert.Throws<ArgumentException>(() => Resampler.BenchmarkDownscale(image, 3));
    }

    private static double LargestDifference(Tensor expected, Tensor actual) => (expected - actual).abs().max().item<float>();
}
