using System.Text.Json;
using Mdf.Imaging;
using Mdf.Losses;
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
    public void The_authors_checkpoint_becomes_a_stack_with_the_same_loss()
    {
        var (original, converted) = (Shared.Path("reference", "upstream", "Ds_SISR.pth"), _folder.File("sisr.safetensors"));
        Assert.Equal(0, MdfProgram.Run("convert", original, converted).ExitCode);
        var (clean, image) = (_folder.Image("clean.png"), _folder.Image("image.png", seed: 6));
        var answer = MdfProgram.Run("score", clean, image, "--loss", $"mdf:{original}", $"mdf:{converted}", "--json");
        Assert.True(answer.ExitCode == 0, answer.Error);
        using var json = JsonDocument.Parse(answer.Output);
        var scores = json.RootElement.GetProperty("scores")[0];
        Assert.True(scores.GetProperty($"mdf:{original}").GetSingle() > 0);
        Assert.Equal(scores.GetProperty($"mdf:{original}").GetSingle(), scores.GetProperty($"mdf:{converted}").GetSingle());
    }
}
