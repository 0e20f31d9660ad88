using Mdf.Discriminators;
using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Runtime;
using Mdf.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Training;

[Collection(nameof(OneAtATime))]
public sealed class LossTrainingTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("sisr")]
    [InlineData("denoise:25")]
    [InlineData("jpeg:10")]
    public void One_seed_gives_one_file_to_the_byte(string task)
    {
        var first = TrainToFile(task, seed: 1, "first.safetensors");
        var again = TrainToFile(task, seed: 1, "again.safetensors");
        var other = TrainToFile(task, seed: 2, "other.safetensors");
        Assert.Equal(first, again);
        Assert.NotEqual(first, other);
    }

    [Fact]
    public void A_saved_stack_is_the_trained_stack_and_says_how_it_was_trained()
    {
        using var scope = NewDisposeScope();
        using var photo = Photo();
        var path = _folder.File("stack.safetensors");
        using var trained = LossTraining.Train(photo, "0123", Options("jpeg:10", iterations: 3, scales: 2));
        trained.Save(path);
        using var loaded = DiscriminatorStack.Load(path);
        Assert.Equivalent(trained.Metadata, loaded.Metadata);
        Assert.Equal(InputRange.Unit, loaded.InputRange);
        Assert.Equal("jpeg:10", loaded.Metadata!.Task);
        Assert.Equal(25, loaded.Metadata.Sizes[0].Shorter);
        using var before = new MdfLoss(trained);
        using var after = new MdfLoss(loaded);
        var restored = photo.Mul(0.9);
        Assert.Equal(before.call(restored, photo).item<float>(), after.call(restored, photo).item<float>());
        Assert.NotEqual(0, after.call(restored, photo).item<float>());
    }

    public static TheoryData<string> Recipes => [.. LossRecipe.Names];

    [Theory]
    [MemberData(nameof(Recipes))]
    public void Every_recipe_trains_a_stack_of_its_own_for_every_task(string name)
    {
        using var photo = Photo();
        var recipe = LossRecipe.Parse(name);
        foreach (var task in new[] { "denoise:25", "jpeg:10", "sisr" })
        {
            using var stack = LossTraining.Train(photo, "", Options(task, iterations: 3, scales: 2) with { Recipe = recipe });
            using var other = LossTraining.Train(photo, "", Options(task, iterations: 3, scales: 2) with { Recipe = LossRecipe.Parse(name == "paper" ? "photograph" : "paper") });
            Assert.Equal((name, recipe.HasGenerator ? 10 : 0), (stack.Metadata!.Recipe, stack.Metadata.ReconstructionWeight));
            Assert.All(stack.state_dict().Values, tensor => Assert.True(tensor.isfinite().all().item<bool>()));
            Assert.False(Golden.AreEqual(stack[1].state_dict()["head.norm.running_mean"], other[1].state_dict()["head.norm.running_mean"]));
        }
    }

    /// <summary>What the loss needs is recorded, and does not change the weights; the noise of the coarsest scale does.</summary>
    [Fact]
    public void A_stack_records_how_the_loss_is_to_use_it()
    {
        using var photo = Photo();
        var options = Options("sisr", iterations: 3, scales: 1);
        using var plain = LossTraining.Train(photo, "", options);
        using var told = LossTraining.Train(photo, "", options with { InputRange = InputRange.Symmetric, LayerWeights = new LayerWeights(1, 1, 0) });
        using var noisier = LossTraining.Train(photo, "", options with { CoarsestNoise = 1 });
        Assert.Equal(Weights(plain), Weights(told));
        Assert.NotEqual(Weights(plain), Weights(noisier));
        Assert.Equal((InputRange.Symmetric, new LayerWeights(1, 1, 0), 0.2), (told.InputRange, told.LayerWeights, told.Metadata!.CoarsestNoise));
        Assert.Equal(1, noisier.Metadata!.CoarsestNoise);
        var path = _folder.File("told.safetensors");
        told.Save(path);
        using var loss = (MdfLoss)LossExpression.Parse($"mdf:{path}").Create();
        using var overridden = (MdfLoss)LossExpression.Parse($"mdf:{path}?input_range=0,1&layer_weights=0,0,1").Create();
        Assert.Equal((InputRange.Symmetric, new LayerWeights(1, 1, 0)), (loss.Stack.InputRange, loss.LayerWeights));
        Assert.Equal((InputRange.Unit, new LayerWeights(0, 0, 1)), (overridden.Stack.InputRange, overridden.LayerWeights));

        static float[] Weights(DiscriminatorStack stack) => stack[0].state_dict()["body.block2.conv.weight"].data<float>().ToArray();
    }

    /// <summary>The reconstruction error of the generator falls by far more than its noise from step to step.</summary>
    [Fact]
    public void The_cost_of_a_scale_is_what_was_measured()
    {
        // Milliseconds per iteration on two cores: our kernels (scales 0 to 5), libtorch's (all eight).
        double[] ours = [54, 62, 85, 124, 469, 694];
        double[] plain = [88, 88, 120, 191, 660, 1005, 1674, 2833];
        using var scope = NewDisposeScope();
        using var trainer = new LossTrainer([rand(1, 3, 168, 250, generator: Draws)], Options("jpeg:10", iterations: 1, scales: 8));
        foreach (var measured in new[] { ours, plain })
        {
            for (var scale = 1; scale < measured.Length; scale++)
                Assert.InRange(trainer.CostOf(scale) / trainer.CostOf(0) / (measured[scale] / measured[0]), 0.75, 1.3);
        }
    }

    [Fact]
    public void Training_lowers_the_reconstruction_error()
    {
        using var photo = Photo();
        var errors = new Recorder("mse");
        LossTraining.Train(photo, "", Options("jpeg:10", iterations: 60, scales: 2), errors).Dispose();
        Assert.Equal(120, errors.Values.Count);
        var second = errors.Values[60..]; // the coarsest scale has nothing to restore
        Assert.InRange(second[^10..].Average(), 0, 0.7 * second[..5].Average());
    }

    /// <summary>
    /// What a stack is for: of distortions of equal MSE, training must raise what the task's artefact costs. A stack of random weights
    /// finds JPEG and noise about equally bad.
    /// </summary>
    [Fact]
    public void Training_makes_a_loss_see_the_tasks_artefact()
    {
        using var scope = NewDisposeScope();
        var photo = ImageFile.Read(Path.Combine(Shared.Repository, "samples", "photographs", "chelsea.png"));
        var images = EqualMse.Distort(photo, new JpegDistortion(10), seed: 0).ToDictionary(image => image.Name, image => image.Image);
        using var trained = new MdfLoss(LossTraining.Train(photo, "", Options("jpeg:10", iterations: 40, scales: 2)));
        using var untrained = new MdfLoss(DiscriminatorStack.Untrained(scales: 2, seed: 1));
        Assert.InRange(JpegToNoise(untrained), 0.9, 1.1);
        Assert.True(JpegToNoise(trained) > 1.15 * JpegToNoise(untrained), $"{JpegToNoise(trained)}");

        double JpegToNoise(MdfLoss loss) => loss.call(images["JPEG"], photo).item<float>() / loss.call(images["noise"], photo).item<float>();
    }

    [Fact]
    public void A_scale_ends_only_where_its_end_is_asked_for()
    {
        using var photo = Photo();
        using var trainer = new LossTrainer([photo], Options("sisr", iterations: 2, scales: 2));
        trainer.Step();
        Assert.Contains("expected 2 iterations of scale 0 before its end, found 1", Assert.Throws<InvalidOperationException>(trainer.FinishScale).Message);
        trainer.Step();
        Assert.Equal((0, 2, true), (trainer.Scale, trainer.Iteration, trainer.IsScaleFinished));
        Assert.Contains("FinishScale", Assert.Throws<InvalidOperationException>(() => trainer.Step()).Message);
        trainer.FinishScale();
        Assert.Equal((1, 0, false, 2), (trainer.Scale, trainer.Iteration, trainer.IsScaleFinished, trainer.TotalIterations));
    }

    [Fact]
    public void A_trained_stack_is_frozen()
    {
        using var photo = Photo();
        using var stack = LossTraining.Train(photo, "", Options("sisr", iterations: 1, scales: 2));
        Assert.All(stack.parameters(), parameter => Assert.False(parameter.requires_grad));
        Assert.All(stack.modules(), module => Assert.False(module.training));
    }

    [Fact]
    public void What_is_no_photograph_is_refused()
    {
        using var scope = NewDisposeScope();
        var photo = Photo();
        foreach (var (odd, expected) in new[]
        {
            (photo[0], "(1, 3, H, W)"), (cat([photo, photo]), "(1, 3, H, W)"), (photo.to(float64), "float32"), (photo.Mul(255), "in [0, 1]"),
            (photo / zeros_like(photo), "in [0, 1]"),
        })
        {
            Assert.Contains(expected, Assert.Throws<ArgumentException>(() => LossTraining.Train(odd, "", Options("sisr", 1, 1))).Message);
        }
    }

    [Fact]
    public void Three_hundred_iterations_leave_no_tensor_behind_and_no_memory()
    {
        using var photo = Photo();
        using var watch = new LeakWatch(first: 45, window: 10); // not the last step: with it the scale is freed
        LossTraining.Train(photo, "", Options("denoise:25", iterations: 300, scales: 1), watch).Dispose();
        watch.AssertNothingIsLeft(windows: 25, bytesPerStep: 1000);
    }

    [Fact]
    public void A_cancelled_training_stops_and_frees_what_it_made()
    {
        using var photo = Photo();
        using var source = new CancellationTokenSource();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var watch = new Watcher(step =>
        {
            if (step == 3)
                source.Cancel();
        });
        Assert.Throws<OperationCanceledException>(() =>
            LossTraining.Train(photo, "", Options("jpeg:10", iterations: 10, scales: 2), watch, source.Token));
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void More_scales_than_the_photograph_has_are_refused()
    {
        using var photo = Photo();
        var error = Assert.Throws<InputException>(() => LossTraining.Train(photo, "", Options("sisr", iterations: 1, scales: 9)));
        Assert.Contains("expected at most 3 scales", error.Message);
    }

    /// <summary>40×32, smooth with some texture: 3 scales.</summary>
    private static Tensor Photo()
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(5);
        var coarse = Resampler.Bicubic(rand([1, 3, 6, 8], generator: random), 32, 40);
        return coarse.Mul(0.8).Add(rand([1, 3, 32, 40], generator: random).Mul(0.2)).Clamp(0, 1).MoveToOuterDisposeScope();
    }

    private static LossTrainingOptions Options(string task, int iterations, int scales, long seed = 1) =>
        new() { Distortion = Tasks.Parse(task), Iterations = iterations, Scales = scales, Seed = seed };

    private byte[] TrainToFile(string task, long seed, string name)
    {
        using var photo = Photo();
        using var stack = LossTraining.Train(photo, "", Options(task, iterations: 4, scales: 2, seed));
        var path = _folder.File(name);
        stack.Save(path);
        return File.ReadAllBytes(path);
    }

    private sealed class Watcher(Action<long> onStep) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate update) => onStep(update.Step);
    }

    private sealed class Recorder(string name) : IProgress<ProgressUpdate>
    {
        public List<double> Values { get; } = [];

        public void Report(ProgressUpdate update)
        {
            if (update.Step > 0)
                Values.Add(update.Values.Single(value => value.Name == name).Value);
        }
    }
}
