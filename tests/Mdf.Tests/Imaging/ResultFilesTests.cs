using Mdf.Imaging;
using Mdf.Runtime;

namespace Mdf.Tests.Imaging;

public sealed class ResultFilesTests
{
    [Theory]
    [InlineData("img.png", "img.png")]
    [InlineData("img.png", "img.tif")]
    [InlineData("img.png", "imgx4.png")]
    [InlineData("img.png", "img_x4.png")]
    [InlineData("img.png", "img_EDSR.png")]
    [InlineData("img.png", "img-EDSR_x4.png")]
    [InlineData("img_HR.png", "img_SR.png")]
    [InlineData("img_HR.png", "img_LR.png")]
    [InlineData("a.b", "a.b.png")]
    public void A_result_is_found_by_its_name(string image, string file)
    {
        var (found, others) = ResultFiles.Match([image, "other.png"], [file]);
        Assert.Equal(file, found[image]);
        Assert.Empty(others);
    }

    [Fact]
    public void The_longest_name_counts()
    {
        var (found, others) = ResultFiles.Match(["img", "img_1", "img_12"], ["img_12_x4.png", "img_EDSR.png", "img_1_EDSR.png", "imag.png", "imgs.png"]);
        Assert.Equal(("img_EDSR.png", "img_1_EDSR.png", "img_12_x4.png"), (found["img"], found["img_1"], found["img_12"]));
        Assert.Equal(["imag.png", "imgs.png"], others);
    }

    [Fact]
    public void Two_results_for_one_image_are_refused() => Assert.Equal(
        "'img.png' and 'img_EDSR.png' would both belong to the same reference 'img'; keep only one of them",
        Assert.Throws<InputException>(() => ResultFiles.Match(["img"], ["img.png", "img_EDSR.png"])).Message);

    [Fact]
    public void A_result_for_two_images_is_refused() => Assert.Equal(
        "'img_x4.png' could belong to 'img_HR' or to 'img_GT': rename it",
        Assert.Throws<InputException>(() => ResultFiles.Match(["img_HR", "img_GT"], ["img_x4.png"])).Message);
}
