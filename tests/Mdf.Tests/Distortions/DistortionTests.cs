using Mdf.Distortions;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Distortions;

public sealed class DistortionTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData("sisr", "sisr", typeof(Upscaling))]
    [InlineData("sisr:2", "sisr:2", typeof(Downscaling))]
    [InlineData("sisr:04", "sisr:4", typeof(Downscaling))]
    [InlineData("denoise:0-50", "denoise:0-50", typeof(GaussianNoise))]
    [InlineData("denoise:5.0-2e1", "denoise:5-20", typeof(GaussianNoise))]
    [InlineData("denoise:7-7", "denoise:7", typeof(GaussianNoise))]
    [InlineData("jpeg:10-40", "jpeg:10-40", typeof(JpegDistortion))]
    [InlineData("jpeg:10:444", "jpeg:10:444", typeof(JpegDistortion))]
    [InlineData("jpeg:10-95:any", "jpeg:10-95:any", typeof(JpegDistortion))]
    [InlineData("jpeg:5-5:420", "jpeg:5", typeof(JpegDistortion))]
    [InlineData("denoise:25", "denoise:25", typeof(GaussianNoise))]
    [InlineData("denoise:25.0", "denoise:25", typeof(GaussianNoise))]
    [InlineData("denoise:12.50", "denoise:12.5", typeof(GaussianNoise))]
    [InlineData("denoise:2.5e1", "denoise:25", typeof(GaussianNoise))]
    [InlineData("denoise:255", "denoise:255", typeof(GaussianNoise))]
    [InlineData("jpeg:10", "jpeg:10", typeof(JpegDistortion))]
    [InlineData("jpeg:1", "jpeg:1", typeof(JpegDistortion))]
    [InlineData("jpeg:100", "jpeg:100", typeof(JpegDistortion))]
    [InlineData("jpeg:010", "jpeg:10", typeof(JpegDistortion))]
    [InlineData("blur:2.0", "blur:2", typeof(GaussianBlur))]
    [InlineData("blur:0.5-3", "blur:0.5-3", typeof(GaussianBlur))]
    [InlineData("webp:0", "webp:0", typeof(WebpDistortion))]
    [InlineData("webp:010-40", "webp:10-40", typeof(WebpDistortion))]
    [InlineData("quantize:03", "quantize:3", typeof(Quantization))]
    [InlineData("pairs", "pairs", typeof(FilePairs))]
    [InlineData("pairs:1", "pairs", typeof(FilePairs))]
    [InlineData("pairs:02", "pairs:2", typeof(FilePairs))]
    public void Tasks_have_one_canonical_name(string task, string canonical, Type type)
    {
        var distortion = Tasks.Parse(task);
        Assert.IsType(type, distortion);
        Assert.Equal(canonical, distortion.Task);
        Assert.Equal(canonical, Tasks.Parse(canonical).Task);
    }

    [Theory]
    [InlineData("", "expected one of sisr (super-resolution), denoise:25 (σ in 8-bit units), jpeg:10 (quality)")]
    [InlineData("deblur:3", "unknown task 'deblur:3'")]
    [InlineData("JPEG:10", "unknown task")]
    [InlineData("sisr:4", "(phase 1's distortion is the upscaling itself); use 'sisr'")]
    [InlineData("sisr:", "expected a factor of 2, 3 or 4")]
    [InlineData("sisr:8", "'sisr:8': expected a factor of 2, 3 or 4, such as 'sisr:4', or plain 'sisr'")]
    [InlineData("denoise:50-5", "or a range, such as 'denoise:5-50'")]
    [InlineData("denoise:0-0", "'denoise:0-0'")]
    [InlineData("denoise:5-", "'denoise:5-'")]
    [InlineData("jpeg:40-10", "or a range, such as 'jpeg:10-40'")]
    [InlineData("jpeg:10:422", "'jpeg:10:422'")]
    [InlineData("denoise", "needs a strength")]
    [InlineData("denoise:", "needs a strength")]
    [InlineData("denoise:-1", "'denoise:-1': expected the noise's σ")]
    [InlineData("denoise:0", "above 0 and at most 255")]
    [InlineData("denoise:255.1", "above 0 and at most 255")]
    [InlineData("denoise:NaN", "above 0 and at most 255")]
    [InlineData("denoise:∞", "above 0 and at most 255")]
    [InlineData("denoise:1e400", "above 0 and at most 255")]
    [InlineData("denoise:25,5", "'denoise:25,5'")]
    [InlineData("denoise:25:5", "'denoise:25:5'")]
    [InlineData("denoise: 25", "'denoise: 25'")]
    [InlineData("jpeg", "needs a strength")]
    [InlineData("jpeg:0", "whole number of 1 to 100")]
    [InlineData("jpeg:101", "whole number of 1 to 100")]
    [InlineData("jpeg:-10", "whole number of 1 to 100")]
    [InlineData("jpeg:10.5", "whole number of 1 to 100")]
    [InlineData("jpeg:ten", "whole number of 1 to 100")]
    [InlineData("jpeg:99999999999", "whole number of 1 to 100")]
    [InlineData("blur", "needs a strength")]
    [InlineData("blur:0", "above 0 and at most 20")]
    [InlineData("blur:21", "above 0 and at most 20")]
    [InlineData("blur:3-1", "or a range, such as 'blur:1-3'")]
    [InlineData("blur:NaN", "above 0 and at most 20")]
    [InlineData("webp", "needs a strength")]
    [InlineData("webp:101", "whole number of 0 to 100")]
    [InlineData("webp:-1", "whole number of 0 to 100")]
    [InlineData("quantize", "needs a strength")]
    [InlineData("quantize:0", "whole number of 1 to 8")]
    [InlineData("quantize:9", "whole number of 1 to 8")]
    [InlineData("external:cp {in} {out}", "a file cannot start a program")]
    public void Other_tasks_are_refused_in_one_line(string task, string expected)
    {
        var message = Assert.Throws<InputException>(() => Tasks.ParseForLoss(task)).Message;
        Assert.Contains(expected, message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void A_network_for_super_resolution_has_a_factor_and_a_loss_has_none()
    {
        Assert.Equal(4, Tasks.ParseForNetwork("sisr:4").Factor);
        Assert.Equal("jpeg", Tasks.ParseForNetwork("jpeg:10-40").Kind);
        Assert.Contains("needs a factor", Assert.Throws<InputException>(() => Tasks.ParseForNetwork("sisr")).Message);
    }

    [Fact]
    public void Super_resolution_reduces_as_the_benchmarks_do_and_refuses_sides_that_do_not_divide()
    {
        var reference = rand(2, 3, 24, 36, generator: Draws).Mul(255).round().Div(255);
        var distorted = new Downscaling(4).Apply(reference);
        Assert.Equal([2, 3, 6, 9], distorted.shape);
        Assert.True(distorted.Equals(Mdf.Imaging.Resampler.BenchmarkDownscale(reference, 4)));
        Assert.Contains("multiples of 4", Assert.Throws<ArgumentException>(() => new Downscaling(4).Apply(rand(1, 3, 24, 37, generator: Draws))).Message);
    }

    [Theory]
    [InlineData("denoise:5-50")]
    [InlineData("jpeg:5-90")]
    public void A_range_draws_a_strength_for_each_image_and_a_seed_repeats_it(string task)
    {
        using var random = new Generator(3);
        using var again = new Generator(3);
        var image = Mdf.Imaging.Resampler.Bicubic(rand(1, 3, 8, 8, generator: Draws), 64, 64).Clamp(0, 1);
        var distorted = Tasks.Parse(task).Apply(image.expand(6, -1, -1, -1), random);
        var errors = (distorted - image).Square().mean([1, 2, 3]).data<float>().ToArray();
        Assert.True(errors.Max() > 1.5 * errors.Min(), "six draws from a wide range differ");
        Assert.True(distorted.Equals(Tasks.Parse(task).Apply(image.expand(6, -1, -1, -1), again)));
    }

    [Fact]
    public void Strengths_out_of_range_are_refused_by_the_constructors_too()
    {
        Assert.Throws<InputException>(() => new GaussianNoise(double.NaN));
        Assert.Throws<InputException>(() => new GaussianNoise(-1));
        Assert.Throws<InputException>(() => new GaussianNoise(5, 4));
        Assert.Throws<InputException>(() => new Downscaling(5));
        Assert.Throws<InputException>(() => new JpegDistortion(40, 10));
        Assert.Throws<InputException>(() => new JpegDistortion(0));
        Assert.Throws<InputException>(() => new JpegDistortion(101));
    }

    [Theory]
    [InlineData("sisr")]
    [InlineData("denoise:25")]
    [InlineData("jpeg:10")]
    public void The_reference_stays_as_it_was(string task)
    {
        var reference = rand([2, 3, 17, 21], requires_grad: true, generator: Draws);
        var copy = reference.detach().clone();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var distorted = Tasks.Parse(task).Apply(reference);
        Assert.Equal(before + 1, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.Equal(reference.shape, distorted.shape);
        Assert.Equal(reference.dtype, distorted.dtype);
        Assert.False(distorted.requires_grad);
        distorted.zero_();
        Assert.True(copy.Equals(reference));
    }

    [Fact]
    public void What_is_not_a_batch_of_images_is_refused()
    {
        foreach (var reference in new[] { rand(3, 8, 8, generator: Draws), rand(1, 2, 8, 8, generator: Draws), ones(1, 3, 8, 8, ScalarType.Int32) })
            Assert.Throws<ArgumentException>(() => new Upscaling().Apply(reference));
    }

    [Fact]
    public void A_task_of_files_has_nothing_to_apply()
    {
        Assert.Contains("give the damaged files", Assert.Throws<InputException>(() => new FilePairs().Apply(rand(1, 3, 8, 8, generator: Draws))).Message);
        Assert.Contains("use a program", Assert.Throws<InputException>(() => Tasks.ParseForLoss("pairs")).Message);
        Assert.Contains("'pairs:5': expected the factor", Assert.Throws<InputException>(() => Tasks.Parse("pairs:5")).Message);
        Assert.Contains("'pairs:x': expected the factor", Assert.Throws<InputException>(() => Tasks.Parse("pairs:x")).Message);
    }

    [Fact]
    public void Upscaling_adds_nothing()
    {
        var reference = rand(2, 3, 8, 8, generator: Draws);
        Assert.True(reference.Equals(new Upscaling().Apply(reference)));
    }
}
