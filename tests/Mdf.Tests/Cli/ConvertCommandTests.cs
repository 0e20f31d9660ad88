using System.Text.Json;
using Mdf.Discriminators;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Networks;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Tests.Cli;

public sealed class ConvertCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_stack_is_the_same_loss_as_a_pytorch_file_and_back_again()
    {
        var stack = _folder.Stack();
        var (checkpoint, back) = (_folder.File("stack.pt"), _folder.File("back.safetensors"));
        var there = MdfProgram.Run("convert", stack, checkpoint);
        Assert.Equal((0, ""), (there.ExitCode, there.Error));
        // Two scales of 5 convolutions (weight, bias) and 4 normalisations (weight, bias, mean, variance, count).
        // Two scales of 30 tensors, the input range and the layers' weights.
        Assert.Equal($"{checkpoint}: 62 tensors\n", there.Output);
        Assert.Equal(0, MdfProgram.Run("convert", checkpoint, back).ExitCode);

        var (clean, image) = (_folder.Image("clean.png"), _folder.Image("image.png", seed: 6));
        using var scope = NewDisposeScope();
        var values = new[] { stack, checkpoint, back }.Select(path =>
        {
            using var loss = LossExpression.Parse($"mdf:{path}").Create();
            return loss.call(ImageFile.Read(image), ImageFile.Read(clean)).item<float>();
        }).ToArray();
        Assert.NotEqual(0, values[0]);
        Assert.All(values, value => Assert.Equal(values[0], value));
    }

    [Fact]
    public void The_answer_in_json_is_one_object()
    {
        var (stack, checkpoint) = (_folder.Stack(), _folder.File("stack.pth"));
        using var json = JsonDocument.Parse(MdfProgram.Run("convert", stack, checkpoint, "--json").Output);
        var result = json.RootElement;
        Assert.Equal(["input", "output", "tensors"], result.EnumerateObject().Select(entry => entry.Name));
        Assert.Equal((stack, checkpoint, 62),
            (result.GetProperty("input").GetString(), result.GetProperty("output").GetString(), result.GetProperty("tensors").GetInt32()));
    }

    [Fact]
    public void What_comes_with_the_program_is_converted_by_its_name()
    {
        var (network, stack) = (_folder.File("network.pt"), _folder.File("stack.pt"));
        Assert.Equal((0, ""), (MdfProgram.Run("convert", "jpeg", network).ExitCode, MdfProgram.Run("convert", "mdf:jpeg", stack).Error));
        using var expected = NetworkFile.Load("jpeg");
        using var found = NetworkFile.Load(network, expected.Network.Architecture);
        Assert.All(expected.Network.state_dict(), entry => Assert.True(Golden.AreEqual(entry.Value, found.Network.state_dict()[entry.Key]), entry.Key));
        using var shipped = DiscriminatorStack.Load("jpeg");
        using var converted = DiscriminatorStack.Load(stack);
        Assert.Equal((shipped.InputRange, shipped.LayerWeights), (converted.InputRange, converted.LayerWeights));
        Assert.All(shipped.state_dict(), entry => Assert.True(Golden.AreEqual(entry.Value, converted.state_dict()[entry.Key]), entry.Key));

        var unknown = MdfProgram.Run("convert", "mdf:deblur", _folder.File("other.pt"));
        Assert.Equal(2, unknown.ExitCode);
        Assert.Contains("there is neither a file nor a shipped stack called 'deblur'", unknown.Error);
    }

    [Fact]
    public void Weights_of_another_project_become_a_network_file()
    {
        var (foreign, own) = (_folder.File("net_g.pth"), _folder.File("edsr.safetensors"));
        var architecture = Architectures.Parse("edsr?blocks=1&factor=2&features=4");
        using var network = architecture.Build(seed: 1);
        PyTorchFormat.Write(foreign, ModuleWeights.Save(network)
            .ToDictionary(entry => $"params.{entry.Key}", entry => entry.Value)
            .Append(KeyValuePair.Create("params.step_counter", new StoredTensor(ElementType.Int64, [], BitConverter.GetBytes(5L))))
            .ToDictionary());
        var answer = MdfProgram.Run("convert", foreign, own, "--network", "edsr?features=4&blocks=1&factor=2");
        Assert.Equal(
            (0, $"{own}: {network.state_dict().Count} tensors\n", $"mdf: '{foreign}': passed over 'step_counter', which the network does not have\n"),
            (answer.ExitCode, answer.Output, answer.Error));
        using var loaded = NetworkFile.Load(own);
        Assert.Equal(("sisr:2", architecture.ToString()), (loaded.Metadata.Task, loaded.Metadata.Architecture.ToString()));
        Assert.All(network.state_dict(), entry => Assert.True(Golden.AreEqual(entry.Value, loaded.Network.state_dict()[entry.Key]), entry.Key));
    }

    [Fact]
    public void The_task_of_a_network_that_keeps_the_size_must_be_given_and_fit()
    {
        var (foreign, own) = (_folder.File("dncnn.pth"), _folder.File("dncnn.safetensors"));
        using (var network = Architectures.Parse("dncnn?features=4&layers=3").Build(seed: 1))
            PyTorchFormat.Write(foreign, ModuleWeights.Save(network));
        string[] line = ["convert", foreign, own, "--network", "dncnn?features=4&layers=3"];
        AssertRefused(line, "expected a task for the network 'dncnn', since its weights do not record one: name it, such as denoise:25 (--task TASK)");
        AssertRefused([.. line, "--task", "sisr:4"], "expected a task that enlarges as the network does, found sisr:4");
        AssertRefused(["convert", foreign, own, "--network", "dncnn?features=8&layers=3", "--task", "denoise:25"], "of another shape or type: 'model.0.weight'");
        AssertRefused(["convert", foreign, own, "--network", "dncn"], "did you mean 'dncnn'?");
        AssertRefused(["convert", foreign, own, "--task", "denoise:25"], "--task is the task of the network of --network");
        AssertRefused(["convert", foreign, _folder.File("new.pt"), "--network", "dncnn?features=4&layers=3", "--task", "denoise:25"], "expected a network file's name to end in .safetensors");
        AssertRefused(["convert", "jpeg", own, "--network", "dncnn"], "'jpeg' is a network file of this program already (dncnn?batch_norm=false&features=48&layers=12)");
        Assert.False(File.Exists(own));

        Assert.Equal(0, MdfProgram.Run([.. line, "--task", "denoise:25"]).ExitCode);
        using var loaded = NetworkFile.Load(own);
        Assert.Equal("denoise:25", loaded.Metadata.Task);

        void AssertRefused(string[] args, string expected)
        {
            var answer = MdfProgram.Run(args);
            Assert.Equal((2, ""), (answer.ExitCode, answer.Output));
            Assert.Contains(expected, answer.Error);
        }
    }

    [Fact]
    public void The_authors_checkpoint_becomes_a_stack_with_the_same_loss()
    {
        var (original, converted) = (Shared.Path("reference", "upstream", "Ds_SISR.pth"), _folder.File("sisr.safetensors"));
        Assert.Equal(0, MdfProgram.Run("convert", original, converted).ExitCode);
        var (clean, image) = (_folder.Image("clean.png"), _folder.Image("image.png", seed: 6));
        var answer = MdfProgram.Run("score", clean, image, "--loss", $"mdf:{original}", "--loss", $"mdf:{converted}", "--json");
        Assert.True(answer.ExitCode == 0, answer.Error);
        using var json = JsonDocument.Parse(answer.Output);
        var scores = json.RootElement.GetProperty("scores")[0];
        Assert.True(scores.GetProperty($"loss:mdf:{original}").GetSingle() > 0);
        Assert.Equal(scores.GetProperty($"loss:mdf:{original}").GetSingle(), scores.GetProperty($"loss:mdf:{converted}").GetSingle());
    }
}
