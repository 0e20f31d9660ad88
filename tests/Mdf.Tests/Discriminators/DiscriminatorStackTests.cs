using Mdf.Discriminators;
using Mdf.Runtime;
using Mdf.Weights;
using TorchSharp;

namespace Mdf.Tests.Discriminators;

public sealed class DiscriminatorStackTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_stack_of_unknown_training_keeps_what_the_loss_needs()
    {
        var path = _folder.File("stack.safetensors");
        using (var stack = Stack())
            stack.Save(path);
        using var loaded = DiscriminatorStack.Load(path);
        Assert.Null(loaded.Metadata);
        Assert.Equal((InputRange.Symmetric, new LayerWeights(0, 0.5, 1)), (loaded.InputRange, loaded.LayerWeights));
        WeightConversion.Convert(path, _folder.File("stack.pt"));
        using var converted = DiscriminatorStack.Load(_folder.File("stack.pt"));
        Assert.Equal((InputRange.Symmetric, new LayerWeights(0, 0.5, 1)), (converted.InputRange, converted.LayerWeights));
    }

    [Fact]
    public void Names_and_values_of_the_file_are_cut_in_messages()
    {
        var path = _folder.File("stack.safetensors");
        var text = new string('x', 10_000) + "\u202e";
        var tensor = new StoredTensor(ElementType.UInt8, [0], default);
        SafetensorsFormat.Write(path, new Dictionary<string, StoredTensor> { [text] = tensor });
        AssertShort();
        SafetensorsFormat.Write(path, new Dictionary<string, StoredTensor> { ["0.a"] = tensor }, new Dictionary<string, string> { ["format"] = $"mdf-{text}" });
        AssertShort();
        SafetensorsFormat.Write(path, new Dictionary<string, StoredTensor> { ["0.a"] = tensor },
            new Dictionary<string, string> { ["format"] = StackMetadata.CurrentFormat, ["task"] = "t", ["input_range"] = text });
        AssertShort();

        void AssertShort() => Assert.InRange(Assert.Throws<InputException>(() => DiscriminatorStack.Load(path)).Message.Length, 1, 300 + path.Length);
    }

    [Theory]
    [InlineData("input_range", "1,-1", "its 'input_range' is not a range")]
    [InlineData("layer_weights", "0,0,0", "its 'layer_weights' are not three weights")]
    [InlineData("layer_weights", "1,1", "its 'layer_weights' are not three weights")]
    public void What_the_loss_cannot_use_is_refused(string key, string value, string expected)
    {
        var path = _folder.File("stack.safetensors");
        using (var stack = Stack())
            SafetensorsFormat.Write(path, ModuleWeights.Save(stack), new Dictionary<string, string> { [key] = value });
        Assert.Contains(expected, Assert.Throws<InputException>(() => DiscriminatorStack.Load(path)).Message);
    }

    [Theory]
    [InlineData("paper")]
    [InlineData("photograph")]
    [InlineData("mixtures")] // of a program that had more recipes
    public void What_a_stack_says_of_its_training_is_read_back(string recipe)
    {
        var said = new StackMetadata
        {
            Task = "sisr",
            InputRange = InputRange.Symmetric,
            LayerWeights = new LayerWeights(0, 0.5, 1),
            ScaleFactor = 0.8,
            Sizes = [new ImageSize(25, 31)],
            MaxSize = 31,
            Iterations = 3,
            ReconstructionWeight = 2.5,
            Recipe = recipe,
            CoarsestNoise = 0.25,
            Seed = -1,
            Threads = 2,
            SourceSha256 = "ab",
            ProgramVersion = "1",
        };
        var values = said.ToDictionary().ToDictionary();

        var read = StackMetadata.Read(values, "file")!;

        Assert.Equal(said with { Sizes = read.Sizes }, read);
        Assert.Equal(said.Sizes, read.Sizes);
        foreach (var (key, value) in new[] { ("layer_weights", "0,0,0"), ("coarsest_noise", "-1"), ("reconstruction_weight", "NaN") })
        {
            var changed = new Dictionary<string, string>(values) { [key] = value };
            Assert.Contains($"'{key}'", Assert.Throws<InputException>(() => StackMetadata.Read(changed, "file")).Message);
            changed.Remove(key);
            Assert.Contains($"its metadata lacks '{key}'", Assert.Throws<InputException>(() => StackMetadata.Read(changed, "file")).Message);
        }

        // Before recipes had names.
        values.Remove("recipe");
        values["chained"] = recipe == "paper" ? "true" : "false";
        Assert.Equal(recipe == "paper" ? "paper" : "photograph", StackMetadata.Read(values, "file")!.Recipe);
        values["chained"] = "perhaps";
        Assert.Contains("'chained'", Assert.Throws<InputException>(() => StackMetadata.Read(values, "file")).Message);
    }

    private static DiscriminatorStack Stack()
    {
        using var random = new torch.Generator(7);
        var discriminator = new Discriminator(4);
        discriminator.Initialize(random);
        return new DiscriminatorStack([discriminator], InputRange.Symmetric, layerWeights: new LayerWeights(0, 0.5, 1));
    }
}
