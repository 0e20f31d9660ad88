using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Runtime;
using Mdf.Training.Adversarial;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Distortions;

/// <summary>A grey picture is distorted as one channel, whatever the task.</summary>
public sealed class GreyDistortionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("denoise:25")]
    [InlineData("denoise:5-50")]
    [InlineData("jpeg:10")]
    [InlineData("jpeg:5-95:any")]
    [InlineData("webp:10")]
    [InlineData("webp:5-60")]
    [InlineData("blur:2")]
    [InlineData("blur:1-3")]
    [InlineData("quantize:3")]
    [InlineData("sisr:2")]
    [InlineData("sisr")]
    public void A_grey_picture_stays_grey(string task)
    {
        using var random = new Generator(4);
        var (grey, distortion) = (Grey(48, 40), Tasks.Parse(task));
        var distorted = distortion.ApplyToPicture(grey, random);
        Assert.Equal(3, distorted.shape[1]);
        Assert.True(distorted[.., 0].Equals(distorted[.., 1]) && distorted[.., 0].Equals(distorted[.., 2]));
        var channel = distortion.Apply(grey[.., ..1], random);
        Assert.Equal([1, 1, 48 / distortion.Factor, 40 / distortion.Factor], channel.shape);
    }

    [Fact]
    public void A_grey_picture_gets_one_noise_and_a_coloured_one_three()
    {
        using var random = new Generator(4);
        var noise = new GaussianNoise(25).ApplyToPicture(Grey(200, 200), random) - Grey(200, 200);
        Assert.InRange(noise[0, 0].std().item<float>() * 255, 24, 26);
        var coloured = rand([1, 3, 200, 200], generator: random);
        noise = new GaussianNoise(25).ApplyToPicture(coloured, random) - coloured;
        Assert.InRange((noise[0, 0] * noise[0, 1]).mean().item<float>() / Math.Pow(25 / 255.0, 2), -0.05, 0.05);
    }

    /// <summary>Three equal channels at 4:2:0 and one channel are the same JPEG, to the pixel.</summary>
    [Theory]
    [InlineData(5)]
    [InlineData(40)]
    [InlineData(95)]
    public void The_jpeg_of_a_grey_picture_is_that_of_one_channel(int quality)
    {
        ImageFile.Write(_folder.File("grey.png"), new Picture(Grey(45, 51), null, IsGrey: true, 8));
        using var file = NetVips.Image.NewFromFile(_folder.File("grey.png"));
        Assert.Equal(1, file.Bands);
        var expected = ImageFile.Decode(file.JpegsaveBuffer(q: quality), "grey.jpg");
        Assert.True(expected.Equals(new JpegDistortion(quality).ApplyToPicture(ImageFile.Read(_folder.File("grey.png")))));
    }

    [Fact]
    public void A_program_is_given_a_grey_file_and_may_give_it_colour()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs the usual programs of Unix");
        var given = _folder.File("given.png");
        var keeping = new ExternalDistortion($"sh -c \"cp '{{in}}' '{given}'; cp '{{in}}' '{{out}}'\"", TimeSpan.FromHours(1));
        Assert.Equal(1, keeping.Apply(Grey(20, 24)[.., ..1]).shape[1]);
        Assert.Equal(0, File.ReadAllBytes(given)[25]); // the colour type in IHDR: grey
        keeping.ApplyToPicture(rand(1, 3, 20, 24, generator: Draws));
        Assert.Equal(2, File.ReadAllBytes(given)[25]);

        var sepia = _folder.File("sepia.png");
        ImageFile.Write(sepia, rand(1, 3, 20, 24, generator: Draws));
        var colouring = new ExternalDistortion($"sh -c \"cp '{sepia}' '{{out}}'\" {{in}}", TimeSpan.FromHours(1));
        Assert.True(ImageFile.Read(sepia).Equals(colouring.ApplyToPicture(Grey(20, 24))));
    }

    [Fact]
    public void The_training_of_a_loss_distorts_a_grey_photograph_as_one_channel()
    {
        using var random = new Generator(4);
        var upscaled = Grey(30, 32).Mul(2).Sub(1);
        using var grey = new DistortedSource(upscaled, new GaussianNoise(25), noise: 0, isGrey: true);
        var error = grey.Draw(random) - upscaled;
        Assert.InRange((error[.., 0] - error[.., 1]).abs().max().item<float>(), 0, 1e-6);
        Assert.InRange(error.std().item<float>(), 0.17, 0.22); // 2 · 25 / 255

        // What a generator below has added to the grey stays.
        var tinted = upscaled.Add(tensor([0.1f, 0, -0.1f]).view(1, 3, 1, 1));
        using var chained = new DistortedSource(tinted, new Upscaling(), noise: 0, isGrey: true);
        Assert.InRange((chained.Draw(random) - tinted).abs().max().item<float>(), 0, 1e-6);
    }

    [Fact]
    public void The_demonstration_compares_a_grey_photograph_with_grey_noise()
    {
        var photo = Resampler.Bicubic(rand(1, 1, 20, 20, generator: Draws), 64, 64).Clamp(0, 1).expand(1, 3, 64, 64);
        var noisy = EqualMse.Distort(photo, new JpegDistortion(10), seed: 1).Single(image => image.Name == "noise").Image;
        Assert.True(GreyPicture.IsGrey(noisy));
    }

    private static Tensor Grey(int height, int width)
    {
        using var random = new Generator(3);
        var levels = Resampler.Bicubic(rand([1, 1, 8, 10], generator: random), height, width).Clamp(0, 1).Mul(255).round().Div(255);
        return levels.expand(1, 3, height, width).contiguous();
    }
}
