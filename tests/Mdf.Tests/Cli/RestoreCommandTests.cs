using System.Text.Json;
using Mdf.Imaging;
using Mdf.Networks;
using static TorchSharp.torch;

namespace Mdf.Tests.Cli;

public sealed class RestoreCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void An_image_is_what_the_network_makes_of_it_whatever_the_tiles()
    {
        var (model, image) = (Model(), _folder.Image("a.png"));
        var answer = MdfProgram.Run("restore", model, image, "-o", _folder.File("x.png"));
        Assert.True(answer.ExitCode == 0, answer.Error);
        Assert.Matches(@"x\.png: 80×64, \d+\.\d s\n$", answer.Output);
        Assert.StartsWith("restoring: 1/1, ", answer.Error);
        Assert.Equal(0, MdfProgram.Run("restore", model, image, "-o", _folder.File("tiles.png"), "--tile", "9").ExitCode);

        using var scope = NewDisposeScope();
        using var trained = NetworkFile.Load(model);
        var expected = trained.Network.call(ImageFile.Read(image)).clamp(0, 1);
        var whole = ImageFile.Read(_folder.File("x.png"));
        Assert.InRange((whole - expected).abs().max().item<float>(), 0, 0.501 / 255);
        Assert.InRange((whole - ImageFile.Read(_folder.File("tiles.png"))).abs().max().item<float>(), 0, 1.001 / 255); // a rounding may tip over
    }

    [Fact]
    public void Files_and_folders_are_listed_in_one_object()
    {
        var (model, image) = (Model(), _folder.Image("b.tif"));
        Directory.CreateDirectory(_folder.File("in"));
        var inFolder = _folder.Image("in/a.webp", width: 30);
        var answer = MdfProgram.Run("restore", model, image, _folder.File("in"), "-o", _folder.File("out"), "--json");
        Assert.True(answer.ExitCode == 0, answer.Error);
        using var json = JsonDocument.Parse(answer.Output);
        Assert.Equal(["model", "task", "images"], json.RootElement.EnumerateObject().Select(entry => entry.Name));
        Assert.Equal((model, "sisr:2"), (json.RootElement.GetProperty("model").GetString(), json.RootElement.GetProperty("task").GetString()));
        var images = json.RootElement.GetProperty("images").EnumerateArray().ToArray();
        Assert.All(images, entry => Assert.Equal(["input", "output", "width", "height", "seconds"], entry.EnumerateObject().Select(value => value.Name)));
        Assert.Equal(
            [(image, Path.Combine(_folder.File("out"), "b.png"), 80, 64), (inFolder, Path.Combine(_folder.File("out"), "a.png"), 60, 64)],
            images.Select(entry => (entry.GetProperty("input").GetString()!, entry.GetProperty("output").GetString()!,
                entry.GetProperty("width").GetInt32(), entry.GetProperty("height").GetInt32())));
        Assert.Equal([1, 3, 64, 60], ImageFile.Read(Path.Combine(_folder.File("out"), "a.png")).shape);
    }

    [Fact]
    public void An_image_that_cannot_be_read_is_an_error_or_a_message()
    {
        var (model, text, image) = (Model(), _folder.File("a.png", "no image"u8), _folder.Image("b.png"));
        string[] line = ["restore", model, text, image, "-o", _folder.File("out")];
        var answer = MdfProgram.Run(line);
        Assert.Equal((2, ""), (answer.ExitCode, answer.Output));
        Assert.StartsWith($"mdf: cannot read '{text}': ", answer.Error);
        Assert.False(Directory.Exists(_folder.File("out")));

        answer = MdfProgram.Run([.. line, "--skip-unreadable"]);
        Assert.Equal(0, answer.ExitCode);
        Assert.StartsWith($"mdf: cannot read '{text}': ", answer.Error);
        Assert.Matches(@"b\.png: 80×64, \d+\.\d s\n$", answer.Output);
        Assert.Equal([Path.Combine(_folder.File("out"), "b.png")], Directory.GetFiles(_folder.File("out")));
    }

    [Fact]
    public void Weights_of_another_project_restore_as_the_same_network_in_a_file_of_ours()
    {
        var (own, foreign, image) = (Model(), _folder.File("theirs.pth"), _folder.Image("a.png"));
        Assert.Equal(0, MdfProgram.Run("convert", own, foreign).ExitCode);
        string[] line = ["restore", foreign, image, "-o", _folder.File("theirs.png"), "--json"];
        Assert.Contains("name the network that they belong to, such as --network edsr?factor=4", MdfProgram.Run(line).Error);
        var answer = MdfProgram.Run([.. line, "--network", "edsr?factor=2&blocks=1&features=4"]);
        Assert.True(answer.ExitCode == 0, answer.Error);
        using var json = JsonDocument.Parse(answer.Output);
        Assert.Equal("sisr:2", json.RootElement.GetProperty("task").GetString());
        Assert.Equal(0, MdfProgram.Run("restore", own, image, "-o", _folder.File("ours.png")).ExitCode);
        Assert.Equal(File.ReadAllBytes(_folder.File("ours.png")), File.ReadAllBytes(_folder.File("theirs.png")));

        answer = MdfProgram.Run("restore", own, image, "-o", _folder.File("x.png"), "--network", "edsr?factor=2");
        Assert.Equal(2, answer.ExitCode);
        Assert.Contains($"'{own}' says itself that it is edsr?blocks=1&factor=2&features=4&residual_scale=1: leave out --network", answer.Error);
    }

    [Fact]
    public void The_task_of_another_project_s_network_that_keeps_the_size_is_unknown()
    {
        Assert.Equal(0, MdfProgram.Run("convert", "denoise", _folder.File("denoise.pth")).ExitCode);
        var answer = MdfProgram.Run("restore", _folder.File("denoise.pth"), _folder.Image("a.png"), "-o", _folder.File("x.png"), "--json", "--network", "dncnn?batch_norm=false&features=32&layers=8");
        Assert.True(answer.ExitCode == 0, answer.Error);
        using var json = JsonDocument.Parse(answer.Output);
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("task").ValueKind);
    }

    /// <summary>Writes a small network for ×2.</summary>
    private string Model()
    {
        var architecture = NetworkArchitecture.Parse("edsr?blocks=1&features=4&factor=2");
        using var network = architecture.Build(seed: 1);
        var path = _folder.File("model.safetensors");
        NetworkFile.Save(path, network, new NetworkMetadata { Architecture = architecture, Task = "sisr:2" });
        return path;
    }
}
