using Mdf.Runtime;
using Mdf.Weights;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Tests.Weights;

public sealed class ModuleWeightsTests
{
    [Fact]
    public void What_is_saved_is_loaded_again()
    {
        using var first = Network();
        using var second = Network();
        var saved = ModuleWeights.Save(first);
        ModuleWeights.Load(second, saved, "test");
        TensorFileTests.AssertSame(saved, ModuleWeights.Save(second));
        Assert.Equal(
            ["conv.weight", "conv.bias", "norm.weight", "norm.bias", "norm.running_mean", "norm.running_var", "norm.num_batches_tracked"],
            saved.Keys);
    }

    [Fact]
    public void Missing_unexpected_and_misshaped_tensors_are_named_and_nothing_is_changed()
    {
        using var network = Network();
        var before = ModuleWeights.Save(network);
        var tensors = new Dictionary<string, StoredTensor>(before) { ["extra"] = before["conv.bias"], ["norm.weight"] = before["conv.weight"] };
        tensors["conv.weight"] = new StoredTensor(ElementType.Int32, before["conv.weight"].Shape, before["conv.weight"].Bytes.ToArray());
        tensors["norm.bias"] = new StoredTensor(ElementType.Float32, [4], new byte[16]);
        tensors.Remove("conv.bias");
        var message = Assert.Throws<InputException>(() => ModuleWeights.Load(network, tensors, "net.pth")).Message;
        Assert.Contains("'net.pth'", message);
        Assert.Contains("1 missing: 'conv.bias'", message);
        Assert.Contains("1 unexpected: 'extra'", message);
        Assert.Contains("2 of another shape or type: 'conv.weight' (expected F32 [4, 3, 3, 3], found I32 [4, 3, 3, 3])", message);
        Assert.Contains("'norm.weight' (expected F32 [4], found F32 [4, 3, 3, 3])", message);
        TensorFileTests.AssertSame(before, ModuleWeights.Save(network));
    }

    [Fact]
    public void The_count_of_batches_may_be_missing()
    {
        using var network = Network();
        var tensors = ModuleWeights.Save(network);
        tensors.Remove("norm.num_batches_tracked");
        ModuleWeights.Load(network, tensors, "test");
    }

    [Fact]
    public void A_long_list_of_names_is_cut()
    {
        using var network = Network();
        var message = Assert.Throws<InputException>(() => ModuleWeights.Load(network, new Dictionary<string, StoredTensor>
        {
            ["x\ny"] = new(ElementType.UInt8, [0], default),
        }, "empty")).Message;
        Assert.Contains("6 missing: 'conv.weight', 'conv.bias', 'norm.weight', 'norm.bias', 'norm.running_mean', …", message);
        Assert.Contains("'x?y'", message);
    }

    [Fact]
    public void Half_precision_is_converted_to_the_modules_type()
    {
        using var network = Network();
        using var half = tensor(new[] { 0.5f, 1, -2, 3 }).to(ScalarType.Float16);
        var tensors = ModuleWeights.Save(network);
        tensors["conv.bias"] = StoredTensor.From(half);
        ModuleWeights.Load(network, tensors, "test");
        var loaded = ModuleWeights.Save(network)["conv.bias"];
        Assert.Equal(ElementType.Float32, loaded.Type);
        using var back = loaded.ToTensor();
        Assert.Equal([0.5f, 1, -2, 3], back.data<float>().ToArray());
    }

    [Fact]
    public void Loading_and_saving_leave_nothing_behind_in_libtorch()
    {
        using var network = Network();
        ModuleWeights.Load(network, ModuleWeights.Save(network), "test");
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 10; i++)
            ModuleWeights.Load(network, ModuleWeights.Save(network), "test");
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    private static Net Network() => new Net();

    private sealed class Net : Module
    {
#pragma warning disable IDE0052 // Read by RegisterComponents.
        private readonly Module<Tensor, Tensor> conv = Conv2d(3, 4, 3);
        private readonly Module<Tensor, Tensor> norm = new BatchNormalization(4);
#pragma warning restore IDE0052

        public Net()
            : base(nameof(Net)) => RegisterComponents();
    }
}
