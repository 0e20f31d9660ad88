using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Evaluation;

public sealed class EqualMseTests
{
    [Fact]
    public void All_four_images_have_the_same_error()
    {
        using var scope = NewDisposeScope();
        var photo = ImageFile.Read(Path.Combine(Shared.Repository, "samples", "photographs", "chelsea.png"));
        var images = EqualMse.Distort(photo, new JpegDistortion(10), seed: 0);
        Assert.Equal(["JPEG", "blur", "noise", "brightness"], images.Select(image => image.Name));
        var errors = images.Select(image => (image.Image - photo).Square().mean().item<float>()).ToArray();
        Assert.All(errors, error => Assert.Equal(1, error / errors[0], 0.01));
        Assert.All(images, image => Assert.InRange(image.Image.max().item<float>(), 0.1f, 1));
    }

    [Fact]
    public void An_image_without_detail_is_refused()
    {
        using var scope = NewDisposeScope();
        var flat = Full([1, 3, 32, 32], 0.37f);
        Assert.Contains("no blur of this image", Assert.Throws<InputException>(() => EqualMse.Distort(flat, new JpegDistortion(5), 0)).Message);
    }
}
