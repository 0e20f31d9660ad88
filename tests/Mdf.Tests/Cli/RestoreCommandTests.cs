using System.Text.Json;
using Mdf.Imaging;
using Mdf.Networks;
using Mdf.Runtime;
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
        var expected = trained.Network.call(ImageFile.Read(image)).Clamp(0, 1);
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
        Assert.Equal(["model", "task", "images", "existing"], json.RootElement.EnumerateObject().Select(entry => entry.Name));
        Assert.Equal((model, "sisr:2"), (json.RootElement.GetProperty("model").GetString(), json.RootElement.GetProperty("task").GetString()));
        var images = json.RootElement.GetProperty("images").EnumerateArray().ToArray();
        Assert.All(images, entry => Assert.Equal(["input", "output", "width", "height", "seconds", "jpegQuality", "noise", "unkept"], entry.EnumerateObject().Select(value => value.Name)));
        Assert.Equal(
            [(image, Path.Combine(_folder.File("out"), "b.png"), 80, 64), (inFolder, Path.Combine(_folder.File("out"), "a.png"), 60, 64)],
            images.Select(entry => (entry.GetProperty("input").GetString()!, entry.GetProperty("output").GetString()!,
                entry.GetProperty("width").GetInt32(), entry.GetProperty("height").GetInt32())));
        Assert.Equal([1, 3, 64, 60], ImageFile.Read(Path.Combine(_folder.File("out"), "a.png")).shape);
    }

    [Fact]
    public void Existing_results_end_it_before_any_work_unless_they_are_replaced_or_kept()
    {
        var (model, image) = (Model(), _folder.Image("a.png"));
        var (other, result) = (_folder.Image("b.png", seed: 6), Path.Combine(_folder.File("out"), "a.png"));
        Directory.CreateDirectory(_folder.File("out"));
        _folder.File("out/a.png", "before"u8);
        string[] line = ["restore", model, image, other, "-o", _folder.File("out")];
        var answer = MdfProgram.Run(line);
        Assert.Equal((2, ""), (answer.ExitCode, answer.Output));
        Assert.StartsWith($"mdf: 1 of 2 results exist already, such as '{result}': replace them, keep them, or write into another folder (--overwrite replaces them, --skip-existing keeps them)", answer.Error);
        Assert.Equal([result], Directory.GetFiles(_folder.File("out")));

        answer = MdfProgram.Run([.. line, "--overwrite", "--skip-existing"]);
        Assert.Equal((2, "mdf: --overwrite cannot be used with --skip-existing: leave one of them out\n"), (answer.ExitCode, answer.Error));

        answer = MdfProgram.Run([.. line, "--skip-existing", "--json"]);
        Assert.Equal(0, answer.ExitCode);
        Assert.StartsWith($"mdf: results that exist and are kept: 1, such as '{result}'\n", answer.Error);
        Assert.Equal("before", File.ReadAllText(result));
        using var json = JsonDocument.Parse(answer.Output);
        Assert.Equal(result, json.RootElement.GetProperty("existing")[0].GetString());
        Assert.Equal(1, json.RootElement.GetProperty("images").GetArrayLength());

        answer = MdfProgram.Run([.. line, "--skip-existing"]);
        Assert.Equal((0, ""), (answer.ExitCode, answer.Output));
        Assert.EndsWith("; nothing is left to restore\n", answer.Error);

        Assert.Equal(0, MdfProgram.Run([.. line, "--overwrite"]).ExitCode);
        Assert.Equal([1, 3, 64, 80], ImageFile.Read(result).shape);
    }

    [Fact]
    public void Format_and_quality_are_those_that_were_asked_for()
    {
        var (model, image) = (Model(), _folder.Image("a.png"));
        long Size(params string[] more)
        {
            var answer = MdfProgram.Run(["restore", model, image, "-o", _folder.File("out"), "--overwrite", "--suffix", "_x", .. more]);
            Assert.True(answer.ExitCode == 0, answer.Error);
            return new FileInfo(answer.Output.Split(": ")[0]).Length;
        }

        Assert.True(Size("--format", "jpg", "--quality", "20") < Size("--format", "jpg"));
        Assert.True(Size("--format", "webp", "--quality", "20") < Size("--format", "webp"));
        Assert.Equal(["a_x.jpg", "a_x.webp"], Directory.GetFiles(_folder.File("out")).Select(Path.GetFileName).Order());
        var refused = MdfProgram.Run("restore", model, image, "-o", _folder.File("new"), "--quality", "20");
        Assert.Equal(2, refused.ExitCode);
        Assert.False(Directory.Exists(_folder.File("new")));
    }

    [Fact]
    public void A_picture_that_the_network_was_not_trained_for_is_named_and_one_that_fits_is_not()
    {
        var model = Model("dncnn?layers=2&features=4&batch_norm=false", "jpeg:10-95");
        using var scope = NewDisposeScope();
        foreach (var quality in new[] { 3, 50, 98 })
            ImageFile.Write(_folder.File($"{quality}.jpg"), ImageFile.Read(_folder.Image("a.png")), new ImageWriteOptions { Quality = quality });
        var answer = MdfProgram.Run(
            "restore", model, _folder.File("3.jpg"), _folder.File("50.jpg"), _folder.File("98.jpg"), _folder.File("a.png"), "-o", _folder.File("out"), "--json");
        Assert.True(answer.ExitCode == 0, answer.Error);
        using var json = JsonDocument.Parse(answer.Output);
        Assert.Equal("3 50 98 ", string.Join(' ', json.RootElement.GetProperty("images").EnumerateArray().Select(image => image.GetProperty("jpegQuality").ToString())));
        Assert.Equal(
            [
                $"mdf: '{_folder.File("98.jpg")}' is a JPEG of quality 98, and the network was trained for quality 10 to 95: it smooths detail that is not damaged",
                $"mdf: '{_folder.File("3.jpg")}' is a JPEG of quality 3, and the network was trained for quality 10 to 95: it leaves artefacts",
            ],
            answer.Error.Split('\n').Where(line => line.StartsWith("mdf: ", StringComparison.Ordinal)));

        model = Model("dncnn?layers=2&features=4&batch_norm=false", "denoise:25");
        ImageFile.Write(_folder.File("clean.png"), zeros(1, 3, 32, 32).Add(0.5));
        answer = MdfProgram.Run("restore", model, _folder.File("clean.png"), "-o", _folder.File("x.png"));
        Assert.Contains($"mdf: '{_folder.File("clean.png")}' is a picture with noise of about σ 0.0, and the network was trained for σ 25: it smooths detail\n", answer.Error);
    }

    [Fact]
    public void What_a_result_does_not_hold_of_the_inputs_metadata_is_said_once()
    {
        using var pixels = NetVips.Image.Black(40, 32, bands: 3).Copy(interpretation: NetVips.Enums.Interpretation.Srgb, xres: 10, yres: 10);
        foreach (var name in new[] { "a.jpg", "b.jpg" })
            _folder.File(name, pixels.JpegsaveBuffer()); // libvips writes the resolution as EXIF
        var answer = MdfProgram.Run("restore", Model(), _folder.File("a.jpg"), _folder.File("b.jpg"), "-o", _folder.File("out"), "--format", "tiff");
        Assert.True(answer.ExitCode == 0, answer.Error);
        Assert.Contains(
            $"mdf: '{Path.Combine(_folder.File("out"), "a.tiff")}' and 1 more: written without the input's EXIF, since mdf writes no EXIF to TIFF; write .jpg, .png or .webp to keep it\n",
            answer.Error);
        answer = MdfProgram.Run("restore", Model(), _folder.File("a.jpg"), "-o", _folder.File("x.png"));
        Assert.DoesNotContain("mdf: ", answer.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Every_command_passes_over_a_macs_files_and_names_the_folders_that_it_does_not_search()
    {
        foreach (var folder in new[] { "in", "in/deep", "in/__MACOSX", "other" })
            Directory.CreateDirectory(_folder.File(folder));
        foreach (var folder in new[] { "in", "other" })
        {
            _folder.Image($"{folder}/a.png");
            _folder.File($"{folder}/._a.png", "\0\x5\x16\a no image"u8);
        }

        var (input, other) = (_folder.File("in"), _folder.File("other"));
        _folder.File("exp.yaml", System.Text.Encoding.UTF8.GetBytes($$"""
            task: jpeg:10
            network: {name: dncnn, layers: 2, features: 4, batch_norm: false}
            loss: l1
            data: {train: {{input}}, validation: {{other}}, patch: 16}
            schedule: {iterations: 1, batch: 1}
            """));
        foreach (var line in new string[][]
        {
            ["score", input, other, "--loss", "l1"],
            ["evaluate", "identity", "--task", "jpeg:10", "--data", input],
            ["restore", Model(), input, "-o", _folder.File("out")],
            ["loss", "train", input, "--task", "jpeg:10", "--scales", "2", "--iterations", "1", "-o", _folder.File("s.safetensors")],
            ["loss", "inspect", _folder.Stack(), "--picture", input],
            ["train", _folder.File("exp.yaml"), "--output", _folder.File("run")],
        })
        {
            var answer = MdfProgram.Run(line);
            Assert.True(answer.ExitCode == 0, $"{string.Join(' ', line)}: {answer.Error}");
            Assert.Single(answer.Error.Split('\n'), text => text == $"mdf: folders in a folder are not searched: '{_folder.File("in/deep")}'");
        }
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
        Assert.Contains("name the network that they belong to, such as edsr?factor=4 (--network NETWORK)", MdfProgram.Run(line).Error);
        var answer = MdfProgram.Run([.. line, "--network", "edsr?factor=2&blocks=1&features=4"]);
        Assert.True(answer.ExitCode == 0, answer.Error);
        using var json = JsonDocument.Parse(answer.Output);
        Assert.Equal("sisr:2", json.RootElement.GetProperty("task").GetString());
        Assert.Equal(0, MdfProgram.Run("restore", own, image, "-o", _folder.File("ours.png")).ExitCode);
        Assert.Equal(File.ReadAllBytes(_folder.File("ours.png")), File.ReadAllBytes(_folder.File("theirs.png")));

        answer = MdfProgram.Run("restore", own, image, "-o", _folder.File("x.png"), "--network", "edsr?factor=2");
        Assert.Equal(2, answer.ExitCode);
        Assert.Contains($"'{own}' already contains its architecture, edsr?blocks=1&factor=2&features=4&residual_scale=1: leave out --network", answer.Error);
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

    /// <summary>Writes a small network, for ×2 by default.</summary>
    private string Model(string name = "edsr?blocks=1&features=4&factor=2", string task = "sisr:2")
    {
        var architecture = Architectures.Parse(name);
        using var network = architecture.Build(seed: 1);
        var path = _folder.File("model.safetensors");
        NetworkFile.Save(path, network, new NetworkMetadata { Architecture = architecture, Task = task });
        return path;
    }
}
