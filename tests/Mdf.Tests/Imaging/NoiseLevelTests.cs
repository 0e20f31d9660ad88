using Mdf.Imaging;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Imaging;

public sealed class NoiseLevelTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(2)]
    [InlineData(10)]
    [InlineData(25)]
    [InlineData(50)]
    public void White_noise_is_found_on_a_smooth_picture(double sigma)
    {
        using var random = new Generator(3);
        var noisy = Smooth(200, 300).Add(randn([1, 3, 200, 300], generator: random).Mul(sigma / 255));
        // 15,000 coefficients a channel: the median's standard error is near 1 %. The smooth picture adds a little.
        Assert.InRange(NoiseLevel.Estimate(noisy)!.Value, 0.95 * sigma, 1.1 * sigma);
        // As a file holds it, coefficients are multiples of half a level, which makes steps of 0.74 in the estimate, and strong noise is cut off.
        Assert.InRange(NoiseLevel.Estimate(Pixels.Levels(noisy, 8).Div(255))!.Value, 0.95 * sigma - 0.75, 1.05 * sigma + 0.75);
    }

    [Fact]
    public void Grey_noise_and_large_pictures_are_measured_as_well()
    {
        using var random = new Generator(3);
        var grey = randn([1, 1, 1100, 1300], generator: random).expand(1, 3, 1100, 1300).Mul(15 / 255.0).Add(0.5);
        Assert.InRange(NoiseLevel.Estimate(grey)!.Value, 14.5, 15.5);
    }

    [Fact]
    public void Black_and_white_parts_where_noise_is_cut_off_do_not_count()
    {
        using var random = new Generator(3);
        var stars = tensor([0.5f, 0.5f, 0, 0, 0, 0, 0, 0]).repeat(50).reshape(1, 1, 400, 1).expand(1, 3, 400, 400);
        var noisy = stars.Add(randn([1, 3, 400, 400], generator: random).Mul(25 / 255.0)).Clamp(0, 1);
        Assert.True(NoiseLevel.Estimate(noisy) > 15);
        Assert.Null(NoiseLevel.Estimate(zeros(1, 3, 100, 100)));
    }

    [Fact]
    public void There_is_no_estimate_of_small_pictures_and_of_lossy_jpegs()
    {
        Assert.Null(NoiseLevel.Estimate(rand(1, 3, 1, 1, generator: Draws)));
        Assert.Null(NoiseLevel.Estimate(rand(1, 3, 16, 16, generator: Draws)));
        Assert.Throws<ArgumentException>(() => NoiseLevel.Estimate(rand(1, 1, 64, 64, generator: Draws)));
        var image = rand(1, 3, 64, 64, generator: Draws);
        double? OfJpeg(int quality)
        {
            ImageFile.Write(_folder.File("a.jpg"), image, new ImageWriteOptions { Quality = quality });
            using var picture = ImageFile.ReadPicture(_folder.File("a.jpg"));
            return NoiseLevel.Estimate(picture);
        }

        Assert.Null(OfJpeg(NoiseLevel.LeastJpegQuality - 1));
        Assert.NotNull(OfJpeg(NoiseLevel.LeastJpegQuality));
    }

    [Fact]
    public void A_jpeg_that_is_measured_keeps_more_than_half_of_its_noise()
    {
        using var random = new Generator(3);
        var noisy = Smooth(200, 300).Add(randn([1, 3, 200, 300], generator: random).Mul(25 / 255.0));
        var decoded = JpegCodec.Decode(JpegCodec.Encode(noisy, NoiseLevel.LeastJpegQuality));
        Assert.InRange(NoiseLevel.Estimate(decoded)!.Value, 0.55 * 25, 25);
    }

    [Fact]
    public void Photographs_are_found_to_have_little_noise()
    {
        // Clean photographs of the repository; their texture counts for a little.
        foreach (var file in Directory.EnumerateFiles(Path.Combine(Shared.Repository, "samples", "photographs"), "*.png"))
            Assert.InRange(NoiseLevel.Estimate(ImageFile.Read(file))!.Value, 0, 12);
    }

    private static Tensor Smooth(int height, int width)
    {
        using var random = new Generator(1);
        return Resampler.Bicubic(rand([1, 3, 6, 8], generator: random), height, width).Mul(0.4).Add(0.3);
    }
}
