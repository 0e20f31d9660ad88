using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Runtime;
using Mdf.Tests.Cli;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Evaluation;

public sealed class ImageRestorationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void One_file_goes_to_the_file_that_is_named_and_to_its_own_name_in_a_folder()
    {
        var image = _folder.Image("a.jpg");
        Assert.Equal([new RestorationPair(image, _folder.File("x.webp"))], ImageRestoration.Plan([image], _folder.File("x.webp")).Pairs);
        Directory.CreateDirectory(_folder.File("there"));
        foreach (var folder in new[] { _folder.File("there"), _folder.File("new") + Path.DirectorySeparatorChar })
            Assert.Equal([new RestorationPair(image, Path.Combine(folder, "a.png"))], ImageRestoration.Plan([image], folder).Pairs);
        Assert.False(Directory.Exists(_folder.File("new")));
    }

    [Fact]
    public void Files_and_folders_go_to_a_folder_by_name()
    {
        Directory.CreateDirectory(_folder.File("in"));
        var (b, a, c) = (_folder.Image("in/b.tif"), _folder.Image("in/a.JPG.jpg"), _folder.Image("c.png"));
        _folder.File("in/notes.txt", "not an image, and not asked for"u8);
        string Out(string name) => Path.Combine(_folder.File("out"), name);
        Assert.Equal(
            [new(c, Out("c.png")), new(a, Out("a.JPG.png")), new(b, Out("b.png"))],
            ImageRestoration.Plan([c, _folder.File("in")], _folder.File("out")).Pairs);
    }

    [Theory]
    [InlineData("none.png", "x.png", "cannot read '{}none.png': there is no such file; check the path")]
    [InlineData("empty", "out", "'{}empty' holds no image (")]
    [InlineData("a.png", "x.gif", "cannot write '{}x.gif': expected one of .png, .jpg")]
    [InlineData("a.png", "x", "cannot write '{}x': expected one of .png, .jpg")]
    [InlineData("a.png", "a.png", "cannot write '{}a.png': it is the input '{}a.png'; choose another output")]
    [InlineData("a.png", "link.png", "cannot write '{}link.png': it is the input '{}a.png'; choose another output")]
    [InlineData("a.png b.png", "b.png", "cannot write to '{}b.png': expected a folder for the results, found a file")]
    [InlineData("a.png b.png", "x.png", "cannot write to '{}x.png': expected a folder for the results, found the name of an image")]
    [InlineData("images", "images", "cannot write '{}images/a.png': it is the input '{}images/a.png'; choose another output")]
    [InlineData("images", "linked", "cannot write '{}linked/a.png': it is the input '{}images/a.png'; choose another output")]
    [InlineData("a.png a.jpg", "out", "'{}a.png' and '{}a.jpg' would both be written to '{}out/a.png': if results keep their extensions, the names are 'a.png.png' and 'a.jpg.png'")]
    [InlineData("a.png images/a.png", "out", "'{}a.png' and '{}images/a.png' would both be written to '{}out/a.png': restore them one after the other, into different folders")]
    [InlineData("a.png a.png", "out", "the image '{}a.png' is given twice: give it once")]
    [InlineData("images images/c.png", "out", "the image '{}images/c.png' is given twice: give it once")]
    [InlineData("a.png link.png", "out", "the image '{}a.png' is given twice, also as '{}link.png': give it once")]
    [InlineData("a.png", "", "expected an output file or folder, found an empty path")]
    public void A_mistake_is_found_before_any_work(string inputs, string output, string expected)
    {
        foreach (var name in new[] { "empty", "images" })
            Directory.CreateDirectory(_folder.File(name));
        foreach (var name in new[] { "a.png", "b.png", "a.jpg", "images/c.png", "images/a.png" })
            _folder.Image(name);
        File.CreateSymbolicLink(_folder.File("link.png"), _folder.File("a.png"));
        Directory.CreateSymbolicLink(_folder.File("linked"), _folder.File("images"));
        var before = _folder.Content();
        var error = Assert.Throws<InputException>(
            () => ImageRestoration.Plan([.. inputs.Split(' ').Select(_folder.File)], output.Length > 0 ? _folder.File(output) : ""));
        Assert.StartsWith(_folder.Local(expected), error.Message);
        Assert.Equal(before, _folder.Content());
    }

    [Theory]
    [InlineData("_restored", "png", false, "a_restored.png b_restored.png")]
    [InlineData("", "webp", false, "a.webp b.webp")]
    [InlineData("", null, true, "a.jpg.png b.png.png")]
    [InlineData("-2", "tiff", true, "a-2.jpg.tiff b-2.png.tiff")]
    public void Names_of_results_follow_the_options(string suffix, string? format, bool keepsExtension, string expected)
    {
        Directory.CreateDirectory(_folder.File("in"));
        _folder.Image("in/a.jpg");
        _folder.Image("in/b.png");
        var options = new RestorationOutput { Suffix = suffix, Format = format, KeepsExtension = keepsExtension };
        var plan = ImageRestoration.Plan([_folder.File("in")], _folder.File("out"), options);
        Assert.Equal(expected.Split(' '), plan.Pairs.Select(pair => Path.GetRelativePath(_folder.File("out"), pair.Output)));
    }

    [Fact]
    public void Images_that_differ_in_their_extensions_alone_are_both_restored_with_their_extensions_kept()
    {
        var images = new[] { _folder.Image("a.png"), _folder.Image("a.jpg") };
        var plan = ImageRestoration.Plan(images, _folder.File("out"), new RestorationOutput { KeepsExtension = true });
        Assert.Equal(["a.png.png", "a.jpg.png"], plan.Pairs.Select(pair => Path.GetFileName(pair.Output)));
        // A suffix does not tell them apart.
        Assert.Throws<InputException>(() => ImageRestoration.Plan(images, _folder.File("out"), new RestorationOutput { Suffix = "_x" }));
    }

    [Fact]
    public void Results_that_exist_in_a_folder_are_replaced_or_kept_only_if_asked_for()
    {
        var images = new[] { _folder.Image("a.png"), _folder.Image("b.png"), _folder.Image("c.jpg") };
        var (a, c) = (Path.Combine(_folder.File("out"), "a.png"), Path.Combine(_folder.File("out"), "c.png"));
        Directory.CreateDirectory(_folder.File("out"));
        _folder.File("out/a.png", "before"u8);
        _folder.File("out/c.png", "before"u8);
        RestorationPlan Plan(ExistingResults existing) => ImageRestoration.Plan(images, _folder.File("out"), new RestorationOutput { Existing = existing });

        var error = Assert.Throws<InputException>(() => Plan(ExistingResults.Refuse));
        Assert.StartsWith($"2 of 3 results exist already, such as '{a}': replace them, keep them, or write into another folder", error.Message);
        Assert.Equal(3, Plan(ExistingResults.Overwrite).Pairs.Count);
        var plan = Plan(ExistingResults.Skip);
        Assert.Equal([images[1]], plan.Pairs.Select(pair => pair.Input));
        Assert.Equal([a, c], plan.Existing.Select(pair => pair.Output));
        // The same for one image that goes into a folder.
        Assert.Throws<InputException>(() => ImageRestoration.Plan([images[0]], _folder.File("out")));
    }

    [Fact]
    public void A_file_that_is_named_is_replaced_or_kept_if_asked_for()
    {
        var (image, result) = (_folder.Image("a.png"), _folder.File("x.png", "before"u8));
        Assert.Single(ImageRestoration.Plan([image], result).Pairs);
        Assert.Single(ImageRestoration.Plan([image], result, new RestorationOutput { Existing = ExistingResults.Overwrite }).Pairs);
        var plan = ImageRestoration.Plan([image], result, new RestorationOutput { Existing = ExistingResults.Skip });
        Assert.Equal((0, 1), (plan.Pairs.Count, plan.Existing.Count));
    }

    [Theory]
    [InlineData("_restored", "png", false)]
    [InlineData("_restored", "webp", false)] // the earlier results have another format than those to come
    [InlineData("", "png", true)]
    public void Results_beside_their_images_are_not_restored_in_the_next_run(string suffix, string format, bool keepsExtension)
    {
        var options = new RestorationOutput { Suffix = suffix, Format = "png", KeepsExtension = keepsExtension };
        Directory.CreateDirectory(_folder.File("in"));
        var image = _folder.Image("in/a.jpg");
        var first = Assert.Single(ImageRestoration.Plan([_folder.File("in")], _folder.File("in"), options).Pairs);
        ImageFile.Write(first.Output, ImageFile.Read(image));
        _folder.Image("in/b_restored.png"); // no result: there is no image b
        var plan = ImageRestoration.Plan([_folder.File("in")], _folder.File("in"), options with { Format = format, Existing = ExistingResults.Skip });
        Assert.Equal([first.Output], plan.Earlier);
        Assert.Equal(format == "png" ? 1 : 0, plan.Existing.Count);
        Assert.DoesNotContain(plan.Pairs, pair => pair.Input == first.Output);
        Assert.Contains(plan.Pairs, pair => pair.Input.EndsWith("b_restored.png", StringComparison.Ordinal));
    }

    [Fact]
    public void Options_that_do_not_fit_are_refused_before_any_work()
    {
        var image = _folder.Image("a.png");
        Assert.Throws<ArgumentException>(() => ImageRestoration.Plan([], _folder.File("x.png")));
        void Refused(string output, Func<RestorationOutput> options, string expected) => Assert.Contains(
            expected, Assert.Throws<InputException>(() => ImageRestoration.Plan([image], _folder.File(output), options())).Message);

        Refused("x.png", () => new RestorationOutput { Suffix = "_x" }, "expected a folder for results with the suffix '_x', found the output file");
        Refused("x.png", () => new RestorationOutput { KeepsExtension = true }, "expected a folder for results that keep their extensions, found the output file");
        Refused("x.png", () => new RestorationOutput { Format = "webp" }, "expected an output file in the format webp, found");
        Refused("x.png", () => new RestorationOutput { Writing = new ImageWriteOptions { Quality = 90 } }, "is lossless; write .jpg or .webp");
        Refused("out/", () => new RestorationOutput { Writing = new ImageWriteOptions { Quality = 90 } }, "is lossless; write .jpg or .webp");
        Refused("out/", () => new RestorationOutput { Suffix = "a/b" }, "expected a suffix for file names, such as _restored, found 'a/b'");
        Refused("out/", () => new RestorationOutput { Format = "gif" }, "expected the format png, jpg, webp or tiff, found 'gif'");
        Assert.Equal(_folder.File("out/a.jpg"), Assert.Single(ImageRestoration.Plan([image], _folder.File("out"), new RestorationOutput { Format = "jpg" }).Pairs).Output);
        Assert.Single(ImageRestoration.Plan([image], _folder.File("x.jpeg"), new RestorationOutput { Format = "jpg" }).Pairs);
        Assert.Single(ImageRestoration.Plan([image], _folder.File("x.JPG"), new RestorationOutput { Writing = new ImageWriteOptions { Quality = 90 } }).Pairs);
    }

    [Fact]
    public void Results_are_the_networks_and_are_listed_with_their_sizes()
    {
        using var network = NetworksWithMargins.Make(3, 1);
        var color = _folder.Image("color.png", 40, 32);
        var grey = _folder.File("grey.png");
        ImageFile.Write(grey, new Picture(rand(1, 3, 9, 11, generator: Draws), rand(1, 1, 9, 11, generator: Draws), IsGrey: true, 16));
        var steps = new List<long>();
        var restored = ImageRestoration.Run(
            new NetworkRestorer("network", network), ImageRestoration.Plan([color, grey], _folder.File("out/deep")).Pairs, tile: 16, progress: new Watcher(steps));

        Assert.Equal([0, 1, 2], steps);
        Assert.Equal([(color, 120, 96), (grey, 33, 27)], restored.Select(image => (image.Input, image.Width, image.Height)));
        Assert.All(restored, image => Assert.True(image.Seconds > 0));
        var expected = network.call(ImageFile.Read(color)).Clamp(0, 1);
        Assert.InRange((ImageFile.Read(restored[0].Output) - expected).abs().max().item<float>(), 0, 0.501 / 255);
        using var picture = ImageFile.ReadPicture(restored[1].Output);
        Assert.Equal((true, 16, true), (picture.IsGrey, picture.BitDepth, picture.Alpha is not null));
    }

    [Fact]
    public void One_image_is_reported_tile_by_tile()
    {
        using var network = NetworksWithMargins.Make(1, 1);
        var steps = new List<long>();
        ImageRestoration.Run(new NetworkRestorer("network", network), [new(_folder.Image("a.png", 40, 32), _folder.File("x.png"))], tile: 20, progress: new Watcher(steps));
        Assert.Equal([0, 1, 2, 3, 4], steps);
    }

    [Fact]
    public void An_image_that_cannot_be_read_ends_the_work_or_is_named_and_passed_over()
    {
        using var network = NetworksWithMargins.Make(1, 1);
        var pairs = ImageRestoration.Plan([_folder.Image("a.png"), _folder.File("text.png", "no image"u8), _folder.Image("b.png")], _folder.File("out")).Pairs;
        var error = Assert.Throws<InputException>(() => ImageRestoration.Run(new NetworkRestorer("network", network), pairs));
        Assert.StartsWith($"cannot read '{pairs[1].Input}': ", error.Message);

        var told = new List<string>();
        var restored = ImageRestoration.Run(new NetworkRestorer("network", network), pairs, onUnreadable: told.Add);
        Assert.Equal([error.Message], told);
        Assert.Equal([pairs[0].Output, pairs[2].Output], restored.Select(image => image.Output));
        Assert.False(File.Exists(pairs[1].Output));

        error = Assert.Throws<InputException>(() => ImageRestoration.Run(new NetworkRestorer("network", network), [pairs[1]], onUnreadable: told.Add));
        Assert.Equal("expected at least one image that can be read, found none among 1", error.Message);
    }

    [Fact]
    public void A_cancelled_run_leaves_no_half_image()
    {
        using var network = NetworksWithMargins.Make(1, 1);
        var pairs = ImageRestoration.Plan([_folder.Image("a.png"), _folder.Image("b.png")], _folder.File("out")).Pairs;
        using var source = new CancellationTokenSource();
        var watcher = new Watcher([], step =>
        {
            if (step == 1)
                source.Cancel();
        });
        Assert.Throws<OperationCanceledException>(() => ImageRestoration.Run(new NetworkRestorer("network", network), pairs, progress: watcher, cancellationToken: source.Token));
        Assert.Equal([pairs[0].Output], Directory.GetFiles(_folder.File("out")));
    }

    private sealed class Watcher(List<long> steps, Action<long>? onStep = null) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate update)
        {
            steps.Add(update.Step);
            onStep?.Invoke(update.Step);
        }
    }
}
