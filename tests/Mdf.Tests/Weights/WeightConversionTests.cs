using System.Runtime.InteropServices;
using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Tests.Weights;

public sealed class WeightConversionTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("out.pt")]
    [InlineData("out.PTH")]
    public void Safetensors_becomes_a_checkpoint_and_comes_back(string name)
    {
        SafetensorsFormat.Write(_folder.File("in.safetensors"), Checkpoints.Tensors());
        Assert.Equal(5, WeightConversion.Convert(_folder.File("in.safetensors"), _folder.File(name)));
        Assert.Equal(5, WeightConversion.Convert(_folder.File(name), _folder.File("back.safetensors")));
        using var checkpoint = TensorFile.Open(_folder.File(name));
        using var back = TensorFile.Open(_folder.File("back.safetensors"));
        Assert.Equal(TensorFileFormat.PyTorch, checkpoint.Format);
        TensorFileTests.AssertSame(Checkpoints.Tensors(), checkpoint.Tensors);
        TensorFileTests.AssertSame(Checkpoints.Tensors(), back.Tensors);
    }

    [Fact]
    public void A_converted_file_says_only_that_it_came_from_PyTorch()
    {
        var path = _folder.File("in.pth", Checkpoints.Legacy(Checkpoints.Discriminators(2, width: 2)));
        WeightConversion.Convert(path, _folder.File("out.safetensors"));
        using var file = TensorFile.Open(_folder.File("out.safetensors"));
        Assert.Equal(new Dictionary<string, string> { ["format"] = "pt" }, file.Metadata);
        Assert.Contains("1.body.block3.norm.running_var", file.Tensors.Keys);
    }

    [Fact]
    public void What_the_loss_needs_travels_as_tensors_and_comes_back_as_metadata()
    {
        SafetensorsFormat.Write(_folder.File("in.safetensors"), Checkpoints.Tensors(),
            new Dictionary<string, string> { ["input_range"] = "-1,1", ["layer_weights"] = "0,0.5,1", ["seed"] = "7" });
        Assert.Equal(7, WeightConversion.Convert(_folder.File("in.safetensors"), _folder.File("out.pt")));
        Assert.Equal(5, WeightConversion.Convert(_folder.File("out.pt"), _folder.File("back.safetensors")));
        using var checkpoint = TensorFile.Open(_folder.File("out.pt"));
        using var back = TensorFile.Open(_folder.File("back.safetensors"));
        Assert.Equal([-1f, 1f], MemoryMarshal.Cast<byte, float>(checkpoint.Tensors["input_range"].Bytes).ToArray());
        Assert.Equal([0, 0.5f, 1], MemoryMarshal.Cast<byte, float>(checkpoint.Tensors["layer_weights"].Bytes).ToArray());
        Assert.Equal(("-1,1", "0,0.5,1"), (back.Metadata["input_range"], back.Metadata["layer_weights"]));
        TensorFileTests.AssertSame(Checkpoints.Tensors(), back.Tensors);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("1,0")]
    [InlineData("a,b")]
    [InlineData("0,NaN")]
    public void An_input_range_that_is_none_is_refused(string range)
    {
        SafetensorsFormat.Write(_folder.File("in.safetensors"), Checkpoints.Tensors(), new Dictionary<string, string> { ["input_range"] = range });
        AssertRefused("in.safetensors", "out.pt", "expected input_range to be two numbers, the lower first");
    }

    [Theory]
    [InlineData("1,1")]
    [InlineData("0,0,0")]
    [InlineData("1,-1,1")]
    public void Layer_weights_that_are_none_are_refused(string weights)
    {
        SafetensorsFormat.Write(_folder.File("in.safetensors"), Checkpoints.Tensors(), new Dictionary<string, string> { ["layer_weights"] = weights });
        AssertRefused("in.safetensors", "out.pt", "expected layer_weights to be three numbers");
    }

    [Theory]
    [InlineData(float.NaN, 1, "expected finite numbers in the tensor 'input_range'")]
    [InlineData(0, float.PositiveInfinity, "expected finite numbers in the tensor 'input_range'")]
    [InlineData(1, 0, "expected input_range to be two numbers, the lower first")]
    public void An_input_range_in_a_checkpoint_that_is_none_is_refused(float low, float high, string expected)
    {
        PyTorchFormat.Write(_folder.File("in.pt"), new Dictionary<string, StoredTensor>
        {
            ["input_range"] = new(ElementType.Float32, [2], MemoryMarshal.AsBytes<float>(new[] { low, high }).ToArray()),
        });
        AssertRefused("in.pt", "out.safetensors", expected);
    }

    [Fact]
    public void A_tensor_of_the_reserved_name_is_refused()
    {
        PyTorchFormat.Write(_folder.File("in.pt"), new Dictionary<string, StoredTensor> { ["__metadata__"] = new(ElementType.UInt8, [1], new byte[1]) });
        AssertRefused("in.pt", "out.safetensors", "which safetensors reserves");
    }

    [Fact]
    public void A_path_with_a_NUL_character_is_refused()
    {
        AssertRefused("in\0.pt", "out.safetensors", "found a NUL character");
        var error = Assert.Throws<InputException>(() => WeightConversion.Convert(_folder.File("in.pt"), "out\0.safetensors"));
        Assert.Contains("found a NUL character", error.Message);
    }

    [Fact]
    public void Conversions_that_make_no_sense_are_refused()
    {
        SafetensorsFormat.Write(_folder.File("in.safetensors"), Checkpoints.Tensors());
        PyTorchFormat.Write(_folder.File("in.pt"), Checkpoints.Tensors());
        AssertRefused("in.safetensors", "out.onnx", "ends in .safetensors, .pt or .pth");
        AssertRefused("in.safetensors", "in.safetensors", "into itself");
        AssertRefused("in.safetensors", "other.safetensors", "it is a Safetensors file already");
        AssertRefused("in.pt", "other.pth", "it is a PyTorch file already");
        AssertRefused("none.pt", "out.safetensors", "there is no such file");
    }

    private void AssertRefused(string input, string outputName, string expected)
    {
        var error = Assert.Throws<InputException>(() => WeightConversion.Convert(_folder.File(input), _folder.File(outputName)));
        Assert.Contains(expected, error.Message);
        Assert.True(input == outputName || !File.Exists(_folder.File(outputName)));
    }
}
