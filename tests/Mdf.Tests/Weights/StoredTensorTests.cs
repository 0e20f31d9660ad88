using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Tests.Weights;

public sealed class StoredTensorTests
{
    public static TheoryData<string> Types => [.. Enum.GetNames<ElementType>()];

    [Theory]
    [MemberData(nameof(Types))]
    public void Every_type_goes_into_libtorch_and_back(string typeName)
    {
        var type = Enum.Parse<ElementType>(typeName);
        var bytes = Checkpoints.Content(6 * type.Size(), seed: 1);
        if (type == ElementType.Bool)
            bytes = [0, 1, 1, 0, 1, 0];
        var stored = new StoredTensor(type, [2, 3], bytes);
        using var tensor = stored.ToTensor();
        Assert.Equal([2, 3], tensor.shape);
        Assert.Equal(type.ScalarType(), tensor.dtype);
        var back = StoredTensor.From(tensor);
        Assert.Equal(type, back.Type);
        Assert.Equal(stored.Shape, back.Shape);
        Assert.Equal(bytes, back.Bytes.ToArray());
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Every_type_has_a_name_that_leads_back_to_it(string typeName)
    {
        var type = Enum.Parse<ElementType>(typeName);
        Assert.Equal(type, ElementTypes.FromSafetensorsName(type.SafetensorsName()));
    }

    [Fact]
    public void A_bool_of_another_byte_than_one_becomes_true()
    {
        using var tensor = new StoredTensor(ElementType.Bool, [2], new byte[] { 7, 0 }).ToTensor();
        Assert.Equal([1, 0], StoredTensor.From(tensor).Bytes.ToArray());
    }

    [Fact]
    public void A_transposed_tensor_with_gradient_is_stored_row_major()
    {
        using var tensor = Arange(6, ScalarType.Float32).reshape(2, 3).requires_grad_();
        using var transposed = tensor.t();
        using var expected = tensor.detach().t().contiguous();
        var stored = StoredTensor.From(transposed);
        Assert.Equal([3, 2], stored.Shape);
        Assert.Equal(expected.bytes.ToArray(), stored.Bytes.ToArray());
    }

    [Fact]
    public void Scalars_and_empty_tensors_are_tensors()
    {
        using var scalar = new StoredTensor(ElementType.Int64, [], BitConverter.GetBytes(42L)).ToTensor();
        Assert.Equal(42, scalar.item<long>());
        using var empty = new StoredTensor(ElementType.Float32, [0, 3], Array.Empty<byte>()).ToTensor();
        Assert.Equal([0, 3], empty.shape);
        Assert.Equal([0, 3], StoredTensor.From(empty).Shape);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(3)]
    [InlineData(1L << 62)]
    public void A_shape_that_does_not_fit_the_bytes_is_refused(long size) =>
        Assert.Throws<ArgumentException>(() => new StoredTensor(ElementType.Float32, [size, 1, 1L << 62, 1L << 62], new byte[8]));

    [Fact]
    public void A_type_that_files_do_not_share_is_refused()
    {
        using var tensor = zeros(2, ScalarType.ComplexFloat32);
        Assert.Contains("cannot be stored", Assert.Throws<ArgumentException>(() => StoredTensor.From(tensor)).Message);
    }

    [Fact]
    public void Copying_leaves_nothing_behind_in_libtorch()
    {
        var stored = new StoredTensor(ElementType.Bool, [2], new byte[] { 1, 0 });
        using (var warm = stored.ToTensor())
            StoredTensor.From(warm);
        var before = TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 10; i++)
        {
            using var tensor = stored.ToTensor();
            StoredTensor.From(tensor);
        }

        Assert.Equal(before, TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }
}
