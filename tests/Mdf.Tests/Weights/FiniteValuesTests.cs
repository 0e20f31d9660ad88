using System.Runtime.InteropServices;
using Mdf.Discriminators;
using Mdf.Losses;
using Mdf.Networks;
using Mdf.Runtime;
using Mdf.Training;
using Mdf.Weights;

namespace Mdf.Tests.Weights;

/// <summary>NaN and infinity are refused when a file is read, whatever it holds and whoever wrote it.</summary>
public sealed class FiniteValuesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>The bits of NaN and both infinities, by IEEE 754; a bfloat16 is the upper half of a float.</summary>
    public static TheoryData<string, ulong, string> Numbers => new()
    {
        { nameof(ElementType.Float16), 0x7E00, "NaN" },
        { nameof(ElementType.Float16), 0x7C00, "Infinity" },
        { nameof(ElementType.Float16), 0xFC00, "-Infinity" },
        { nameof(ElementType.BFloat16), 0x7FC0, "NaN" },
        { nameof(ElementType.BFloat16), 0x7F80, "Infinity" },
        { nameof(ElementType.BFloat16), 0xFF80, "-Infinity" },
        { nameof(ElementType.Float32), 0xFFC0_0001, "NaN" },
        { nameof(ElementType.Float32), 0x7F80_0000, "Infinity" },
        { nameof(ElementType.Float32), 0xFF80_0000, "-Infinity" },
        { nameof(ElementType.Float64), 0x7FF0_0000_0000_0001, "NaN" },
        { nameof(ElementType.Float64), 0x7FF0_0000_0000_0000, "Infinity" },
        { nameof(ElementType.Float64), 0xFFF0_0000_0000_0000, "-Infinity" },
    };

    // 77 is more than any vector holds, and no multiple.
    [Theory]
    [MemberData(nameof(Numbers))]
    public void Every_floating_point_type_is_looked_at_in_every_place(string typeName, ulong bits, string text)
    {
        var type = Enum.Parse<ElementType>(typeName);
        const int count = 77;
        var path = _folder.File("a.safetensors");
        foreach (var index in new[] { 0, 31, 63, 64, count - 1 })
        {
            var bytes = Checkpoints.Content(count * type.Size(), seed: 1);
            BitConverter.GetBytes(bits).AsSpan(0, type.Size()).CopyTo(bytes.AsSpan(index * type.Size()));
            SafetensorsFormat.Write(path, new Dictionary<string, StoredTensor> { ["good"] = new(type, [0], default), ["a.b"] = new(type, [7, 11], bytes) });
            AssertRefused(path, $"expected finite numbers in the tensor 'a.b', found {text} (element {index} of 77); the file is corrupt, or the training that wrote it diverged; use another file");
        }
    }

    [Theory]
    [InlineData(nameof(ElementType.Float16), 0x7BFF)]
    [InlineData(nameof(ElementType.BFloat16), 0x7F7F)]
    [InlineData(nameof(ElementType.Float32), 0x7F7F_FFFF)]
    [InlineData(nameof(ElementType.Float64), 0x7FEF_FFFF_FFFF_FFFF)]
    [InlineData(nameof(ElementType.Int32), -1)]
    [InlineData(nameof(ElementType.Int64), -1)]
    public void The_largest_numbers_are_finite_and_whole_numbers_always_are(string typeName, long bits)
    {
        var type = Enum.Parse<ElementType>(typeName);
        var bytes = Enumerable.Range(0, 40).SelectMany(_ => BitConverter.GetBytes(bits)[..type.Size()]).ToArray();
        SafetensorsFormat.Write(_folder.File("a.safetensors"), new Dictionary<string, StoredTensor> { ["a"] = new(type, [40], bytes) });
        using var file = TensorFile.Open(_folder.File("a.safetensors"));
        Assert.Equal(40, file.Tensors["a"].Count);
    }

    [Fact]
    public void Files_of_PyTorch_in_either_format_are_refused()
    {
        var bytes = MemoryMarshal.AsBytes<float>([1, float.NaN]).ToArray();
        AssertRefused(_folder.File("zip.pt", Checkpoints.Zip(Weight())), "the tensor 'conv.weight', found NaN (element 1 of 2)");
        AssertRefused(_folder.File("older.pth", Checkpoints.Legacy(Weight())), "the tensor 'conv.weight', found NaN (element 1 of 2)");

        PickleBuilder Weight()
        {
            var pickle = new PickleBuilder();
            return pickle.OrderedDictionary(("conv.weight", () => pickle.Tensor(ElementType.Float32, [2], bytes)));
        }
    }

    [Fact]
    public void Arrays_of_NumPy_are_refused()
    {
        var path = _folder.File("a.npz", NumpyFiles.Zip([("mean.npy", NumpyFiles.Array("<f4", "(2,)", MemoryMarshal.AsBytes<float>([0, float.PositiveInfinity]).ToArray()))]));
        var error = Assert.Throws<InputException>(() => NumpyArchive.Read(path));
        Assert.Contains($"'{path}': expected finite numbers in the tensor 'mean', found Infinity (element 1 of 2)", error.Message);
    }

    [Fact]
    public void Networks_weights_to_begin_with_and_stacks_are_refused()
    {
        using var network = Architectures.Parse("arcnn?features=4").Build(1);
        var path = _folder.File("network.safetensors");
        Write(path, ModuleWeights.Save(network), "feature_extraction.bias", new NetworkMetadata { Architecture = network.Architecture, Task = "jpeg:10" }.ToDictionary());
        AssertRefused(() => NetworkFile.Load(path), path, "'feature_extraction.bias'");
        AssertRefused(() => NetworkFile.LoadWeights(path, network), path, "'feature_extraction.bias'");

        using var stack = DiscriminatorStack.Untrained(1, seed: 1);
        Write(path, ModuleWeights.Save(stack), "0.body.block1.norm.running_var", new Dictionary<string, string>());
        AssertRefused(() => DiscriminatorStack.Load(path), path, "'0.body.block1.norm.running_var'");
    }

    [Fact]
    public void Moments_in_a_checkpoint_are_refused()
    {
        using var network = Architectures.Parse("arcnn?features=4").Build(1);
        using var loss = new L1Loss();
        using var trainer = new NetworkTrainer(network, loss, new ScheduleOptions { Iterations = 1, Batch = 1, LearningRate = 0.1 });
        var path = _folder.File("checkpoint.safetensors");
        var tensors = trainer.Save().ToDictionary();
        Spoil(tensors, "adam.feature_extraction.weight.exp_avg_sq");
        new TrainingCheckpoint(1, "", null, 0, null).Write(path, tensors);
        AssertRefused(path, "'adam.feature_extraction.weight.exp_avg_sq', found NaN (element 2 of");
    }

    private static void Write(string path, Dictionary<string, StoredTensor> tensors, string spoiled, IReadOnlyDictionary<string, string> metadata)
    {
        Spoil(tensors, spoiled);
        SafetensorsFormat.Write(path, tensors, metadata);
    }

    private static void Spoil(Dictionary<string, StoredTensor> tensors, string name)
    {
        var bytes = tensors[name].Bytes.ToArray();
        MemoryMarshal.Cast<byte, float>(bytes.AsSpan())[2] = float.NaN;
        tensors[name] = new StoredTensor(ElementType.Float32, tensors[name].Shape, bytes);
    }

    private static void AssertRefused(string path, string expected) => AssertRefused(() => TensorFile.Open(path), path, expected);

    private static void AssertRefused(Action read, string path, string expected)
    {
        var error = Assert.Throws<InputException>(read);
        Assert.Contains(expected, error.Message);
        TemporaryFolder.AssertOneLine(error, path);
    }
}
