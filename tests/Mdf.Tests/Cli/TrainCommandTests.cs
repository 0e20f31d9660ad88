using Mdf.Experiments;
using Mdf.Networks;

namespace Mdf.Tests.Cli;

/// <summary><c>mdf train</c> and what comes of it, through the command line.</summary>
public sealed class TrainCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public TrainCommandTests()
    {
        foreach (var name in new[] { "train", "test", "empty", "mixed" })
            Directory.CreateDirectory(_folder.File(name));
        _folder.Image(Path.Combine("train", "a.png"));
        _folder.Image(Path.Combine("train", "b.png"), seed: 6);
        _folder.Image(Path.Combine("test", "c.png"), seed: 7);
        _folder.Image(Path.Combine("mixed", "a.png"));
        _folder.Image(Path.Combine("mixed", "c.png"), seed: 8);
        File.WriteAllBytes(_folder.File("mixed/broken.png"), File.ReadAllBytes(_folder.File("mixed/a.png"))[..500]);
        File.WriteAllText(_folder.File("small.yaml"), _folder.Local(
            """
            task: denoise:25
            network: { name: dncnn, layers: 3, features: 4 }
            loss: l1
            data: { train: {}train, validation: {}test, patch: 16 }
            schedule: { iterations: 4, batch: 2, learning_rate: 1e-3 }
            checkpoint_every: 2
            """));
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("train {}small.yaml --set data.train={}empty -o {}run", "'{}empty' holds no image (.png, .jpg, .jpeg, .bmp, .tif, .tiff, .webp)")]
    [InlineData("train {}small.yaml --set data.train={}none -o {}run", "cannot list '{}none'")]
    [InlineData("train {}small.yaml --set data.patch=64 -o {}run", "'{}train/a.png' is 40×32 pixels, smaller than a patch of 64×64: use smaller patches, or remove the image")]
    [InlineData("train {}small.yaml --set data.train={}mixed -o {}run", "'{}mixed/broken.png'")]
    [InlineData("train {}small.yaml --set schedule.iteration=9 -o {}run", "did you mean 'iterations'")]
    [InlineData("train {}none.yaml -o {}run", "cannot read '{}none.yaml': there is no such file; check the path")]
    [InlineData("train {}small.yaml --task quantize:8 -o {}run", "--task: the task 'quantize:8' damages nothing")]
    [InlineData("train {}small.yaml --task external:false -o {}run", "--task: the external program 'false' failed: it ended with exit code 1")]
    [InlineData("train {}small.yaml --set task='external:false' -o {}run", "--set task: cannot use task 'external' here: a file cannot start a program; only a command that a person types can (--task 'external:command', also with --resume)")]
    [InlineData("train {}small.yaml --task pairs -o {}run", "task 'pairs' damages nothing itself")]
    [InlineData("train {}small.yaml --resume -o {}run", "'{}run' holds no run to resume")]
    public void A_mistake_is_one_line_and_leaves_nothing_behind(string line, string expected)
    {
        var answer = Run(line);
        Assert.Equal((2, ""), (answer.ExitCode, answer.Output));
        Assert.Contains(_folder.Local(expected), answer.Error);
        Assert.Single(answer.Error.TrimEnd('\n').Split('\n'), text => !text.StartsWith("reading: ", StringComparison.Ordinal));
        Assert.False(Directory.Exists(_folder.File("run")));
    }

    [Theory]
    [InlineData("train {}needy.yaml -o {}run", "data.train={}none")]
    [InlineData("train {}needy.yaml -o {}run", "data.validation={}none")]
    [InlineData("train {}needy.yaml -o {}run", "init={}none.safetensors")]
    [InlineData("train {}needy.yaml -o {}run", "loss=mdf:{}none.pth")]
    public void Of_a_missing_file_an_experiment_says_what_it_needs(string line, string missing)
    {
        File.WriteAllText(_folder.File("needy.yaml"), File.ReadAllText(_folder.File("small.yaml")) + "\nneeds: the Set of Five (https://example.org)\n");
        var answer = Run($"{line} --set {missing}");
        Assert.Equal((2, ""), (answer.ExitCode, answer.Output));
        Assert.Contains("; this experiment needs the Set of Five (https://example.org): put it there, or name other folders with --set data.train=FOLDER --set data.validation=FOLDER\n", answer.Error);
        Assert.Contains(_folder.File("none"), answer.Error);
        Assert.DoesNotContain("this experiment needs", Run("train {}needy.yaml -o {}run --set data.patch=64").Error);
    }

    [Fact]
    public void Single_images_can_stand_for_folders()
    {
        var answer = Run("train {}small.yaml --set data.train=[{}train/a.png,{}mixed/c.png] --set data.validation={}test/c.png -o {}run");
        Assert.True(answer.ExitCode == 0, answer.Error);
        Assert.Equal(0, Run("evaluate identity --task jpeg:10 --data {}test/c.png").ExitCode);
        Assert.Contains("cannot list '", Run("evaluate identity --task jpeg:10 --data {}small.yaml").Error);
    }

    [Fact]
    public void The_experiments_of_the_repository_say_what_they_need_and_the_quick_one_needs_nothing()
    {
        foreach (var file in Experiments.RepositoryExperiments.Files)
        {
            var experiment = Experiments.RepositoryExperiments.Read(file)[0];
            if (Path.GetDirectoryName(file) != Path.Combine(Experiments.RepositoryExperiments.Folder, "quick"))
            {
                Assert.NotNull(experiment.Needs);
                continue;
            }

            Assert.Null(experiment.Needs);
            Assert.DoesNotContain(experiment.ValidationFolder!, experiment.TrainingFolders);
            Assert.All(experiment.TrainingFolders.Append(experiment.ValidationFolder!), path => Assert.True(File.Exists(Path.Combine(Shared.Repository, path)), path));
        }
    }

    [Fact]
    public void A_misspelt_key_is_refused_with_its_line()
    {
        var text = File.ReadAllText(_folder.File("small.yaml")).Replace("loss: l1", "lose: l1", StringComparison.Ordinal);
        File.WriteAllText(_folder.File("misspelt.yaml"), text);
        var answer = Run("train {}misspelt.yaml -o {}run");
        Assert.Equal(2, answer.ExitCode);
        Assert.StartsWith(_folder.Local("mdf: '{}misspelt.yaml', line 3: unknown key 'lose': did you mean 'loss'?"), answer.Error);
    }

    [Fact]
    public void A_corrupt_image_is_passed_over_and_named_if_that_is_asked_for()
    {
        var answer = Run("train {}small.yaml --set data.train={}mixed --set data.skip_unreadable=true -o {}run");
        Assert.True(answer.ExitCode == 0, answer.Error);
        Assert.Contains(_folder.File("mixed/broken.png"), answer.Error);
        Assert.True(File.Exists(new RunFolder(_folder.File("run")).Last));
    }

    [Fact]
    public void A_run_goes_on_only_with_its_own_experiment()
    {
        Assert.Equal(0, Run("train {}small.yaml -o {}run").ExitCode);
        var checkpoints = new RunFolder(_folder.File("run")).Checkpoints;
        var answer = Run("train {}small.yaml --set seed=5 --resume -o {}run");
        Assert.Equal((2, ""), (answer.ExitCode, answer.Output));
        Assert.Contains("found seed = 5 instead of 0", answer.Error);
        Assert.Equal(checkpoints, new RunFolder(_folder.File("run")).Checkpoints);
    }

    [Fact]
    public void A_network_learns_what_a_typed_program_does_and_its_file_starts_nothing()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs the usual programs of Unix");
        var damaged = _folder.Image("damaged.png", seed: 77);
        string[] program = ["--task", $"external:sh -c \"cp '{damaged}' '{{out}}'\" {{in}}"];
        string[] train = ["train", _folder.File("small.yaml"), "-o", _folder.File("run")];
        Assert.Equal(0, MdfProgram.Run([.. train, .. program]).ExitCode);
        var answer = MdfProgram.Run([.. train, "--resume"]);
        Assert.Equal(2, answer.ExitCode);
        Assert.Contains("and no file can start a program; type it again (--task 'external:command', also with --resume)", answer.Error);
        Assert.Equal(0, MdfProgram.Run([.. train, "--resume", .. program]).ExitCode);

        var network = new RunFolder(_folder.File("run")).Last;
        answer = MdfProgram.Run(["evaluate", "identity", network, "--data", _folder.File("test"), .. program]);
        Assert.True(answer.ExitCode == 0, answer.Error);
        File.Delete(damaged); // the program fails from now on
        answer = MdfProgram.Run(["restore", network, _folder.File("test/c.png"), "-o", _folder.File("restored.png")]);
        Assert.True(answer.ExitCode == 0, answer.Error);
        answer = MdfProgram.Run(["evaluate", network, "--task", "pairs", "--data", _folder.File("test"), "--distorted", _folder.File("test")]);
        Assert.True(answer.ExitCode == 0, answer.Error);
    }

    [Theory]
    [InlineData("evaluate {}model.safetensors --task denoise:25 --data {}test", "sisr:2")]
    [InlineData("evaluate {}model.safetensors --task sisr:4 --data {}test", "sisr:2")]
    public void A_network_of_another_task_or_scale_is_refused(string line, string expected)
    {
        var architecture = Architectures.Parse("edsr?blocks=1&features=4&factor=2");
        using (var network = architecture.Build(seed: 1))
            NetworkFile.Save(_folder.File("model.safetensors"), network, new NetworkMetadata { Architecture = architecture, Task = "sisr:2" });
        var answer = Run(line);
        Assert.Equal((2, ""), (answer.ExitCode, answer.Output));
        Assert.Contains(expected, answer.Error);
        Assert.Contains(_folder.File("model.safetensors"), answer.Error);
        Assert.Equal(1, answer.Error.Count(c => c == '\n'));
    }

    [Fact]
    public void Restored_images_lie_in_folders_that_tell_the_networks_apart()
    {
        foreach (var run in new[] { "a/1", "b/1" })
            Assert.Equal(0, Run($"train {{}}small.yaml -o {{}}{run}").ExitCode);
        var answer = Run("evaluate identity {}a/1/last.safetensors {}b/1/last.safetensors --task denoise:25 --data {}test -o {}restored");
        Assert.True(answer.ExitCode == 0, answer.Error);
        Assert.Equal(
            ["a-1-last/c.png", "b-1-last/c.png", "identity/c.png"],
            Directory.EnumerateFiles(_folder.File("restored"), "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(_folder.File("restored"), file)).Order(StringComparer.Ordinal));
        Assert.Contains("would be written to the same folder", Run("evaluate {}a/1/last.safetensors {}a/../a/1/last.safetensors --task denoise:25 --data {}test -o {}again").Error);
    }

    private Answer Run(string line) => MdfProgram.Run([.. line.Split(' ').Select(_folder.Local)]);
}
