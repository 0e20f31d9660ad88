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
    public void A_stack_of_unknown_training_keeps_its_input_range()
    {
        var path = _folder.File("stack.safetensors");
        using (var stack = Stack())
            stack.Save(path);
        using var loaded = DiscriminatorStack.Load(path);
        Assert.Null(loaded.Metadata);
        Assert.Equal(InputRange.Symmetric, loaded.InputRange);
    }

    [Fact]
    public void An_input_range_that_is_none_is_refused()
    {
        var path = _folder.File("stack.safetensors");
        using (var stack = Stack())
            SafetensorsFormat.Write(path, ModuleWeights.Save(stack), new Dictionary<string, string> { ["input_range"] = "1,-1" });
        var error = Assert.Throws<InputException>(() => DiscriminatorStack.Load(path));
        Assert.Contains("the metadata 'input_range' is not a range", error.Message);
    }

    private static DiscriminatorStack Stack()
    {
        using var random = new torch.Generator(7);
        var discriminator = new Discriminator(4);
        discriminator.Initialize(random);
        return new DiscriminatorStack([discriminator], InputRange.Symmetric);
    }
}
