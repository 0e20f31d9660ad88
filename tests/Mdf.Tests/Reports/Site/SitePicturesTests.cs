using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Reports.Site;
using Mdf.Tests.Cli;
using static TorchSharp.torch;

namespace Mdf.Tests.Reports.Site;

public sealed class SitePicturesTests
{
    // A limit of zero stands for a picture that is too large for it.
    [Fact]
    public void Maps_that_do_not_fit_into_memory_are_computed_twice_and_are_the_same()
    {
        using var folder = new TemporaryFolder();
        string[] files = [.. Enumerable.Range(1, 4).Select(seed => folder.Image($"{seed}.png", width: 72, height: 56, seed: (ulong)seed))];
        var task = new SiteTask("task", "Task", "")
        {
            Rows = [new SiteRow("first", "First") { Steps = 1 }, new SiteRow("second", "Second") { Steps = 1 }, new SiteRow("none", "None"), new SiteRow("input", "Input") { IsInput = true }],
            Sets = [],
            PictureSize = 48,
        };
        var picture = new SitePicture("picture", "Picture", "", files[0], files[1], [files[2], files[3], null, files[1]], [null, null, null, null]);
        using var measures = MeasureSet.Create([Measures.Flip, Measures.PsnrChroma]);
        var (kept, twice) = (Write("kept", 1 << 20), Write("twice", 0));
        Assert.Equal(kept.Maps.Select(map => (map.Id, map.Brightest)), twice.Maps.Select(map => (map.Id, map.Brightest)));
        Assert.Equal(["flip/first.webp", "flip/second.webp", null, "original/flip.webp"], twice.Maps.Single(map => map.Id == "flip").Files);
        Assert.Equal(11, kept.Files.Count()); // two originals, the input once more, two restored, and three maps of two measures
        Assert.All(kept.Files, file => Assert.Equal(File.ReadAllBytes(folder.File($"kept/pictures/task/picture/{file}")), File.ReadAllBytes(folder.File($"twice/pictures/task/picture/{file}"))));

        ShownPicture Write(string name, long mostKept) =>
            new SitePictures(folder.File(name), ErrorMaps.Of(measures, []), mostKept).Write(task, picture, TestContext.Current.CancellationToken);
    }

    [Fact]
    public void The_border_does_not_decide_which_part_is_shown()
    {
        using var scope = NewDisposeScope();
        using var folder = new TemporaryFolder();
        var original = ImageFile.Read(folder.Image("original.png", width: 160, height: 120));
        var other = original.clone();
        other.narrow(3, 0, 4).zero_();
        ImageFile.Write(folder.File("other.png"), other);
        var task = new SiteTask("task", "Task", "") { Rows = [new SiteRow("same", "Same") { Steps = 1 }, new SiteRow("other", "Other") { Steps = 1 }], Sets = [], PictureSize = 48 };
        using var measures = MeasureSet.Create([Measures.Psnr]);
        new SitePictures(folder.File("site"), ErrorMaps.Of(measures, [])).Write(
            task, new SitePicture("picture", "Picture", "", folder.File("original.png"), folder.File("original.png"), [folder.File("original.png"), folder.File("other.png")], [null, null]), TestContext.Current.CancellationToken);
        // The part does not reach to the pixels that differ.
        Assert.Equal(File.ReadAllBytes(folder.File("site/pictures/task/picture/same.webp")), File.ReadAllBytes(folder.File("site/pictures/task/picture/other.webp")));
    }
}
