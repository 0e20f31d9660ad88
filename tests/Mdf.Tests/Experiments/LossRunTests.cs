using System.Text.Json;
using Mdf.Discriminators;
using Mdf.Distortions;
using Mdf.Experiments;
using Mdf.Imaging;
using Mdf.Runtime;
using Mdf.Training;
using Mdf.Training.Adversarial;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Tests.Experiments;

public sealed class LossRunTests : IDisposable
{
    private const int Iterations = 6;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>Interrupted within a scale and at the end of one, and gone on with: the same bytes, with the kernels as with libtorch.</summary>
    [Theory]
    [InlineData("sisr", false, "photograph")]
    [InlineData("denoise:25", false, "photograph")]
    [InlineData("denoise:25", true, "photograph")]
    [InlineData("denoise:25", false, "random")] // without generators
    public void A_run_that_was_interrupted_ends_in_the_same_bytes(string task, bool isTensors, string recipe)
    {
        using var scope = NewDisposeScope();
        var options = Options(task) with { Recipe = LossRecipe.Parse(recipe), Engine = isTensors ? TrainingEngine.Tensors : TrainingEngine.Automatic };
        var whole = Train("whole", options);

        var folder = RunFolder.OfLoss(_folder.File("parts"));
        foreach (var stop in new[] { 2, Iterations, Iterations + 3, Iterations + 4 })
        {
            using var source = new CancellationTokenSource();
            var run = new LossRun([Photograph(1)], options, folder, checkpointEvery: 100);
            Assert.Throws<RunInterruptedException>(() => run.Run(folder.IsBegun, new Stopper(stop, source), source.Token));
        }

        Assert.Equal(whole, Train("parts", options, resume: true));
        Assert.Equal(File.ReadAllBytes(RunFolder.OfLoss(_folder.File("whole")).Checkpoints[^1]), File.ReadAllBytes(folder.Checkpoints[^1]));
    }

    /// <summary>A kill loses what was done since the last checkpoint, and its files may be there: log entries behind the checkpoint are taken back.</summary>
    [Fact]
    public void A_run_goes_on_from_its_newest_checkpoint()
    {
        using var scope = NewDisposeScope();
        var whole = Train("whole", Options("jpeg:10"), checkpointEvery: 4);
        var killed = RunFolder.OfLoss(_folder.File("whole"));
        var log = File.ReadAllLines(killed.Log);
        File.Delete(killed.Checkpoints[^1]);
        Assert.EndsWith("00000008.safetensors", killed.Checkpoints[^1], StringComparison.Ordinal);

        Assert.Equal(whole, Train("whole", Options("jpeg:10"), resume: true, checkpointEvery: 4));
        Assert.Equal(log.Length, File.ReadAllLines(killed.Log).Length);
    }

    [Fact]
    public void A_run_leaves_curves_and_a_picture_of_every_scale()
    {
        using var scope = NewDisposeScope();
        Train("run", Options("sisr"));
        var folder = RunFolder.OfLoss(_folder.File("run"));
        Assert.All([folder.DiscriminatorCurves, folder.ReconstructionCurves, folder.Scale(0), folder.Scale(1), Path.Combine(folder.Path, "distortion.png")], path => Assert.Equal(3, ImageFile.Read(path).shape[1]));
        Assert.NotEmpty(Directory.EnumerateFiles(folder.TensorBoard));
        Assert.Contains("\"reconstruction\":", File.ReadAllText(folder.Log), StringComparison.Ordinal);
        Assert.InRange(folder.Checkpoints.Count, 1, 2);
    }

    [Theory]
    [InlineData("photograph", true)]
    [InlineData("random", false)]
    public void The_log_has_the_means_of_the_steps(string recipe, bool hasGenerator)
    {
        using var scope = NewDisposeScope();
        var folder = RunFolder.OfLoss(_folder.File("run"));
        var steps = new List<ProgressUpdate>();
        new LossRun([Photograph(1)], Options("denoise:25") with { Recipe = LossRecipe.Parse(recipe) }, folder).Run(resume: false, new Collector(steps)).Dispose();

        using var entry = JsonDocument.Parse(File.ReadLines(folder.Log).First()); // all steps of scale 0, since there are fewer than ten
        var logged = entry.RootElement.GetProperty("train");
        Assert.Equal(Iterations, entry.RootElement.GetProperty("iteration").GetInt32());
        foreach (var (shown, key) in new[] { ("D(real)", "d_real"), ("D(fake)", "d_fake"), ("penalty", "penalty"), ("mse", "reconstruction") }[..(hasGenerator ? 4 : 3)])
        {
            var mean = steps.Where(step => step.Step > 0).Take(Iterations).Average(step => step.Values.Single(value => value.Name == shown).Value);
            Assert.Equal(mean, logged.GetProperty(key).GetDouble(), 1e-9);
        }

        Assert.Equal(hasGenerator, logged.TryGetProperty("reconstruction", out _));
        Assert.Equal(hasGenerator, File.Exists(folder.ReconstructionCurves));
    }

    [Theory]
    [InlineData("quantize:8")]
    [InlineData("denoise:0.1")]
    [InlineData("external:cp {in} {out}")]
    public void A_task_that_damages_nothing_is_refused_and_leaves_nothing_behind(string task)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs the usual programs of Unix");
        using var scope = NewDisposeScope();
        var options = Options("sisr") with { Distortion = Tasks.ParseTyped(task, TimeSpan.FromHours(1)) };
        Assert.Contains($"the task '{task}' damages nothing", Assert.Throws<InputException>(() => Train("nothing", options)).Message);
        Assert.False(Directory.Exists(_folder.File("nothing")));
    }

    [Fact]
    public void Another_training_is_not_gone_on_with()
    {
        using var scope = NewDisposeScope();
        Train("run", Options("sisr"));
        foreach (var (other, expected) in new[]
        {
            (Options("jpeg:10"), "found task = jpeg:10 instead of 'sisr'"),
            (Options("sisr") with { Seed = 8 }, "found seed = 8 instead of '3'"),
            (Options("sisr") with { Iterations = 7 }, "found iterations = 7 instead of '6'"),
            (Options("sisr") with { CoarsestNoise = 0.5 }, "found coarsest_noise = 0.5 instead of '0.2'"),
            (Options("sisr") with { LayerWeights = new LayerWeights(1, 1, 0) }, "found layer_weights = 1,1,0 instead of '1,1,1'"),
        })
        {
            Assert.Contains(expected, Assert.Throws<InputException>(() => Train("run", other, resume: true)).Message);
        }

        Assert.Contains("holds a run already", Assert.Throws<InputException>(() => Train("run", Options("sisr"))).Message);
        Assert.Contains("holds no run", Assert.Throws<InputException>(() => Train("none", Options("sisr"), resume: true)).Message);
        var run = new LossRun([Photograph(2)], Options("sisr"), RunFolder.OfLoss(_folder.File("run")));
        Assert.Contains("photographs", Assert.Throws<InputException>(() => run.Run(resume: true)).Message);
    }

    /// <summary>An older program trained other weights from the same options; loss.json and the checkpoints say so.</summary>
    [Theory]
    [InlineData(null)]
    [InlineData("1")]
    public void A_run_of_another_version_of_the_training_is_not_gone_on_with(string? version)
    {
        using var scope = NewDisposeScope();
        Train("run", Options("sisr"));
        var description = RunFolder.OfLoss(_folder.File("run")).Description;
        var values = JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllText(description))!;
        values.Remove("version");
        if (version is not null)
            values["version"] = version;
        File.WriteAllText(description, JsonSerializer.Serialize(values));
        Assert.Contains("found version = 4 instead of", Assert.Throws<InputException>(() => Train("run", Options("sisr"), resume: true)).Message);
    }

    [Fact]
    public void A_damaged_checkpoint_gives_way_to_the_one_before()
    {
        using var scope = NewDisposeScope();
        var whole = Train("run", Options("sisr"), checkpointEvery: 5);
        var folder = RunFolder.OfLoss(_folder.File("run"));
        var checkpoints = folder.Checkpoints;
        File.WriteAllBytes(checkpoints[1], File.ReadAllBytes(checkpoints[1])[..^100]);
        var warnings = new List<string>();
        using (var stack = new LossRun([Photograph(1)], Options("sisr"), folder, 5) { Warn = warnings.Add, Output = _folder.File("again.safetensors") }.Run(resume: true))
            Assert.Equal(2, stack.Count);
        Assert.Equal(whole, File.ReadAllBytes(_folder.File("again.safetensors")));
        Assert.Contains(checkpoints[1], Assert.Single(warnings));
        foreach (var checkpoint in folder.Checkpoints)
            File.WriteAllBytes(checkpoint, [1, 2, 3]);
        Assert.Contains(checkpoints[1], Assert.Throws<InputException>(() => Train("run", Options("sisr"), resume: true)).Message);
    }

    /// <summary>The iterations of both scales, one after the other: 6 and 6; after 3 of the second scale it gets 4 more, and of the first it cannot get any.</summary>
    [Fact]
    public void A_training_can_be_extended_at_the_scale_being_trained_and_those_after_it()
    {
        using var scope = NewDisposeScope();
        var options = Options("denoise:25");
        var folder = RunFolder.OfLoss(_folder.File("run"));
        Interrupt(folder, options, Iterations + 3, extendBy: 0);
        Interrupt(folder, options, Iterations + 5, extendBy: 4);
        Interrupt(folder, options, Iterations + 8, extendBy: 4); // again: continued, not added once more
        Assert.Equal("1:4", JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllText(folder.Description))!["extended"]);
        var extended = Train("run", options, resume: true);
        Assert.EndsWith("00000016.safetensors", folder.Checkpoints[^1], StringComparison.Ordinal);
        Assert.Equal(Train("whole", options with { Extensions = [new LossExtension(1, 4)] }), extended);
        Assert.NotEqual(Train("shorter", options), extended);
        using (var stack = DiscriminatorStack.Load(_folder.File("run.safetensors")))
            Assert.Equal("1:4", stack.Metadata!.Extensions);

        var finished = new LossRun([Photograph(1)], options, folder) { ExtendBy = 2 };
        Assert.Contains("all its scales are trained", Assert.Throws<InputException>(() => finished.Run(resume: true)).Message);
    }

    [Fact]
    public void A_finished_run_that_is_resumed_gives_the_same_stack_and_writes_nothing()
    {
        using var scope = NewDisposeScope();
        var whole = Train("run", Options("sisr"));
        var folder = RunFolder.OfLoss(_folder.File("run"));
        var before = Times();
        Assert.Equal(whole, Train("run", Options("sisr"), resume: true));
        Assert.Equal(before, Times());

        Dictionary<string, DateTime> Times() => Directory.EnumerateFiles(folder.Path, "*", SearchOption.AllDirectories)
            .Where(file => !Path.GetFileName(file).StartsWith(".lock", StringComparison.Ordinal)).ToDictionary(file => file, File.GetLastWriteTimeUtc);
    }

    [Fact]
    public void The_stack_of_a_finished_run_names_the_program_that_trained_it()
    {
        using var scope = NewDisposeScope();
        var folder = RunFolder.OfLoss(_folder.File("run"));
        Train("run", Options("sisr"));
        var trained = new TrainingProgram("0.0.1", 99);
        using (var file = TensorFile.Open(folder.Checkpoints[^1]))
            (LossCheckpoint.Read(file) with { Program = trained }).Write(_folder.File("other"), file.Tensors);
        File.Move(_folder.File("other"), folder.Checkpoints[^1], overwrite: true);
        using var stack = new LossRun([Photograph(1)], Options("sisr"), folder) { Output = _folder.File("stack.safetensors") }.Run(resume: true);
        using var written = DiscriminatorStack.Load(_folder.File("stack.safetensors"));
        Assert.Equal(trained, new TrainingProgram(written.Metadata!.ProgramVersion, written.Metadata.Threads));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("{\"recipe\": null}")]
    [InlineData("{\"extended\": null}")]
    [InlineData("[1]")]
    public void A_corrupt_description_is_taken_from_the_newest_checkpoint(string text)
    {
        using var scope = NewDisposeScope();
        var folder = RunFolder.OfLoss(_folder.File("run"));
        var whole = Train("run", Options("sisr"));
        var description = File.ReadAllText(folder.Description);
        File.WriteAllText(folder.Description, text);
        var warnings = new List<string>();
        new LossRun([Photograph(1)], Options("sisr"), folder) { Warn = warnings.Add, Output = _folder.File("again.safetensors") }.Run(resume: true).Dispose();
        Assert.Contains("its content is taken from", Assert.Single(warnings));
        Assert.Equal(description, File.ReadAllText(folder.Description));
        Assert.Equal(whole, File.ReadAllBytes(_folder.File("again.safetensors")));
    }

    [Theory]
    [InlineData("0:20000000")]
    [InlineData("0:10000000,0:1")]
    [InlineData("0:0")]
    [InlineData("-1:5")]
    [InlineData("0")]
    [InlineData("0:1:2")]
    public void Extensions_that_cannot_be_are_refused(string text)
    {
        using var scope = NewDisposeScope();
        Assert.Null(LossExtension.TryParse(text));
        var folder = RunFolder.OfLoss(_folder.File("run"));
        Train("run", Options("sisr"));
        var values = JsonSerializer.Deserialize<Dictionary<string, string>>(File.ReadAllText(folder.Description))!;
        values["extended"] = text;
        File.WriteAllText(folder.Description, JsonSerializer.Serialize(values));
        Assert.Contains("expected 'extended' to be scale:iterations pairs", Assert.Throws<InputException>(() => Train("run", Options("sisr"), resume: true)).Message);
    }

    [Fact]
    public void Extensions_have_a_bound()
    {
        var options = Options("sisr");
        Assert.Throws<ArgumentOutOfRangeException>(() => new LossRun([Photograph(1)], options, RunFolder.OfLoss("x")) { ExtendBy = int.MaxValue });
        Assert.Throws<ArgumentOutOfRangeException>(() => options with { Iterations = LossTrainingOptions.MostIterations + 1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => options with { Extensions = [new LossExtension(0, LossTrainingOptions.MostIterations), new LossExtension(1, 1)] });
        Assert.Equal([new LossExtension(0, 5), new LossExtension(2, 7)], LossExtension.TryParse("0:5,2:7")!);
        Assert.Equal("0:5,2:7", LossExtension.Format([new LossExtension(0, 5), new LossExtension(2, 7)]));
    }

    [Fact]
    public void A_folder_in_which_a_training_is_at_work_is_refused()
    {
        using var scope = NewDisposeScope();
        var folder = RunFolder.OfLoss(_folder.File("run"));
        using var session = RunSession.Open(folder, resume: false);
        Assert.Contains("is in use by", Assert.Throws<InputException>(() => Train("run", Options("sisr"))).Message);
    }

    /// <summary>Photographs of different sizes take turns; the stack says which they were.</summary>
    [Fact]
    public void Several_photographs_make_one_stack()
    {
        using var scope = NewDisposeScope();
        var photographs = new[] { Photograph(1), new LossPhotograph(Picture(2, 40, 33), "bb"), new LossPhotograph(Picture(3, 30, 48), "cc") };
        using var stack = new LossRun(photographs, Options("jpeg:10"), RunFolder.OfLoss(_folder.File("several"))).Run(resume: false);
        using var alone = new LossRun([photographs[0]], Options("jpeg:10"), RunFolder.OfLoss(_folder.File("alone"))).Run(resume: false);
        Assert.Equal("aa,bb,cc", stack.Metadata!.SourceSha256);
        Assert.NotEqual(Weights(alone), Weights(stack));
        Assert.All(Weights(stack), value => Assert.True(float.IsFinite(value)));

        static float[] Weights(DiscriminatorStack stack) => stack[1].state_dict()["body.block2.conv.weight"].data<float>().ToArray();
    }

    [Fact]
    public void A_photograph_of_one_colour_is_refused()
    {
        using var scope = NewDisposeScope();
        var error = Assert.Throws<InputException>(() => LossPlan.For(ones(1, 3, 40, 40).Mul(0.3), Options("sisr")));
        Assert.Contains("only one colour", error.Message);
    }

    private static void Interrupt(RunFolder folder, LossTrainingOptions options, int stop, int extendBy)
    {
        using var source = new CancellationTokenSource();
        var run = new LossRun([Photograph(1)], options, folder, checkpointEvery: 100) { ExtendBy = extendBy };
        Assert.Throws<RunInterruptedException>(() => run.Run(folder.IsBegun, new Stopper(stop, source), source.Token));
    }

    private static LossTrainingOptions Options(string task) =>
        new() { Distortion = Tasks.Parse(task), Iterations = Iterations, Scales = 2, Seed = 3 };

    private static LossPhotograph Photograph(ulong seed) => new(Picture(seed, 32, 40), seed == 1 ? "aa" : "dd");

    private static Tensor Picture(ulong seed, int height, int width)
    {
        using var random = new Generator(seed);
        return Resampler.Bicubic(rand([1, 3, height / 4, width / 4], generator: random), height, width).Clamp(0, 1);
    }

    private byte[] Train(string name, LossTrainingOptions options, bool resume = false, int checkpointEvery = 100)
    {
        var run = new LossRun([Photograph(1)], options, RunFolder.OfLoss(_folder.File(name)), checkpointEvery);
        using var stack = run.Run(resume);
        var path = _folder.File(name + ".safetensors");
        stack.Save(path);
        return File.ReadAllBytes(path);
    }

    private sealed class Collector(List<ProgressUpdate> steps) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate update) => steps.Add(update);
    }

    /// <summary>Cancels after an iteration, counted over all scales.</summary>
    private sealed class Stopper(int stop, CancellationTokenSource source) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate update)
        {
            var scale = update.Stage.StartsWith("scale 0", StringComparison.Ordinal) ? 0 : 1;
            if (scale * Iterations + update.Step >= stop)
                source.Cancel();
        }
    }
}
