using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Runtime;

[Collection(nameof(OneAtATime))]
public sealed class BatchNormalizationTests
{
    [Theory]
    [InlineData(1e-5)]
    [InlineData(1e-4)]
    public void It_computes_what_TorchSharps_does_to_the_bit(double epsilon)
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(1);
        using var ours = new BatchNormalization(4, epsilon);
        using var theirs = nn.BatchNorm2d(4, epsilon);
        using (no_grad())
        {
            ours.Weight.normal_(1, 0.2, random);
            ours.Bias.normal_(0, 0.2, random);
        }

        theirs.load_state_dict(ours.state_dict());
        for (var step = 0; step < 3; step++)
        {
            var input = randn([2, 4, 5, 6], generator: random);
            Assert.Equal(Step(theirs, input), Step(ours, input));
            AssertEqualState();
        }

        ours.eval();
        theirs.eval();
        var unseen = randn([1, 4, 5, 6], generator: random);
        Assert.Equal(Step(theirs, unseen), Step(ours, unseen));
        AssertEqualState();

        float[] Step(nn.Module<Tensor, Tensor> module, Tensor values)
        {
            var input = values.clone().requires_grad_(true);
            module.zero_grad();
            var output = module.call(input);
            (output * output).sum().backward();
            return [.. new[] { output, input.grad! }.Concat(module.parameters().Select(parameter => parameter.grad!)).SelectMany(tensor => tensor.detach().flatten().data<float>().ToArray())];
        }

        void AssertEqualState()
        {
            var (mine, expected) = (ours.state_dict(), theirs.state_dict());
            Assert.Equal(expected.Keys, mine.Keys);
            Assert.All(expected, entry => Assert.True(Golden.AreEqual(entry.Value, mine[entry.Key]), entry.Key));
        }
    }

    [Fact]
    public void Reset_makes_it_new_again()
    {
        using var scope = NewDisposeScope();
        using var norm = new BatchNormalization(3);
        var before = norm.state_dict().ToDictionary(entry => entry.Key, entry => entry.Value.clone());
        norm.call(ones(2, 3, 4, 4));
        using (no_grad())
            norm.Weight.Fill_(7);
        Assert.False(Golden.AreEqual(before["num_batches_tracked"], norm.state_dict()["num_batches_tracked"]));
        norm.Reset();
        Assert.All(norm.state_dict(), entry => Assert.True(Golden.AreEqual(before[entry.Key], entry.Value), entry.Key));
    }

    [Fact]
    public void It_moves_to_another_type_and_device_with_its_network()
    {
        using var scope = NewDisposeScope();
        using var norm = new BatchNormalization(3);
        using var network = nn.Sequential(norm);
        network.to(float64);
        Assert.Equal(float64, norm.Weight.dtype);
        Assert.Equal(float64, norm.RunningVariance.dtype);
        network.to(META);
        Assert.Equal(DeviceType.META, norm.Bias.device_type);
        Assert.Equal(DeviceType.META, norm.RunningMean.device_type);
    }

    [Fact]
    public void A_batch_norm_has_a_channel() => Assert.Throws<ArgumentOutOfRangeException>(() => new BatchNormalization(0));
}
