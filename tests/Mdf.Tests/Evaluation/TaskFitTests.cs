using Mdf.Evaluation;

namespace Mdf.Tests.Evaluation;

public sealed class TaskFitTests
{
    [Theory]
    [InlineData("jpeg:10-95", 98, "a JPEG of quality 98, and the network was trained for quality 10 to 95: it smooths detail")]
    [InlineData("jpeg:10-95", 3, "a JPEG of quality 3, and the network was trained for quality 10 to 95: it leaves artefacts")]
    [InlineData("jpeg:10-95", 100, "a JPEG of quality 100, ")]
    [InlineData("jpeg:10", 75, "a JPEG of quality 75, and the network was trained for quality 10: it smooths detail")]
    [InlineData("jpeg:40:444", 10, "a JPEG of quality 10, and the network was trained for quality 40: it leaves artefacts")]
    public void A_jpeg_of_another_quality_is_named(string task, int quality, string expected) =>
        Assert.StartsWith($"'a' is {expected}", Assert.Single(TaskFit.Cautions(task, [Image("a", quality)])));

    [Theory]
    [InlineData("jpeg:10-95", 10)]
    [InlineData("jpeg:10-95", 50)]
    [InlineData("jpeg:10-95", 95)]
    [InlineData("jpeg:10-95", 96)]
    [InlineData("jpeg:10-95", null)] // no JPEG, or tables of its own
    [InlineData("jpeg:10", 8)]
    [InlineData("jpeg:10", 12)]
    [InlineData("jpeg:10-100", 100)]
    [InlineData("jpeg:94", 95)]
    [InlineData("sisr:4", 3)]
    [InlineData("blur:2", 3)]
    [InlineData("external:true", 3)]
    [InlineData("jpeg", 3)]
    [InlineData("", 3)]
    public void A_jpeg_that_fits_is_not_named(string task, int? quality) => Assert.Empty(TaskFit.Cautions(task, [Image("a", quality)]));

    [Theory]
    [InlineData("denoise:25", 1.26, "'a' is a picture with noise of about σ 1.3, and the network was trained for σ 25: it smooths detail")]
    [InlineData("denoise:15-50", 6.0, "'a' is a picture with noise of about σ 6.0, and the network was trained for σ 15 to 50: it smooths detail")]
    [InlineData("denoise:25", 13.0, null)]
    [InlineData("denoise:25", 60.0, null)]
    [InlineData("denoise:0-50", 0.0, null)]
    [InlineData("denoise:25", null, null)]
    [InlineData("jpeg:10", 0.0, null)]
    public void A_clean_picture_is_named(string task, double? noise, string? expected) =>
        Assert.Equal(expected, TaskFit.Cautions(task, [Image("a", noise: noise)]).SingleOrDefault());

    [Fact]
    public void Many_images_have_one_line_for_each_kind()
    {
        var images = Enumerable.Range(0, 9).Select(i => Image($"{i}", i < 4 ? 99 : i < 6 ? 2 : 50)).ToArray();
        Assert.Equal(
            [
                "4 images are JPEGs of better quality than the network was trained for, which is quality 10 to 95 ('0' is a JPEG of quality 99): it smooths detail that is not damaged",
                "'4' is a JPEG of quality 2, and the network was trained for quality 10 to 95: it leaves artefacts",
                "'5' is a JPEG of quality 2, and the network was trained for quality 10 to 95: it leaves artefacts",
            ],
            TaskFit.Cautions("jpeg:10-95", images));
    }

    private static RestoredImage Image(string name, int? quality = null, double? noise = null) => new(name, $"{name}.png", 8, 8, 0.1, quality, noise, []);
}
