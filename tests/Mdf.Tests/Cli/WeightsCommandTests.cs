using System.Text.Json;
using Mdf.Losses;
using Mdf.Tests.Losses.Features;
using Mdf.Weights;

namespace Mdf.Tests.Cli;

/// <summary><c>mdf weights</c>, with a folder of its own.</summary>
[Collection(nameof(OneAtATime))] // sets MDF_WEIGHTS_HOME
public sealed class WeightsCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string? _before = Environment.GetEnvironmentVariable(PretrainedStore.Variable);

    public WeightsCommandTests() => Environment.SetEnvironmentVariable(PretrainedStore.Variable, Store);

    private string Store => _folder.File("store");

    public void Dispose()
    {
        Environment.SetEnvironmentVariable(PretrainedStore.Variable, _before);
        _folder.Dispose();
    }

    [Fact]
    public void Paths_are_in_the_folder_of_the_variable()
    {
        Assert.Equal(new Answer(0, $"{Store}\n", ""), MdfProgram.Run("weights", "path"));
        Assert.Equal($"{Path.Combine(Store, "vgg16-397923af.pth")}\n", MdfProgram.Run("weights", "path", "vgg16").Output);
        Assert.Equal(
            "mdf: there are no weights called 'vgg17'; known are vgg16, vgg19, alexnet, squeezenet1_1, lpips-alex, lpips-vgg, lpips-squeeze, dists, resnet18\n",
            MdfProgram.Run("weights", "path", "vgg17").Error);
    }

    [Fact]
    public void A_loss_without_its_weights_says_what_to_run()
    {
        var image = _folder.Image("a.png");
        Assert.Equal(
            new Answer(2, "", $"mdf: 'vgg16' needs the weights 'vgg16', which are not in '{Store}': download them, or add the file (mdf weights fetch vgg16, or mdf weights add FILE)\n"),
            MdfProgram.Run("score", image, image, "--loss", "vgg16"));
        Assert.Contains("(mdf weights fetch alexnet, or mdf weights add FILE)", MdfProgram.Run("score", image, image, "--loss", "0.1*lpips-alex?upstream=true").Error);
    }

    [Fact]
    public void Weights_that_are_added_serve_a_loss()
    {
        PyTorchFormat.Write(_folder.File("own.pth"), FormulaWeights.Stored(Trunks.SqueezeNet));
        var added = MdfProgram.Run("weights", "add", _folder.File("own.pth"));
        Assert.Equal((0, $"squeezenet1_1: {Path.Combine(Store, "squeezenet1_1.pth")}\n"), (added.ExitCode, added.Output));
        Assert.Equal("mdf: this is not the published file of 'squeezenet1_1', whose SHA-256 begins with b8a52dc0: results will differ from published ones\n", added.Error);
        Assert.Equal("squeezenet1_1: tensors and shapes are right, but it is not the published file\n", MdfProgram.Run("weights", "verify").Output);

        Assert.Equal(new Answer(0, $"lpips-squeeze: {Path.Combine(Store, "lpips-squeeze-4a5350f2.pth")}\n", ""),
            MdfProgram.Run("weights", "add", Shared.Path("reference", "upstream", "lpips_v0.1", "squeeze.pth")));
        Assert.Equal((0, "lpips-squeeze: the published file\n"), (MdfProgram.Run("weights", "verify", "lpips-squeeze") is var verified ? verified.ExitCode : 0, verified.Output));
        using (var loss = LossExpression.Parse("0.1*lpips-squeeze+l1").Create())
        {
            Assert.Equal(
                [new("squeezenet1_1", WeightsFile.Read(Path.Combine(Store, "squeezenet1_1.pth")).Sha256), new("lpips-squeeze", PretrainedFiles.Find("lpips-squeeze")!.Digits!)],
                loss.Files);
        }

        var (a, b) = (_folder.Image("a.png"), _folder.Image("b.png", seed: 6));
        Assert.Equal(0, MdfProgram.Run("score", a, b, "--loss", "lpips-squeeze").ExitCode);
        Assert.Equal(0, MdfProgram.Run("score", a, b, "--loss", "lpips-squeeze?upstream=true").ExitCode);
        Assert.Contains("expected upstream to be true or false, found 'yes'", MdfProgram.Run("score", a, b, "--loss", "lpips-squeeze?upstream=yes").Error);

        var path = Path.Combine(Store, "lpips-squeeze-4a5350f2.pth");
        File.WriteAllBytes(path, [.. File.ReadAllBytes(path)[..^1], 0x3f]);
        var changed = MdfProgram.Run("weights", "verify", "lpips-squeeze");
        Assert.Equal(1, changed.ExitCode);
        Assert.Contains("have changed: expected a SHA-256 that begins with 4a5350f2", changed.Output);
        Assert.Contains("have changed", MdfProgram.Run("score", a, b, "--loss", "lpips-squeeze").Error);
    }

    [Fact]
    public void The_list_says_what_is_there()
    {
        using var json = JsonDocument.Parse(MdfProgram.Run("weights", "list", "--json").Output);
        Assert.Equal(Store, json.RootElement.GetProperty("folder").GetString());
        var entries = json.RootElement.GetProperty("weights").EnumerateArray().ToList();
        Assert.Equal(PretrainedWeights.Names, entries.Select(entry => entry.GetProperty("name").GetString()));
        Assert.All(entries, entry => Assert.False(entry.GetProperty("isThere").GetBoolean()));
        Assert.Contains("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth", MdfProgram.Run("weights", "list").Output);
        Assert.Equal($"there are no weights in {Store}\n", MdfProgram.Run("weights", "verify").Output);
        Assert.Equal((1, "vgg16: missing\n"), (MdfProgram.Run("weights", "verify", "vgg16") is var verified ? verified.ExitCode : 0, verified.Output));
    }

    [Fact]
    public void Files_that_are_no_weights_are_refused_in_one_line()
    {
        File.WriteAllText(_folder.File("page.pth"), "<!DOCTYPE html><title>Log in</title>");
        Assert.Contains("found text; if you downloaded it, it is probably an error page; download it again", MdfProgram.Run("weights", "add", _folder.File("page.pth")).Error);
        PyTorchFormat.Write(_folder.File("other.pth"), new Dictionary<string, StoredTensor> { ["w"] = new(ElementType.Float32, [1], new byte[4]) });
        Assert.Contains("does not have the weights of any of vgg16, vgg19", MdfProgram.Run("weights", "add", _folder.File("other.pth")).Error);
        File.WriteAllText(_folder.File("a.nupkg"), "not a zip file");
        Assert.Contains("expected a NuGet package, which is a zip file", MdfProgram.Run("weights", "add", _folder.File("a.nupkg")).Error);
        File.WriteAllText(_folder.File("a.onnx"), "<html>");
        Assert.Contains("cannot read ", MdfProgram.Run("weights", "add", _folder.File("a.onnx")).Error);
        Assert.Equal(2, MdfProgram.Run("weights", "fetch", "resnet18").ExitCode);
        Assert.Contains("cannot be downloaded: they are the NuGet package", MdfProgram.Run("weights", "fetch", "resnet18").Error);
        Assert.False(Directory.Exists(Store) && Directory.GetFiles(Store).Length > 0);
    }
}
