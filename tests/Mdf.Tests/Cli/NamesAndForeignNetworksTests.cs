using System.Text.Json;
using Mdf.Networks;
using Mdf.Weights;

namespace Mdf.Tests.Cli;

/// <summary>Commands that take shipped weights by their names, and other projects' weights with <c>--network</c>.</summary>
public sealed class NamesAndForeignNetworksTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public NamesAndForeignNetworksTests()
    {
        Directory.CreateDirectory(_folder.File("images"));
        _folder.Image("images/a.png");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Another_project_s_network_is_evaluated_beside_ours_and_scores_the_same()
    {
        Assert.Equal(0, Run("convert denoise {}theirs.pth").ExitCode);
        var answer = Run("evaluate identity denoise {}theirs.pth --task denoise:25 --data {}images --json --network dncnn?batch_norm=false&layers=8&features=32");
        Assert.True(answer.ExitCode == 0, answer.Error);
        using var json = JsonDocument.Parse(answer.Output);
        var scores = json.RootElement.GetProperty("means").EnumerateArray()
            .Select(row => row.EnumerateObject().First(entry => entry.Value.ValueKind == JsonValueKind.Number).Value.GetDouble()).ToArray();
        Assert.Equal(3, scores.Length);
        Assert.Equal(scores[1], scores[2]);
        Assert.NotEqual(scores[0], scores[1]);
    }

    [Theory]
    [InlineData("evaluate denoise --task denoise:25 --data {}images --network dncnn", "expected another project's weights for --network, found none among the models: leave it out")]
    [InlineData("evaluate {}small.pth --task denoise:25 --data {}images", "name the network that they belong to, such as edsr?factor=4 (--network NETWORK)")]
    [InlineData("evaluate {}small.pth --task denoise:25 --data {}images --network dncnn?features=8&layers=3", "of another shape or type: 'model.0.weight'")]
    [InlineData("evaluate {}small.pth --task sisr:2 --data {}images --network dncnn?features=4&layers=3", "is a network that keeps the size, expected one for sisr:2")]
    [InlineData("evaluate {}small.pth --task denoise:25 --data {}images --network edsr?factor=5", "expected the factor 2, 3 or 4, found 5")]
    [InlineData("restore {}small.pth {}images/a.png -o {}x.png --network nope", "unknown network 'nope'")]
    public void A_network_that_does_not_fit_is_refused(string line, string expected)
    {
        using (var network = Architectures.Parse("dncnn?features=4&layers=3").Build(seed: 1))
            PyTorchFormat.Write(_folder.File("small.pth"), ModuleWeights.Save(network));
        var answer = Run(line);
        Assert.Equal((2, ""), (answer.ExitCode, answer.Output));
        Assert.Contains(expected, answer.Error);
        Assert.Equal(1, answer.Error.Count(c => c == '\n'));
    }

    [Fact]
    public void A_scalar_that_the_network_does_not_know_is_passed_over_with_a_line_on_standard_error()
    {
        using (var network = Architectures.Parse("dncnn?features=4&layers=3").Build(seed: 1))
        {
            var tensors = ModuleWeights.Save(network);
            tensors.Add("step_counter", new StoredTensor(ElementType.Int64, [1], BitConverter.GetBytes(5L)));
            PyTorchFormat.Write(_folder.File("small.pth"), tensors);
        }

        var line = _folder.Local("mdf: '{}small.pth': passed over 'step_counter', which the network does not have\n");
        var restored = Run("restore {}small.pth {}images/a.png -o {}x.png --network dncnn?features=4&layers=3");
        Assert.Equal(0, restored.ExitCode);
        Assert.StartsWith(line, restored.Error);
        var evaluated = Run("evaluate {}small.pth --task denoise:25 --data {}images --network dncnn?features=4&layers=3");
        Assert.Equal(0, evaluated.ExitCode);
        Assert.StartsWith(line, evaluated.Error);
    }

    [Fact]
    public void A_stack_that_comes_with_the_program_is_inspected_under_the_name_that_a_loss_has()
    {
        var answer = Run("loss inspect mdf:jpeg --picture {}images/a.png --json");
        Assert.True(answer.ExitCode == 0, answer.Error);
        Assert.Equal(Run("loss inspect jpeg --picture {}images/a.png --json").Output, answer.Output);
        Assert.Equal(0, Run("loss inspect mdf:jpeg?num_scales=1 --picture {}images/a.png").ExitCode);
        Assert.Contains("there is neither a file nor a shipped stack called 'deblur'", Run("loss inspect mdf:deblur").Error);
    }

    [Fact]
    public void A_training_begins_with_a_network_that_comes_with_the_program()
    {
        File.WriteAllText(_folder.File("small.yaml"), _folder.Local(
            """
            task: jpeg:10
            network: { name: dncnn, layers: 8, features: 32, batch_norm: false }
            loss: l1
            init: jpeg-10
            data: { train: {}images, validation: {}images, patch: 16 }
            schedule: { iterations: 1, batch: 1, learning_rate: 1e-9 }
            """));
        var answer = Run("train {}small.yaml -o {}run");
        Assert.True(answer.ExitCode == 0, answer.Error);
        using var shipped = NetworkFile.Load("jpeg-10");
        using var trained = NetworkFile.Load(_folder.File("run/last.safetensors"));
        using var scope = TorchSharp.torch.NewDisposeScope();
        Assert.All(shipped.Network.state_dict(), entry =>
            Assert.InRange((entry.Value - trained.Network.state_dict()[entry.Key]).abs().max().item<float>(), 0, 1e-6f));
    }

    private Answer Run(string line) => MdfProgram.Run([.. line.Split(' ').Select(_folder.Local)]);
}
