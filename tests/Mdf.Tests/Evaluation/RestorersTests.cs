using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Networks;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Evaluation;

/// <summary>What restores and is no network of ours.</summary>
public sealed class RestorersTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly TorchSharp.DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_folder_has_the_results_of_another_program_by_the_images_names()
    {
        var results = _folder.File("results");
        Directory.CreateDirectory(results);
        var expected = Write("results/boat_x2.png", 16, 12);
        Write("results/other.png", 5, 5); // of no image
        using var restorer = Restorers.Open($"folder:{results}", new RestorerSetup { Task = new Downscaling(2) });
        Assert.Equal(($"folder:{results}", 2), (restorer.Name, restorer.Factor));
        using var restored = Restore(restorer, "boat_HR", 8, 6);
        Assert.True(Golden.AreEqual(expected, restored));

        Assert.Equal(
            $"'{results}' has no result for the image 'ship': expected a file of that name, such as 'ship.png'",
            Assert.Throws<InputException>(() => Restore(restorer, "ship", 8, 6)).Message);
        Assert.EndsWith("boat_x2.png' is not a result for the image 'boat': expected 18×12 pixels, found 16×12", Assert.Throws<InputException>(() => Restore(restorer, "boat", 9, 6)).Message, StringComparison.Ordinal);

        // Without a task any whole factor will do.
        using var any = Restorers.Open($"folder:{results}", new RestorerSetup());
        Restore(any, "boat", 8, 6).Dispose();
        Restore(any, "boat", 16, 12).Dispose();
        Assert.Contains("or 2, 3 or 4 times as many", Assert.Throws<InputException>(() => Restore(any, "boat", 8, 12)).Message);
    }

    [Fact]
    public void A_program_restores_and_is_started_only_where_a_person_may_have_typed_it()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs the usual programs of Unix");
        var setup = new RestorerSetup { Task = Tasks.Parse("jpeg:10"), ProgramTimeLimit = TimeSpan.FromDays(1) };
        using var copy = Restorers.Open("external:cp {in} {out}", setup);
        var image = Pixels.Levels(rand(1, 3, 6, 8, generator: Draws), 8).to(float32).Div(255);
        Assert.InRange((copy.Restore(image, new RestorationRequest { Image = "a" }) - image).abs().max().item<float>(), 0, 1e-6f);

        var large = _folder.File("large.png");
        Write("large.png", 16, 12);
        using var enlarging = Restorers.Open($"external:sh -c \"cp '{large}' '{{out}}'\" {{in}}", setup);
        Assert.EndsWith("expected 8×6 pixels, found 16×12", Assert.Throws<InputException>(() => Restore(enlarging, "a", 8, 6)).Message, StringComparison.Ordinal);
        using var failing = Restorers.Open("external:sh -c \"exit 3\"", setup);
        Assert.Contains("ended with exit code 3", Assert.Throws<InputException>(() => Restore(failing, "a", 8, 6)).Message);
        Assert.Throws<OperationCanceledException>(() => failing.Restore(image, new RestorationRequest { Image = "a", CancellationToken = new CancellationToken(canceled: true) }));

        Assert.Contains("only a command that a person types can start a program", Assert.Throws<InputException>(() => Restorers.Open("external:cp", setup with { ProgramTimeLimit = null })).Message);
    }

    [Theory]
    [InlineData("bicubic", null, "needs a factor here: expected 2, 3 or 4 after a colon, such as 'bicubic:4'")]
    [InlineData("bicubic:5", null, "expected the factor 2, 3 or 4 after the colon")]
    [InlineData("bicubic:2", "sisr:4", "'bicubic:2' enlarges by 2, expected a restorer for sisr:4")]
    [InlineData("bicubic:2", "jpeg:10", "'bicubic:2' enlarges by 2, expected a restorer for jpeg:10")]
    [InlineData("identity:2", null, "takes nothing after ':'")]
    [InlineData("folder", null, "needs a folder of results after the colon")]
    [InlineData("folder:{}none", null, "there is no such folder")]
    [InlineData("external:", null, "'external' needs a command")]
    [InlineData("external:x {in}", null, "expected both {in} and {out}")]
    [InlineData("interpolate", null, "expected 'interpolate:T,A,B' with T from 0 (the network A) to 1 (the network B)")]
    [InlineData("interpolate:1.5,denoise,denoise", null, "found 'interpolate:1.5,denoise,denoise'")]
    [InlineData("interpolate:0.5,denoise", null, "found 'interpolate:0.5,denoise'")]
    [InlineData("interpolate:0.5,denoise,sisr", null, "expected two networks of one architecture")]
    [InlineData("interpolate:0.5,denoise,none", null, "there is neither a file nor a shipped network called 'none'")]
    [InlineData("interpolate:0.5,denoise,denoise", "jpeg:10", "'denoise' is a network for the task denoise:25, expected one for jpeg:10")]
    [InlineData("nothing", null, "there is neither a file nor a shipped network called 'nothing'")]
    public void A_name_that_cannot_be_used_is_refused(string name, string? task, string expected)
    {
        var setup = new RestorerSetup { Task = task is null ? null : Tasks.ParseForNetwork(task), ProgramTimeLimit = TimeSpan.FromDays(1) };
        Assert.Contains(expected, Assert.Throws<InputException>(() => Restorers.Open(_folder.Local(name), setup)).Message);
    }

    [Fact]
    public void A_network_between_two_is_the_first_at_0_and_the_second_at_1_and_has_the_mean_of_their_weights_in_the_middle()
    {
        using var loaded = NetworkFile.Load("denoise");
        var end = _folder.File("loss=l1,seed=2.safetensors");
        using (var noGradient = no_grad())
        {
            foreach (var parameter in loaded.Network.parameters())
                parameter.Add_(randn(parameter.shape, generator: Draws), 0.01);
        }

        NetworkFile.Save(end, loaded.Network, loaded.Metadata);
        using var first = (NetworkRestorer)Restorers.Open("denoise", new RestorerSetup());
        using var last = (NetworkRestorer)Restorers.Open(end, new RestorerSetup());

        foreach (var (t, tolerance) in new[] { ("0", 0.0), ("1", 1e-6), ("0.5", 1e-6), ("0.25", 1e-6) })
        {
            using var between = (NetworkRestorer)Restorers.Open($"interpolate:{t},denoise,{end}", new RestorerSetup());
            Assert.Equal($"interpolate:{t},denoise,{end}", between.Name);
            var share = double.Parse(t, System.Globalization.CultureInfo.InvariantCulture);
            foreach (var ((found, a), b) in between.Network.parameters().Zip(first.Network.parameters()).Zip(last.Network.parameters()))
                Assert.InRange((found - a.Mul(1 - share).Add(b, share)).abs().max().item<float>(), 0, tolerance);
        }
    }

    [Fact]
    public void Bicubic_takes_its_factor_from_the_task_or_from_its_name()
    {
        using var task = Restorers.Open("bicubic", new RestorerSetup { Task = new Downscaling(3) });
        using var named = Restorers.Open("bicubic:3", new RestorerSetup());
        Assert.Equal(("bicubic", "bicubic:3"), (task.Name, named.Name));
        using var picture = new Picture(rand(1, 3, 5, 4, generator: Draws), rand(1, 1, 5, 4, generator: Draws), IsGrey: false, 8);
        using var restored = ImageRestoration.Restore(named, picture, new RestorationRequest { Image = "a" });
        Assert.Equal([1, 3, 15, 12], restored.Color.shape);
        Assert.Equal([1, 1, 15, 12], restored.Alpha!.shape);
        Assert.True(Golden.AreEqual(task.Restore(picture.Color, new RestorationRequest { Image = "a" }).clamp(0, 1), restored.Color));
    }

    [Fact]
    public void A_restorer_that_returns_another_size_than_it_says_is_told_off()
    {
        using var wrong = new Wrong();
        Assert.Equal(
            "the restorer 'wrong' failed on the image 'a': expected 4×5 pixels, found 4×4",
            Assert.Throws<InputException>(() => Restorers.Restore(wrong, zeros(1, 3, 5, 4), new RestorationRequest { Image = "a" })).Message);
    }

    [Fact]
    public void A_network_that_looks_at_the_whole_image_is_never_given_tiles()
    {
        using var network = NetworksWithMargins.MakeWhole();
        using var noGradient = no_grad();
        var image = rand(1, 3, 800, 801, generator: Draws); // more than a tile has
        Assert.True(Golden.AreEqual(network.call(image), TiledRestoration.Run(network, image)));
        Assert.Contains("needs the whole image: it cannot be divided into tiles", Assert.Throws<ArgumentException>(() => TiledRestoration.Run(network, image, tile: 64)).Message);
        using var restorer = new NetworkRestorer("whole", network);
        Assert.True(Golden.AreEqual(network.call(image), restorer.Restore(image, new RestorationRequest { Image = "a" })));
    }

    private static Tensor Restore(IRestorer restorer, string image, int width, int height) =>
        Restorers.Restore(restorer, ones(1, 3, height, width).Mul(0.5), new RestorationRequest { Image = image });

    private Tensor Write(string name, int width, int height)
    {
        using var random = new Generator(4);
        ImageFile.Write(_folder.File(name), rand([1, 3, height, width], generator: random));
        return ImageFile.Read(_folder.File(name));
    }

    private sealed class Wrong : IRestorer
    {
        public string Name => "wrong";

        public int? Factor => 1;

        public Tensor Restore(Tensor distorted, RestorationRequest request) => zeros(1, 3, 4, 4);

        public void Dispose()
        {
        }
    }
}
