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
        Assert.Equal([new RestorationPair(image, _folder.File("x.webp"))], ImageRestoration.Plan([image], _folder.File("x.webp")));
        Directory.CreateDirectory(_folder.File("there"));
        foreach (var folder in new[] { _folder.File("there"), _folder.File("new") + Path.DirectorySeparatorChar })
            Assert.Equal([new RestorationPair(image, Path.Combine(folder, "a.png"))], ImageRestoration.Plan([image], folder));
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
            ImageRestoration.Plan([c, _folder.File("in")], _folder.File("out")));
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
    [InlineData("images", "images", "cannot write '{}images/c.png': it is the input '{}images/c.png'; choose another output")]
    [InlineData("images", "linked", "cannot write '{}linked/c.png': it is the input '{}images/c.png'; choose another output")]
    [InlineData("a.png a.jpg", "out", "'{}a.png' and '{}a.jpg' would both be written to '{}out/a.png'; restore them one by one")]
    [InlineData("a.png a.png", "out", "'{}a.png' and '{}a.png' would both be written to '{}out/a.png'; restore them one by one")]
    [InlineData("a.png", "", "expected an output file or folder, found an empty path")]
    public void A_mistake_is_found_before_any_work(string inputs, string output, string expected)
    {
        foreach (var name in new[] { "empty", "images" })
            Directory.CreateDirectory(_folder.File(name));
        foreach (var name in new[] { "a.png", "b.png", "a.jpg", "images/c.png" })
            _folder.Image(name);
        File.CreateSymbolicLink(_folder.File("link.png"), _folder.File("a.png"));
        Directory.CreateSymbolicLink(_folder.File("linked"), _folder.File("images"));
        var before = _folder.Content();
        var error = Assert.Throws<InputException>(
            () => ImageRestoration.Plan([.. inputs.Split(' ').Select(_folder.File)], output.Length > 0 ? _folder.File(output) : ""));
        Assert.StartsWith(_folder.Local(expected), error.Message);
        Assert.Equal(before, _folder.Content());
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
            network, ImageRestoration.Plan([color, grey], _folder.File("out/deep")), tile: 16, progress: new Watcher(steps));

        Assert.Equal([0, 1, 2], steps);
        Assert.Equal([(color, 120, 96), (grey, 33, 27)], restored.Select(image => (image.Input, image.Width, image.Height)));
        Assert.All(restored, image => Assert.True(image.Seconds > 0));
        var expected = network.call(ImageFile.Read(color)).clamp(0, 1);
        Assert.InRange((ImageFile.Read(restored[0].Output) - expected).abs().max().item<float>(), 0, 0.501 / 255);
        using var picture = ImageFile.ReadPicture(restored[1].Output);
        Assert.Equal((true, 16, true), (picture.IsGrey, picture.BitDepth, picture.Alpha is not null));
    }

    [Fact]
    public void One_image_is_reported_tile_by_tile()
    {
        using var network = NetworksWithMargins.Make(1, 1);
        var steps = new List<long>();
        ImageRestoration.Run(network, [new(_folder.Image("a.png", 40, 32), _folder.File("x.png"))], tile: 20, progress: new Watcher(steps));
        Assert.Equal([0, 1, 2, 3, 4], steps);
    }

    [Fact]
    public void An_image_that_cannot_be_read_ends_the_work_or_is_named_and_passed_over()
    {
        using var network = NetworksWithMargins.Make(1, 1);
        var pairs = ImageRestoration.Plan([_folder.Image("a.png"), _folder.File("text.png", "no image"u8), _folder.Image("b.png")], _folder.File("out"));
        var error = Assert.Throws<InputException>(() => ImageRestoration.Run(network, pairs));
        Assert.StartsWith($"cannot read '{pairs[1].Input}': ", error.Message);

        var told = new List<string>();
        var restored = ImageRestoration.Run(network, pairs, onUnreadable: told.Add);
        Assert.Equal([error.Message], told);
        Assert.Equal([pairs[0].Output, pairs[2].Output], restored.Select(image => image.Output));
        Assert.False(File.Exists(pairs[1].Output));

        error = Assert.Throws<InputException>(() => ImageRestoration.Run(network, [pairs[1]], onUnreadable: told.Add));
        Assert.Equal("expected at least one image that can be read, found none among 1", error.Message);
    }

    [Fact]
    public void A_cancelled_run_leaves_no_half_image()
    {
        using var network = NetworksWithMargins.Make(1, 1);
        var pairs = ImageRestoration.Plan([_folder.Image("a.png"), _folder.Image("b.png")], _folder.File("out"));
        using var source = new CancellationTokenSource();
        var watcher = new Watcher([], step =>
        {
            if (step == 1)
                source.Cancel();
        });
        Assert.Throws<OperationCanceledException>(() => ImageRestoration.Run(network, pairs, progress: watcher, cancellation: source.Token));
        Assert.Equal([pairs[0].Output], Directory.GetFiles(_folder.File("out")));
    }

    private sealed class Watcher(List<long> steps, Action<long>? onStep = null) : IProgressSink
    {
        public void Report(in ProgressUpdate update)
        {
            steps.Add(update.Step);
            onStep?.Invoke(update.Step);
        }
    }
}
