using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Networks;
using Mdf.Runtime;
using Mdf.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Training;

public sealed class NetworkTrainerTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Fact]
    public void The_loss_falls_and_nothing_is_left_behind()
    {
        using var network = Network();
        using var loss = new L1Loss();
        using var trainer = new NetworkTrainer(network, loss, Options(60));
        using var batch = Batch(1);
        var first = trainer.Step(batch).Loss;
        trainer.Step(batch);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var last = 0.0;
        while (trainer.Iteration < 60)
            last = trainer.Step(batch).Loss;
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.True(last < 0.6 * first, $"{first} → {last}");
    }

    [Fact]
    public void A_training_goes_on_from_what_was_saved_to_the_same_bits()
    {
        using var loss = new MseLoss();
        var options = Options(6) with { Ema = 0.9, ClipGradient = 0.05 };
        using var whole = Network("dncnn?features=8&layers=4"); // with batch norm, whose statistics are to be kept, too
        using var uninterrupted = new NetworkTrainer(whole, loss, options);
        for (var i = 0; i < 3; i++)
            Step(uninterrupted);
        var saved = uninterrupted.Save();
        using var other = Architectures.Parse("dncnn?features=8&layers=4").Build(seed: 99);
        using var resumed = new NetworkTrainer(other, loss, options);
        resumed.Load(saved, uninterrupted.Iteration, "checkpoint");
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(Step(uninterrupted), Step(resumed));
        }

        var (expected, found) = (uninterrupted.Save(), resumed.Save());
        Assert.Equal(expected.Keys, found.Keys);
        Assert.All(expected, entry => Assert.True(entry.Value.Bytes.SequenceEqual(found[entry.Key].Bytes), entry.Key));
        Assert.Contains("average.model.0.weight", expected.Keys);
        Assert.Contains("adam.model.0.weight.exp_avg_sq", expected.Keys);

        static TrainingStep Step(NetworkTrainer trainer)
        {
            using var batch = Batch((ulong)trainer.Iteration, factor: 1);
            return trainer.Step(batch);
        }
    }

    [Fact]
    public void Measuring_the_terms_of_the_loss_changes_no_bit()
    {
        using var loss = LossExpression.Parse("0.1*mse+l1").Create();
        using var single = new MseLoss();
        using var batch = Batch(1);
        var (plain, measured) = (Train(withTerms: false), Train(withTerms: true));
        Assert.Null(plain.Step.Terms);
        Assert.Equal(["mse", "l1"], measured.Step.Terms!.Select(term => term.Expression));
        Assert.Equal(plain.Step, measured.Step with { Terms = null });
        Assert.All(plain.Saved, entry => Assert.True(entry.Value.Bytes.SequenceEqual(measured.Saved[entry.Key].Bytes), entry.Key));

        using var network = Network();
        using var alone = new NetworkTrainer(network, single, Options(1));
        Assert.Null(alone.Step(batch, withTerms: true).Terms);

        (TrainingStep Step, IReadOnlyDictionary<string, Mdf.Weights.StoredTensor> Saved) Train(bool withTerms)
        {
            using var network = Network();
            using var trainer = new NetworkTrainer(network, loss, Options(3));
            trainer.Step(batch, withTerms);
            return (trainer.Step(batch, withTerms), trainer.Save());
        }
    }

    [Fact]
    public void The_average_follows_the_weights_and_is_what_is_kept()
    {
        using var network = Network();
        using var loss = new L1Loss();
        using var trainer = new NetworkTrainer(network, loss, Options(2) with { Ema = 0.75 });
        var start = Weight(network);
        using var batch = Batch(1);
        trainer.Step(batch);
        Assert.NotSame(network, trainer.Result);
        Assert.False(trainer.Result.training);
        Assert.InRange((Weight(trainer.Result) - start.Mul(0.75).Add(Weight(network).Mul(0.25))).abs().max().item<float>(), 0, 1e-7);

        using var plain = new NetworkTrainer(network, loss, Options(2));
        Assert.Same(network, plain.Result);

        static Tensor Weight(RestorationNetwork network) => network.parameters().First().detach().clone();
    }

    [Fact]
    public void A_gradient_that_is_too_long_is_shortened()
    {
        using var loss = new WeightedSum([(1000, new L1Loss())]);
        using var network = Network();
        using var trainer = new NetworkTrainer(network, loss, Options(2) with { ClipGradient = 0.5 });
        using var batch = Batch(1);
        Assert.True(trainer.Step(batch).GradientNorm > 10);
        var clipped = Math.Sqrt(network.parameters().Sum(parameter => parameter.grad!.Square().sum().Number()));
        Assert.InRange(clipped, 0.499, 0.501);
    }

    [Fact]
    public void Numbers_that_are_none_stop_it_before_the_weights_are_changed()
    {
        using var network = Network();
        using var loss = new L1Loss();
        using var trainer = new NetworkTrainer(network, loss, Options(10));
        using var good = Batch(1);
        trainer.Step(good);
        var before = trainer.Save();
        using var bad = new TrainingBatch(good.Distorted.clone(), good.Reference.Mul(float.NaN));
        Assert.Contains("the loss became NaN at iteration 1: try a lower learning rate", Assert.Throws<DivergedException>(() => trainer.Step(bad)).Message);

        // A finite loss whose gradient is not.
        using var root = new InfiniteSlope();
        using var other = new NetworkTrainer(network, root, Options(10));
        Assert.Matches("the gradient of '.+' became (NaN|Infinity)", Assert.Throws<DivergedException>(() => other.Step(good)).Message);
        Assert.All(trainer.Save(), entry => Assert.True(entry.Value.Bytes.SequenceEqual(before[entry.Key].Bytes), entry.Key));
    }

    [Fact]
    public void A_checkpoint_that_lacks_something_is_refused_and_changes_nothing()
    {
        using var network = Network();
        using var loss = new L1Loss();
        using var trainer = new NetworkTrainer(network, loss, Options(10));
        var saved = trainer.Save().ToDictionary();
        saved.Remove("adam.conv_first.weight.exp_avg");
        var message = Assert.Throws<InputException>(() => trainer.Load(saved, 5, "x.safetensors")).Message;
        Assert.Contains("'x.safetensors': expected the optimizer's exp_avg of 'conv_first.weight'", message);
        Assert.Equal(0, trainer.Iteration);
    }

    private static RestorationNetwork Network(string architecture = "edsr?features=8&blocks=2&factor=2") => Architectures.Parse(architecture).Build(seed: 1);

    private static ScheduleOptions Options(int iterations) => new() { Iterations = iterations, Batch = 2, LearningRate = 5e-3 };

    private static TrainingBatch Batch(ulong seed, int factor = 2)
    {
        using var random = new Generator(seed);
        var reference = Resampler.Bicubic(rand([2, 3, 6, 6], generator: random), 24, 24).Clamp(0, 1);
        return new TrainingBatch(Resampler.Bicubic(reference, 24 / factor, 24 / factor).Add(0.1).DetachFromDisposeScope(), reference.DetachFromDisposeScope());
    }

    /// <summary>The square root of a sum of squares that is zero: its slope is infinite.</summary>
    private sealed class InfiniteSlope() : ReconstructionLoss("slope")
    {
        protected internal override ReferenceFeatures Analyze(Tensor reference) =>
            new([reference], restored => restored.Mul(0).Square().flatten(1).sum([1]).sqrt());
    }
}
