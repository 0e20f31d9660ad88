using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Mdf.Discriminators;
using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Experiments;
using Mdf.Imaging;
using Mdf.Networks;
using Mdf.Runtime;
using Mdf.Training;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Tests.Experiments;

public sealed class ExperimentRunTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public ExperimentRunTests()
    {
        foreach (var set in new[] { "train", "test" })
        {
            Directory.CreateDirectory(_folder.File(set));
            for (var i = 0; i < 2; i++)
                Cli.SmallInputs.Image(_folder, Path.Combine(set, $"{set}{i}.png"), seed: (ulong)i);
        }
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void An_experiment_becomes_a_network_that_is_better_than_doing_nothing()
    {
        var run = Run("whole", Experiment(iterations: 240, overrides: "network.batch_norm=false"));
        Assert.Equal(240, run.Result.Iterations);
        Assert.Equal(["00000230.safetensors", "00000240.safetensors"], run.Folder.Checkpoints.Select(Path.GetFileName));
        Assert.True(File.Exists(run.Folder.Validation(30, "test0")));
        Assert.True(File.Exists(run.Folder.Curves));
        Assert.NotEmpty(Directory.GetFiles(run.Folder.TensorBoard));
        var log = File.ReadAllLines(run.Folder.Log);
        Assert.Equal(24 + 8, log.Length);
        Assert.Contains("\"iteration\":30,\"validation\":{\"loss\":", log[3]);

        using var trained = NetworkFile.Load(run.Folder.Last);
        Assert.Equal(("denoise:50", "l1", null, 240, 7), (trained.Metadata.Task, trained.Metadata.Loss, trained.Metadata.LossSha256, trained.Metadata.Iterations, trained.Metadata.Seed));
        var images = new BenchmarkImages(_folder.File("test"), Tasks.ParseForNetwork("denoise:50"), seed: 7);
        using var identity = Restorers.Open(Restorers.Identity, new RestorerSetup { Task = images.Distortion });
        using var measures = MeasureSet.Create([Measures.Psnr]);
        var nothing = Benchmark.Mean(Benchmark.Run([identity], images, measures, [], CPU));
        Assert.True(run.Result.Last.Scores[Measures.Psnr]!.Value > nothing.Scores[Measures.Psnr]!.Value + 1, $"{nothing.Scores[Measures.Psnr]!.Value} → {run.Result.Last.Scores[Measures.Psnr]!.Value}");
    }

    [Fact]
    public void The_log_has_the_value_and_the_share_of_each_term_of_a_sum()
    {
        var run = Run("sum", Experiment(iterations: 12, overrides: "loss=l1+0.5*mse+l1"));
        var entries = File.ReadLines(run.Folder.Log).Select(line => JsonNode.Parse(line)!.AsObject()).ToArray();
        foreach (var iteration in new[] { 10, 12 })
        {
            var terms = Assert.Single(entries, entry => (int)entry["iteration"]! == iteration && entry.ContainsKey("terms"))["terms"]!.AsObject();
            var shares = Assert.Single(entries, entry => (int)entry["iteration"]! == iteration && entry.ContainsKey("gradient_shares"))["gradient_shares"]!.AsObject();
            Assert.Equal(["l1", "mse"], terms.Select(term => term.Key));
            Assert.Equal(["l1", "mse"], shares.Select(term => term.Key));
            Assert.All(terms, term => Assert.InRange((double)term.Value!, 1e-6, 1));
            Assert.Equal(1, shares.Sum(term => (double)term.Value!), 9);
            Assert.InRange((double)shares["l1"]!, 0.5, 1);
        }

        Assert.DoesNotContain("gradient_shares", File.ReadAllText(Run("single", Experiment(iterations: 10)).Folder.Log));
    }

    [Fact]
    public void Without_a_validation_folder_the_images_set_aside_are_validated_on()
    {
        var run = Run("held-out", Experiment(iterations: 2, overrides: ["data.validation=", "data.hold_out=2"]));
        Assert.True(File.Exists(run.Folder.Validation(2, "train0")));
        Assert.False(File.Exists(run.Folder.Validation(2, "train1")));
    }

    [Fact]
    public void A_network_is_trained_on_pairs_of_files()
    {
        WritePairs("train", "test");
        var run = Run("pairs", Experiment(150, overrides: Pairs("network.batch_norm=false", $"data.validation_distorted={_folder.File("test-damaged")}")));
        Assert.True(File.Exists(Path.Combine(run.Folder.Path, "distortion.png")));
        using (var trained = NetworkFile.Load(run.Folder.Last))
            Assert.Equal("pairs", trained.Metadata.Task);
        var images = new BenchmarkImages(_folder.File("test"), new FilePairs(), _folder.File("test-damaged"));
        using var identity = Restorers.Open(Restorers.Identity, new RestorerSetup { Task = images.Distortion });
        using var measures = MeasureSet.Create([Measures.Psnr]);
        var nothing = Benchmark.Mean(Benchmark.Run([identity], images, measures, [], CPU));
        Assert.True(run.Result.Last.Scores[Measures.Psnr]!.Value > nothing.Scores[Measures.Psnr]!.Value + 3, $"{nothing.Scores[Measures.Psnr]!.Value} → {run.Result.Last.Scores[Measures.Psnr]!.Value}");

        // Pictures that are set aside have their pairs in the same folder.
        var held = Run("held-out", Experiment(2, overrides: Pairs("data.validation=", "data.hold_out=2")));
        Assert.True(File.Exists(held.Folder.Validation(2, "train0")));
        Assert.False(File.Exists(held.Folder.Validation(2, "train1")));
    }

    /// <summary>Another task with files: its distortion is made of the validation images only.</summary>
    [Fact]
    public void Files_may_show_a_task_of_another_name()
    {
        WritePairs("train");
        var run = Run("noise", Experiment(2, overrides: Pairs("task=denoise:50")));
        using var trained = NetworkFile.Load(run.Folder.Last);
        Assert.Equal("denoise:50", trained.Metadata.Task);
    }

    [Fact]
    public void A_program_makes_every_picture_once_and_none_again_when_the_run_is_resumed()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs the usual programs of Unix");
        var (log, damaged) = (_folder.File("log"), Cli.SmallInputs.Image(_folder, "damaged.png", seed: 77));
        var program = new ExternalDistortion($"sh -c \"echo '{{in}}' >> '{log}'; cp '{damaged}' '{{out}}'\"", TimeSpan.FromHours(1));
        var experiment = Experiment(60, 7, program);
        var folder = new RunFolder(_folder.File("run"));
        using (var source = new CancellationTokenSource())
        using (var run = new ExperimentRun(experiment, folder, CPU))
            Assert.Throws<RunInterruptedException>(() => run.Run(resume: false, new StopAt(35, source), source.Token)); // behind a validation
        const int pictures = 1 + 2; // the trial and the training; the validation has the same pictures
        Assert.Equal(pictures, File.ReadAllLines(log).Length);
        File.Delete(damaged); // the program fails from now on
        using (var run = new ExperimentRun(experiment, folder, CPU))
            Assert.Throws<InputException>(() => run.Run(resume: true)); // it is tried again
        Cli.SmallInputs.Image(_folder, "damaged.png", seed: 77);
        using (var run = new ExperimentRun(experiment, folder, CPU))
            Assert.Equal(60, run.Run(resume: true).Iterations);
        Assert.Equal(pictures + 2, File.ReadAllLines(log).Length);
        using var trained = NetworkFile.Load(folder.Last);
        Assert.Equal(program.Task, trained.Metadata.Task);

        Assert.Contains("only a command that a person types can", Assert.Throws<InputException>(() => new ExperimentRun(ExperimentFile.Load(folder.Description), folder, CPU)).Message);
        Assert.Contains("type it again", Assert.Throws<InputException>(() => ExperimentFile.RequireNoProgram(folder)).Message);
    }

    [Fact]
    public void What_damages_nothing_is_refused_and_leaves_nothing_behind()
    {
        WritePairs("train");
        Directory.CreateDirectory(_folder.File("same"));
        foreach (var file in Directory.GetFiles(_folder.File("train")))
            File.Copy(file, Path.Combine(_folder.File("same"), Path.GetFileName(file)));
        Assert.Contains("override task: the task 'quantize:8' damages nothing", Refusal(Experiment(2, overrides: "task=quantize:8"), new RunFolder(_folder.File("new")), resume: false));
        Assert.Contains("'pairs' damages nothing", Refusal(Experiment(2, overrides: ["task=pairs", $"data.distorted={_folder.File("same")}", $"data.validation_distorted={_folder.File("test")}"]), new RunFolder(_folder.File("new")), resume: false));
        if (!OperatingSystem.IsWindows())
            Assert.Contains("'external:cp' damages nothing", Refusal(Experiment(2, 7, new ExternalDistortion("cp", TimeSpan.FromHours(1))), new RunFolder(_folder.File("new")), resume: false));
        Assert.False(Directory.Exists(_folder.File("new")));
    }

    [Fact]
    public void A_run_that_is_interrupted_and_resumed_ends_in_the_same_bytes()
    {
        var experiment = Experiment(iterations: 25);
        var whole = Run("whole", experiment).Folder;
        var parts = new RunFolder(_folder.File("parts"));
        foreach (var stop in new[] { 3, 12, 13 })
        {
            using var source = new CancellationTokenSource();
            using var run = new ExperimentRun(experiment, parts, CPU);
            Assert.Throws<RunInterruptedException>(() => run.Run(parts.IsBegun, new StopAt(stop, source), source.Token));
            Assert.Equal(parts.Checkpoint(stop), parts.Checkpoints[^1]);
        }

        // A line that was cut off, and one of an iteration that is done again.
        File.AppendAllText(parts.Log, "{\"iteration\":20,\"train\":{\"loss\":1}}\n{\"iterat");

        // What is left where a run is killed while it writes.
        var torn = Path.Combine(Path.GetDirectoryName(parts.Checkpoints[0])!, ".mdf-abcdefgh.tmp");
        File.WriteAllText(torn, "half of a checkpoint");
        using var last = new ExperimentRun(experiment, parts, CPU);
        last.Run(resume: true);
        Assert.False(File.Exists(torn));

        foreach (var (expected, found) in new[] { (whole.Last, parts.Last), (whole.Best, parts.Best), (whole.Checkpoint(25), parts.Checkpoint(25)), (whole.Description, parts.Description) })
            Assert.True(File.ReadAllBytes(expected).AsSpan().SequenceEqual(File.ReadAllBytes(found)), found);
        Assert.Equal(whole.Checkpoints.Select(Path.GetFileName), parts.Checkpoints.Select(Path.GetFileName));
        Assert.Equal(2, File.ReadAllLines(parts.Log).Count(line => line.Contains("\"iteration\":20", StringComparison.Ordinal) || line.Contains("\"iteration\":25,\"validation\"", StringComparison.Ordinal)));

        // A finished run that is resumed gives the same result, and writes nothing.
        var (before, result) = (Contents(parts), Resume(experiment, parts));
        Assert.Equal(Resume(experiment, whole), result with { Unreadable = [] }, (one, other) => one with { Unreadable = other.Unreadable } == other);
        Assert.Equal(25, result.Iterations);
        Assert.Equal(before, Contents(parts));
    }

    /// <summary>Steps, validations and checkpoints of numbers that divide nothing: the last network is that of the last step, interrupted or not.</summary>
    [Fact]
    public void The_last_step_is_validated_and_written_whatever_the_numbers()
    {
        var experiment = Experiment(50, overrides: ["validation.every=40", "checkpoint_every=7"]);
        var whole = Run("whole", experiment);
        using (var last = NetworkFile.Load(whole.Folder.Last))
            Assert.Equal(50, last.Metadata.Iterations);
        Assert.Equal([40, 50], Validations(whole.Folder));
        var parts = new RunFolder(_folder.File("parts"));
        foreach (var stop in new[] { 40, 41, 49, 50 })
        {
            using var source = new CancellationTokenSource();
            using var run = new ExperimentRun(experiment, parts, CPU);
            Assert.Throws<RunInterruptedException>(() => run.Run(parts.IsBegun, new StopAt(stop, source), source.Token));
        }

        var result = Resume(experiment, parts);
        Assert.Equal(whole.Result.Last, result.Last);
        Assert.Equal(whole.Result.Best, result.Best);
        Assert.Equal([40, 50], Validations(parts));
        AssertSame(whole.Folder, parts, 50);
        var before = Contents(parts);
        Assert.Equal(whole.Result.Last, Resume(experiment, parts).Last);
        Assert.Equal(before, Contents(parts));
    }

    [Theory]
    [InlineData("empty")]
    [InlineData("truncated")]
    [InlineData("zeros")]
    [InlineData("a dangling link")]
    [InlineData("a folder")]
    [InlineData("a link to itself")]
    [InlineData("a file of another kind")]
    [InlineData("a checkpoint of another run")]
    public void A_newest_checkpoint_that_cannot_be_used_gives_way_to_the_one_before(string damage)
    {
        var experiment = Experiment(iterations: 25);
        var whole = Run("whole", experiment).Folder;
        var folder = Run("run", experiment).Folder;
        Assert.Equal([folder.Checkpoint(20), folder.Checkpoint(25)], folder.Checkpoints);
        var newest = folder.Checkpoint(25);
        Damage(newest, damage, experiment);

        var warnings = new List<string>();
        using (var run = new ExperimentRun(experiment, folder, CPU, warnings.Add))
            Assert.Equal(25, run.Run(resume: true).Iterations);
        var warning = Assert.Single(warnings);
        Assert.Contains(newest, warning);
        Assert.Contains($"the run resumes from the checkpoint before it, '{folder.Checkpoint(20)}'", warning);
        Assert.DoesNotContain('\n', warning);
        AssertSame(whole, folder, 25);
        if (!OperatingSystem.IsWindows() || !damage.Contains("link", StringComparison.Ordinal))
            Assert.Contains(RunFolder.AsideOf(newest), Directory.EnumerateFileSystemEntries(Path.GetDirectoryName(newest)!));
    }

    [Fact]
    public void A_copy_that_is_kept_beside_the_checkpoints_is_the_users()
    {
        var experiment = Experiment(iterations: 25);
        var folder = Run("run", experiment).Folder;
        var copy = Path.Combine(Path.GetDirectoryName(folder.Checkpoint(20))!, "backup.safetensors");
        File.Copy(folder.Checkpoint(20), copy);
        using (var run = new ExperimentRun(experiment, folder, CPU) { ExtendBy = 20 })
            Assert.Equal(45, run.Run(resume: true).Iterations);
        Assert.Equal([folder.Checkpoint(40), folder.Checkpoint(45)], folder.Checkpoints);
        Assert.True(File.Exists(copy));
    }

    [Fact]
    public void Checkpoints_are_in_the_order_of_their_numbers()
    {
        var folder = new RunFolder(_folder.File("long"));
        Directory.CreateDirectory(Path.GetDirectoryName(folder.Checkpoint(0))!);
        foreach (var iteration in new[] { 99_999_999, 100_000_001, 5 })
            File.WriteAllText(folder.Checkpoint(iteration), "");
        Assert.Equal([folder.Checkpoint(5), folder.Checkpoint(99_999_999), folder.Checkpoint(100_000_001)], folder.Checkpoints);
    }

    [Theory]
    [InlineData("")]
    [InlineData("task: [")]
    [InlineData("task: jpeg:10\nbroken: 1\n")]
    public void A_corrupt_description_is_taken_from_the_newest_checkpoint(string text)
    {
        var experiment = Experiment(iterations: 25);
        var folder = Run("run", experiment).Folder;
        var description = File.ReadAllText(folder.Description);
        File.WriteAllText(folder.Description, text);
        File.WriteAllBytes(folder.Checkpoint(25), []); // the one before says it, too
        var warnings = new List<string>();
        using (var run = new ExperimentRun(experiment, folder, CPU, warnings.Add))
            Assert.Equal(25, run.Run(resume: true).Iterations);
        Assert.Contains($"'{folder.Description}' cannot be read; its content is taken from '{folder.Checkpoint(20)}'", warnings);
        Assert.Equal(description, File.ReadAllText(folder.Description));

        File.WriteAllText(folder.Description, text);
        foreach (var checkpoint in folder.Checkpoints)
            File.Delete(checkpoint);
        Assert.Contains("no checkpoint has its content", Refusal(experiment, folder, resume: true));
    }

    /// <summary>Stopped between two entries of the log: the entry after it is of all its steps.</summary>
    [Fact]
    public void The_log_of_an_interrupted_run_is_that_of_one_that_was_not()
    {
        var experiment = Experiment(iterations: 40);
        var whole = Run("whole", experiment).Folder;
        var folder = new RunFolder(_folder.File("stopped"));
        foreach (var stop in new[] { 3, 17, 18, 30 })
        {
            using var source = new CancellationTokenSource();
            using var run = new ExperimentRun(experiment, folder, CPU);
            Assert.Throws<RunInterruptedException>(() => run.Run(folder.IsBegun, new StopAt(stop, source), source.Token));
        }

        Resume(experiment, folder);
        Assert.Equal(Lines(whole), Lines(folder));

        static string[] Lines(RunFolder folder) =>
            [.. File.ReadAllLines(folder.Log).Select(line => System.Text.RegularExpressions.Regex.Replace(line, "\"(data_)?ms_per_step\":[^,}]+", ""))];
    }

    [Fact]
    public void Odd_lines_of_a_log_are_passed_over_and_a_lost_log_is_begun_anew()
    {
        var experiment = Experiment(iterations: 25);
        var folder = Run("run", experiment).Folder;
        File.AppendAllLines(folder.Log, ["{\"iteration\":5,\"iteration\":6}", "{\"iteration\":3,\"train\":5}", "[]", "null", "{\"iteration\":\"3\"}", "{\"iteration\":3,\"train\":{\"loss\":1,\"loss\":2}}"]);
        File.Delete(folder.Curves);
        Resume(experiment, folder);
        Assert.True(File.Exists(folder.Curves));
        File.Delete(folder.Log);
        File.Delete(folder.Curves);
        Assert.Equal(25, Resume(experiment, folder).Iterations);
        using (var run = new ExperimentRun(experiment, folder, CPU) { ExtendBy = 10 })
            run.Run(resume: true);
        Assert.Equal([30, 30, 35, 35], File.ReadAllLines(folder.Log).Select(line => (int)JsonNode.Parse(line)!["iteration"]!));
    }

    [Fact]
    public void A_network_whose_output_is_not_finite_has_diverged()
    {
        using var run = new ExperimentRun(Experiment(1, overrides: ["schedule.learning_rate=1e30", "schedule.decay=constant"]), new RunFolder(_folder.File("run")), CPU);
        Assert.Contains("try a lower learning rate; there is no checkpoint yet", Assert.Throws<DivergedException>(() => run.Run(resume: false)).Message);
    }

    [Fact]
    public void Networks_of_an_ended_run_that_were_deleted_are_written_again_or_missed()
    {
        var experiment = Experiment(iterations: 25);
        var folder = Run("run", experiment).Folder;
        var (best, last) = (File.ReadAllBytes(folder.Best), File.ReadAllBytes(folder.Last));
        Assert.Equal(best, last); // validated once, at the end
        File.Delete(folder.Best);
        File.Delete(folder.Last);
        Resume(experiment, folder);
        Assert.Equal(best, File.ReadAllBytes(folder.Best));
        Assert.Equal(last, File.ReadAllBytes(folder.Last));

        // Where an earlier validation was better, its network is gone.
        using (var file = TensorFile.Open(folder.Checkpoint(25)))
            (TrainingCheckpoint.Read(file) with { Best = new BestValidation(1, 0) }).Write(_folder.File("other"), file.Tensors);
        File.Move(_folder.File("other"), folder.Checkpoint(25), overwrite: true);
        File.Delete(folder.Best);
        var warnings = new List<string>();
        using (var run = new ExperimentRun(experiment, folder, CPU, warnings.Add))
            Assert.Equal(1, run.Run(resume: true).Best.Iteration);
        Assert.Contains("the network of iteration 1, has been deleted", Assert.Single(warnings));
    }

    [Fact]
    public void Images_that_are_all_set_aside_leave_nothing_to_train_on()
    {
        string[] files = [.. Directory.GetFiles(_folder.File("train")).Order(StringComparer.Ordinal)];
        Assert.Contains("data.hold_out = 10 holds out all of them", Refusal(
            Experiment(2, overrides: [$"data.train={files[0]}", "data.hold_out=10", "data.validation="]), new RunFolder(_folder.File("run")), resume: false));
        Assert.False(Directory.Exists(_folder.File("run")));

        // Images named one by one are counted together.
        var sampling = new SamplingOptions { Patch = 16, HoldOut = 2 };
        string[] three = [files[0], files[0], files[0]];
        Assert.Equal(2, TrainingImages.HeldOut(three, sampling).Count);
        Assert.Equal(1, TrainingImages.Load(three, sampling).Count);
    }

    [Fact]
    public void Extensions_have_a_bound()
    {
        var experiment = Experiment(iterations: 5);
        var folder = Run("run", experiment).Folder;
        foreach (var steps in new[] { -1, int.MaxValue })
            Assert.Throws<ArgumentOutOfRangeException>(() => new ExperimentRun(experiment, folder, CPU) { ExtendBy = steps });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ScheduleOptions { Iterations = 1, Extensions = [ScheduleOptions.MostIterations, 1] });
        Assert.Contains("expected 'schedule.extend' to be at most 1000000000 steps in all", Assert.Throws<InputException>(() => Experiment(5, overrides: "schedule.extend=[999999999, 2]")).Message);
        Assert.Equal(2 * ScheduleOptions.MostIterations, new ScheduleOptions { Iterations = ScheduleOptions.MostIterations, Extensions = [ScheduleOptions.MostIterations] }.TotalIterations);
        using (var run = new ExperimentRun(experiment, folder, CPU) { ExtendBy = 1 })
            run.Run(resume: true);
        using (var run = new ExperimentRun(experiment, folder, CPU) { ExtendBy = ScheduleOptions.MostIterations })
            Assert.Contains("cannot extend", Assert.Throws<InputException>(() => run.Run(resume: true)).Message);
        Assert.Equal([1], ExperimentFile.Load(folder.Description).Training.Schedule.Extensions);
    }

    [Fact]
    public void A_folder_of_another_kind_of_run_is_refused()
    {
        var experiment = Experiment(iterations: 5);
        File.WriteAllText(_folder.File("loss.json"), "{}");
        Assert.Contains("holds another run ('" + _folder.File("loss.json"), Refusal(experiment, new RunFolder(_folder.File("")), resume: false));
        var folder = Run("run", experiment).Folder;
        File.Delete(folder.Description);
        Assert.Contains("holds another run", Refusal(experiment, folder, resume: false));
    }

    [Fact]
    public void Curves_that_a_kill_prevented_are_drawn_when_the_run_is_resumed()
    {
        var experiment = Experiment(iterations: 5);
        var folder = Run("run", experiment).Folder;
        File.Delete(folder.Curves);
        Resume(experiment, folder);
        Assert.True(File.Exists(folder.Curves));
    }

    [Fact]
    public void Without_a_checkpoint_that_can_be_used_nothing_is_trained()
    {
        var experiment = Experiment(iterations: 25);
        var folder = Run("run", experiment).Folder;
        foreach (var checkpoint in folder.Checkpoints)
            File.WriteAllText(checkpoint, "");
        var message = Refusal(experiment, folder, resume: true);
        Assert.Contains(folder.Checkpoint(25), message);
        Assert.Contains("no other checkpoint of", message);
        Assert.Equal([folder.Checkpoint(20), folder.Checkpoint(25)], folder.Checkpoints);
    }

    [Fact]
    public void A_folder_in_which_a_run_is_at_work_is_refused_with_who_works_there()
    {
        var experiment = Experiment(iterations: 20);
        var folder = new RunFolder(_folder.File("run"));
        var messages = new List<string>();
        using (var run = new ExperimentRun(experiment, folder, CPU))
        {
            run.Run(resume: false, new At(12, () =>
            {
                using var second = new ExperimentRun(experiment, folder, CPU);
                messages.Add(Assert.Throws<InputException>(() => second.Run(resume: true)).Message);
            }));
        }

        Assert.StartsWith($"'{folder.Path}' is in use by ", Assert.Single(messages));
        Assert.Contains($"process {Environment.ProcessId} on {Environment.MachineName}, since ", messages[0]);
        AssertSame(Run("alone", experiment).Folder, folder, 20);
        Assert.Equal(20, Resume(experiment, folder).Iterations); // released
    }

    [Fact]
    public void A_run_may_be_resumed_with_other_validations_and_checkpoints_and_more_steps_of_the_same_rate()
    {
        string[] constant = ["schedule.decay=constant", "checkpoint_every=10"];
        var folder = Run("run", Experiment(20, overrides: constant)).Folder;
        var longer = Experiment(40, overrides: ["schedule.decay=constant", "checkpoint_every=5", "validation.every=20", "validation.images=0"]);
        Assert.Equal(40, Resume(longer, folder).Iterations);
        Assert.Equal(longer, ExperimentFile.Load(folder.Description));
        var whole = Run("whole", longer).Folder;
        AssertSame(whole, folder, 40);
        Assert.Contains("20 steps have been made", Refusal(Experiment(20, overrides: constant), Run("fewer", Experiment(40, overrides: constant)).Folder, resume: true).Replace("40 steps", "20 steps", StringComparison.Ordinal));
        var checkpoints = folder.Checkpoints;
        Assert.Contains("found network.features = 4 instead of 8", Refusal(Experiment(40, overrides: [.. constant, "network.features=4"]), folder, resume: true)); // not "damaged"
        Assert.Contains("found schedule.extend = [5] instead of []", Refusal(Experiment(40, overrides: [.. constant, "schedule.extend=[5]"]), folder, resume: true));
        Assert.Equal(checkpoints, folder.Checkpoints);
        Assert.Contains("found schedule.batch = 2", Refusal(Experiment(40, overrides: [.. constant, "schedule.batch=2"]), folder, resume: true));
    }

    [Fact]
    public void A_run_that_has_ended_can_be_extended_and_is_that_of_a_file_that_says_so()
    {
        var experiment = Experiment(iterations: 25);
        var folder = Run("run", experiment).Folder;
        Extend(12);
        Assert.Equal([12], ExperimentFile.Load(folder.Description).Training.Schedule.Extensions);
        using (var source = new CancellationTokenSource())
        using (var run = new ExperimentRun(experiment, folder, CPU) { ExtendBy = 8 })
            Assert.Throws<RunInterruptedException>(() => run.Run(resume: true, new StopAt(40, source), source.Token));

        // The same again continues the extension; another one has to wait.
        using (var other = new ExperimentRun(experiment, folder, CPU) { ExtendBy = 9 })
            Assert.Contains("has made 40 of 45 steps; finish these first: resume it without an extension", Assert.Throws<InputException>(() => other.Run(resume: true)).Message);
        Extend(8);
        Assert.Equal([25, 30, 37, 45], Validations(folder));
        AssertSame(Run("whole", Experiment(25, overrides: "schedule.extend=[12, 8]")).Folder, folder, 45);
        var rates = File.ReadAllLines(folder.Log).Select(line => JsonNode.Parse(line)!).Where(entry => (int)entry["iteration"]! > 30 && entry["train"] is not null)
            .Select(entry => (double)entry["train"]!["learning_rate"]!);
        Assert.All(rates, rate => Assert.Equal(CosineDecay.DefaultFinalRate, rate, 1e-12));

        void Extend(int steps)
        {
            using var run = new ExperimentRun(experiment, folder, CPU) { ExtendBy = steps };
            run.Run(resume: true);
        }
    }

    [Fact]
    public void A_validation_that_is_interrupted_is_made_up_for()
    {
        var experiment = Experiment(iterations: 40);
        var whole = Run("whole", experiment).Folder;
        var folder = new RunFolder(_folder.File("stopped"));
        using var source = new CancellationTokenSource();
        using (var run = new ExperimentRun(experiment, folder, CPU))
            Assert.Throws<RunInterruptedException>(() => run.Run(resume: false, new StopAt(30, source), source.Token)); // as the validation begins
        Assert.Equal(folder.Checkpoint(30), folder.Checkpoints[^1]);
        Assert.False(File.Exists(folder.Last));
        using var resumed = new ExperimentRun(experiment, folder, CPU);
        resumed.Run(resume: true);
        Assert.Equal(
            File.ReadAllLines(whole.Log).Where(line => line.Contains("validation", StringComparison.Ordinal)),
            File.ReadAllLines(folder.Log).Where(line => line.Contains("validation", StringComparison.Ordinal)));
        foreach (var (expected, found) in new[] { (whole.Best, folder.Best), (whole.Checkpoint(40), folder.Checkpoint(40)) })
            Assert.True(File.ReadAllBytes(expected).AsSpan().SequenceEqual(File.ReadAllBytes(found)), found);
    }

    [Fact]
    public void What_does_not_belong_together_is_refused()
    {
        var experiment = Experiment(iterations: 5);
        var folder = Run("run", experiment).Folder;
        Assert.Contains("holds a run already: resume it, or choose another folder", Refusal(experiment, folder, resume: false));
        Assert.Contains("holds no run to resume", Refusal(experiment, new RunFolder(_folder.File("none")), resume: true));
        Assert.False(Directory.Exists(_folder.File("none")));
        Assert.Contains("found schedule.iterations = 6 instead of 5 (the learning rate of every step depends on it; to add steps at the last rate, extend the run); run it in another folder", Refusal(Experiment(iterations: 6), folder, resume: true));

        // A checkpoint that came from elsewhere.
        var other = Run("other", Experiment(iterations: 5, seed: 8)).Folder;
        File.Copy(other.Checkpoint(5), folder.Checkpoint(5), overwrite: true);
        Assert.Contains($"'{folder.Checkpoint(5)}': expected a checkpoint of the run in '{folder.Path}', found one with seed = 8 instead of 7", Refusal(experiment, folder, resume: true));
        File.Copy(other.Last, folder.Checkpoint(5), overwrite: true);
        Assert.Contains("expected a checkpoint", Refusal(experiment, folder, resume: true));
    }

    [Fact]
    public void A_stack_that_has_changed_since_is_refused()
    {
        var (first, second) = (_folder.File("first.safetensors"), _folder.File("second.safetensors"));
        var hashes = (First: WriteStack(first, seed: 1), Second: WriteStack(second, seed: 2));
        var experiment = Experiment(iterations: 2, overrides: $"loss=l1+0.1*mdf:'{first}'+0.1*mdf:'{second}'");
        var folder = Run("run", experiment).Folder;
        using (var trained = NetworkFile.Load(folder.Last))
            Assert.Equal($"{hashes.First},{hashes.Second}", trained.Metadata.LossSha256);

        var other = WriteStack(second, seed: 3);
        Assert.Contains($"expected the weights '{second}' that it began with, of the SHA-256 '{hashes.Second}', found '{other}'; put that file back", Refusal(experiment, folder, resume: true));
        WriteStack(second, seed: 2);
        Assert.Equal(2, Resume(experiment, folder).Iterations);

        // A checkpoint that does not say which stack it was is not made to say so now.
        var silent = new RunFolder(_folder.File("silent"));
        using (var source = new CancellationTokenSource())
        using (var run = new ExperimentRun(experiment, silent, CPU))
            Assert.Throws<RunInterruptedException>(() => run.Run(resume: false, new StopAt(1, source), source.Token));
        using (var file = TensorFile.Open(silent.Checkpoint(1)))
            (TrainingCheckpoint.Read(file) with { LossSha256 = null }).Write(silent.Checkpoint(1) + ".old", file.Tensors);
        File.Move(silent.Checkpoint(1) + ".old", silent.Checkpoint(1), overwrite: true);
        Assert.Equal(2, Resume(experiment, silent).Iterations);
        using var resumed = NetworkFile.Load(silent.Last);
        Assert.Null(resumed.Metadata.LossSha256);

        static string WriteStack(string path, long seed)
        {
            using var stack = DiscriminatorStack.Untrained(scales: 1, seed);
            Assert.Null(stack.ReadFrom);
            stack.Save(path);
            return Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
        }
    }

    [Fact]
    public void Mistakes_are_found_before_anything_is_written()
    {
        foreach (var (key, value, expected) in new[]
        {
            ("task", "sisr", "override task: task 'sisr' needs a factor"),
            ("task", "sisr:3", "expected a multiple of 3, as the task sisr:3 requires, found 16"),
            ("task", "pairs", "task 'pairs' damages nothing itself: give the damaged files"),
            ("task", "'external:touch trace'", "a file cannot start a program; only a command that a person types can"),
            ("data.distorted", "nowhere", "nowhere"),
            ("data.validation_distorted", "nowhere", "nowhere"),
            ("data.validation", "nowhere", "nowhere"),
            ("data.train", "nowhere", "nowhere"),
            ("data.patch", "64", "smaller than a patch of 64×64"),
            ("loss", "ms-ssim", "needs patches of at least 161 pixels, found 16"),
            ("loss", "mdf:none.pth", "there is no such file"),
            ("network.featurs", "8", "did you mean 'features'"),
            ("init", "none.safetensors", "there is no such file"),
            ("validation.niqe", "none.npz", "there is no such file"),
            ("validation.measures", "niqe", "'niqe' needs the parameters of NIQE"),
            ("validation.measures", "[psnr, flipp]", "do you mean 'flip'?"),
            ("validation.measures", "[]", "expected 'validation.measures' to name at least one"),
        })
        {
            var message = Assert.Throws<InputException>(() => Run("new", Experiment(5, overrides: $"{key}={value}"))).Message;
            Assert.Contains(expected, message);
            Assert.DoesNotContain('\n', message);
            Assert.False(Directory.Exists(_folder.File("new")), $"{key} = {value}");
        }
    }

    [Fact]
    public void A_validation_measures_the_named_measures_in_their_order()
    {
        var (folder, result) = Run("measured", Experiment(iterations: 2, overrides: "validation.measures=[flip, psnr-y, mse]"));
        Assert.Equal(["flip", "psnr_y", "mse"], result.Last.Scores.Names);
        Assert.All(result.Last.Scores.Values.Values, value => Assert.True(value > 0));
        Assert.Contains("\"flip\":", File.ReadAllText(folder.Log));
        using var resumed = new ExperimentRun(Experiment(iterations: 2, overrides: "validation.measures=[flip, psnr-y, mse]"), folder, CPU);
        Assert.Equal(result.Last.Scores, resumed.Run(resume: true).Last.Scores);
    }

    [Fact]
    public void Training_can_start_from_trained_weights()
    {
        var first = Run("first", Experiment(iterations: 20, overrides: "network.batch_norm=false")).Folder;
        var second = Run("second", Experiment(1, overrides: ["network.batch_norm=false", $"init={first.Last}", "schedule.learning_rate=1e-12"])).Folder;
        using var expected = TensorFile.Open(first.Last);
        using var found = TensorFile.Open(second.Last);
        foreach (var (name, tensor) in expected.Tensors)
        {
            using var scope = NewDisposeScope();
            Assert.InRange((tensor.ToTensor() - found.Tensors[name].ToTensor()).abs().max().item<float>(), 0, 1e-6);
        }
    }

    // tests/full-disk does it with a disk that is full.
    [Fact]
    public void A_checkpoint_that_cannot_be_written_leaves_the_one_before()
    {
        var experiment = Experiment(iterations: 20);
        var folder = new RunFolder(_folder.File("run"));
        using var source = new CancellationTokenSource();
        using (var run = new ExperimentRun(experiment, folder, CPU))
            Assert.Throws<RunInterruptedException>(() => run.Run(resume: false, new StopAt(4, source), source.Token));
        using var resumed = new ExperimentRun(experiment, folder, CPU);
        var failure = Assert.Throws<IOException>(() => resumed.Run(resume: true, new At(8, () => Directory.CreateDirectory(folder.Checkpoint(10))))); // where the next one is to be
        Assert.Contains($"cannot write the checkpoint '{folder.Checkpoint(10)}'", failure.Message);
        Assert.Contains($"the checkpoint '{folder.Checkpoint(4)}' is intact: fix this, then resume the run", failure.Message);
        using var file = TensorFile.Open(folder.Checkpoint(4));
        Assert.NotEmpty(file.Tensors);
    }

    private static ExperimentResult Resume(Experiment experiment, RunFolder folder)
    {
        using var run = new ExperimentRun(experiment, folder, CPU);
        return run.Run(resume: true);
    }

    /// <summary>The networks, the last checkpoint and the experiment of two runs are the same bytes.</summary>
    private static void AssertSame(RunFolder expected, RunFolder found, int iteration)
    {
        foreach (var (one, other) in new[]
        {
            (expected.Last, found.Last), (expected.Best, found.Best), (expected.Checkpoint(iteration), found.Checkpoint(iteration)), (expected.Description, found.Description),
        })
        {
            Assert.True(File.ReadAllBytes(one).AsSpan().SequenceEqual(File.ReadAllBytes(other)), other);
        }
    }

    /// <summary>Every file of a run with its time and its bytes, except the lock's.</summary>
    private static Dictionary<string, (DateTime Written, string Sha256)> Contents(RunFolder folder) =>
        Directory.EnumerateFiles(folder.Path, "*", SearchOption.AllDirectories).Where(file => !Path.GetFileName(file).StartsWith(".lock", StringComparison.Ordinal))
            .ToDictionary(file => file, file => (File.GetLastWriteTimeUtc(file), Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)))));

    /// <summary>The iterations of all validations in the log.</summary>
    private static int[] Validations(RunFolder folder) =>
        [.. File.ReadAllLines(folder.Log).Select(line => JsonNode.Parse(line)!).Where(entry => entry["validation"] is not null).Select(entry => (int)entry["iteration"]!)];

    private void Damage(string path, string damage, Experiment experiment)
    {
        var content = File.ReadAllBytes(path);
        switch (damage)
        {
            case "a checkpoint of another run":
                File.Copy(Run("other", Experiment(25, seed: 8)).Folder.Checkpoint(25), path, overwrite: true);
                return;
            case "a file of another kind":
                File.Copy(_folder.File(Path.Combine("train", "train0.png")), path, overwrite: true);
                return;
            case "truncated":
                File.WriteAllBytes(path, content[..^100]);
                return;
            case "empty" or "zeros":
                File.WriteAllBytes(path, new byte[damage == "empty" ? 0 : content.Length]);
                return;
        }

        File.Delete(path);
        if (damage == "a folder")
            Directory.CreateDirectory(path);
        else
            File.CreateSymbolicLink(path, damage == "a link to itself" ? path : _folder.File("gone"));
    }

    private static string Refusal(Experiment experiment, RunFolder folder, bool resume)
    {
        using var run = new ExperimentRun(experiment, folder, CPU);
        return Assert.Throws<InputException>(() => run.Run(resume)).Message;
    }

    private (RunFolder Folder, ExperimentResult Result) Run(string name, Experiment experiment)
    {
        var folder = new RunFolder(_folder.File(name));
        using var run = new ExperimentRun(experiment, folder, CPU);
        return (folder, run.Run(resume: false));
    }

    private string[] Pairs(params string[] overrides) => ["task=pairs", $"data.distorted={_folder.File("train-damaged")}", $"data.validation_distorted={_folder.File("test-damaged")}",
        .. overrides.Contains("data.validation=") || overrides.Contains("task=denoise:50") ? new[] { "data.validation_distorted=" } : [], .. overrides];

    /// <summary>Writes a damaged version of every picture: darker and noisy.</summary>
    private void WritePairs(params string[] sets)
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(5);
        foreach (var set in sets)
        {
            Directory.CreateDirectory(_folder.File($"{set}-damaged"));
            foreach (var file in Directory.GetFiles(_folder.File(set)))
                ImageFile.Write(Path.Combine(_folder.File($"{set}-damaged"), Path.GetFileName(file)), new GaussianNoise(15).Apply(ImageFile.Read(file), random).Mul(0.6));
        }
    }

    private Experiment Experiment(int iterations, int seed, ExternalDistortion program) => ExperimentFile.Parse(Experiment(iterations, seed).ToYaml(), "test.yaml", null, program);

    private Experiment Experiment(int iterations, int seed = 7, params string[] overrides) => ExperimentFile.Parse(
        $$"""
        task: denoise:50
        network: {name: dncnn, features: 8, layers: 4}
        loss: l1
        data: {train: '{{_folder.File("train")}}', validation: '{{_folder.File("test")}}', patch: 16}
        schedule: {iterations: {{iterations}}, batch: 4, learning_rate: 5e-3, ema: 0.9}
        validation: {every: 30}
        checkpoint_every: 10
        seed: {{seed}}
        """,
        "test.yaml", overrides);

    /// <summary>Does something after a step of the training.</summary>
    private sealed class At(int step, Action act) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate update)
        {
            if (update.Stage == "training" && update.Step == step)
                act();
        }
    }

    /// <summary>Cancels after a step of the training.</summary>
    private sealed class StopAt(int step, CancellationTokenSource source) : IProgress<ProgressUpdate>
    {
        public void Report(ProgressUpdate update)
        {
            if (update.Stage == "training" && update.Step == step)
                source.Cancel();
        }
    }
}
