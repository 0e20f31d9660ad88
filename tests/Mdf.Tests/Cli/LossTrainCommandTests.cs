using System.Security.Cryptography;
using System.Text.Json;
using Mdf.Discriminators;
using Mdf.Imaging;
using Mdf.Losses;

namespace Mdf.Tests.Cli;

public sealed class LossTrainCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly string _photo;

    public LossTrainCommandTests() => _photo = _folder.Image("photo.png");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void One_seed_gives_one_file_to_the_byte_and_another_seed_another()
    {
        var first = File.ReadAllBytes(Train("first.safetensors", "--seed", "1"));
        Assert.Equal(first, File.ReadAllBytes(Train("again.safetensors", "--seed", "1")));
        Assert.NotEqual(first, File.ReadAllBytes(Train("other.safetensors", "--seed", "2")));
    }

    [Fact]
    public void The_file_is_a_loss_that_says_how_it_was_trained()
    {
        var path = Train("stack.safetensors", "--seed", "7", "--max-size", "36");
        using var loss = LossExpression.Parse($"mdf:{path}").Create();
        using var stack = DiscriminatorStack.Load(path);
        Assert.Equal(2, stack.Count);
        Assert.Equivalent(
            new
            {
                Task = "denoise:25",
                InputRange = InputRange.Unit,
                Sizes = new[] { new ImageSize(25, 32), new ImageSize(27, 34) }, // 36×29 has three scales
                Iterations = 2,
                Seed = 7L,
                SourceSha256 = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(_photo))),
            },
            stack.Metadata);
    }

    [Fact]
    public void The_answer_names_the_stack_and_the_run_and_progress_is_on_standard_error()
    {
        var path = _folder.File("stack.safetensors");
        var answer = MdfProgram.Run(Line(path));
        Assert.Equal(0, answer.ExitCode);
        Assert.Matches($"^{path}: 2 scales for denoise:25 in \\d+ s; use it as --loss mdf:{path}\n{Run}: its curves, and an image of each scale\n$", answer.Output);
        var progress = answer.Error.TrimEnd().Split('\n');
        Assert.All(progress, line => Assert.StartsWith("scale ", line));
        Assert.Contains(progress, line => line.StartsWith("scale 0 (1 of 2, 32×25): 2/2, D(real) ", StringComparison.Ordinal));
        Assert.Contains(progress, line => line.EndsWith(" in all", StringComparison.Ordinal));
        Assert.Equal([_photo, path], FilesBesideTheRun());
    }

    [Theory]
    [InlineData("--coarsest-noise takes a number of at least 0, found '-1'", "--coarsest-noise", "-1")]
    [InlineData("--coarsest-noise cannot be used with --recipe paper", "--coarsest-noise", "0.1", "--recipe", "paper")]
    [InlineData("expected a recipe (paper, photograph", "--recipe", "papre")]
    [InlineData("--reconstruction-weight cannot be used with --recipe random, which has no generators", "--reconstruction-weight", "5", "--recipe", "random")]
    [InlineData("--input-range takes two numbers, the lower first, such as -1,1, found '1,0'", "--input-range", "1,0")]
    [InlineData("--layer-weights takes three numbers, not negative and not all 0, such as 1,1,0.5, found '0,0,0'", "--layer-weights", "0,0,0")]
    public void What_cannot_be_done_is_refused_before_anything_is_written(string expected, params string[] options)
    {
        var answer = MdfProgram.Run([.. Line(_folder.File("stack.safetensors")), .. options]);
        Assert.Equal(2, answer.ExitCode);
        Assert.Contains(expected, answer.Error);
        Assert.Equal([_photo], FilesBesideTheRun());
    }

    [Fact]
    public void The_answer_in_json_is_one_object()
    {
        var path = _folder.File("stack.safetensors");
        using var json = JsonDocument.Parse(MdfProgram.Run([.. Line(path), "--json"]).Output);
        var result = json.RootElement;
        Assert.Equal(["stack", "run", "task", "scales", "iterations", "seed", "seconds"], result.EnumerateObject().Select(entry => entry.Name));
        Assert.Equal((path, "denoise:25"), (result.GetProperty("stack").GetString(), result.GetProperty("task").GetString()));
        Assert.Equal((2, 2, 0),
            (result.GetProperty("scales").GetInt32(), result.GetProperty("iterations").GetInt32(), result.GetProperty("seed").GetInt32()));
    }

    [Fact]
    public void A_file_that_is_there_is_replaced()
    {
        var path = _folder.File("stack.safetensors", "old"u8);
        Train("stack.safetensors");
        using var stack = DiscriminatorStack.Load(path);
        Assert.Equal([_photo, path], FilesBesideTheRun());
    }

    [Fact]
    public void A_folder_of_photographs_makes_one_stack()
    {
        var folder = Directory.CreateDirectory(_folder.File("photos")).FullName;
        File.Copy(_photo, Path.Combine(folder, "a.png"));
        File.Copy(_folder.Image("other.png", seed: 6, width: 50), Path.Combine(folder, "b.png"));
        var path = _folder.File("several.safetensors");
        var answer = MdfProgram.Run(["loss", "train", folder, "--task", "quantize:3", "--scales", "1", "--iterations", "3", "-o", path]);
        Assert.True(answer.ExitCode == 0, answer.Error);
        using var stack = DiscriminatorStack.Load(path);
        Assert.Equal(("quantize:3", 2), (stack.Metadata!.Task, stack.Metadata.SourceSha256.Split(',').Length));
    }

    [Fact]
    public void A_program_of_the_users_own_makes_the_artefact()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "needs the usual programs of Unix");
        var path = _folder.File("own.safetensors");
        // The size of the photograph at scale 0, and then that at which it is probed.
        var (small, whole) = (_folder.Image("small.png", width: 32, height: 25, seed: 9), _folder.Image("whole.png", seed: 9));
        var task = $"external:sh -c \"cp '{small}' '{{out}}'\" {{in}}";
        var answer = MdfProgram.Run(["loss", "train", _photo, "--task", task, "--scales", "1", "--iterations", "1", "-o", path]);
        Assert.True(answer.ExitCode == 0, answer.Error);
        using (var stack = DiscriminatorStack.Load(path))
            Assert.Equal(task, stack.Metadata!.Task);
        Assert.True(File.Exists(_folder.File("own/distortion.png")));

        var probe = MdfProgram.Run(["loss", "inspect", path, "--picture", _photo, "--distortion", $"external:sh -c \"cp '{whole}' '{{out}}'\" {{in}}", "--distortion", "webp:5", "--json"]);
        Assert.True(probe.ExitCode == 0, probe.Error);
        Assert.Contains("\"distortion\": \"external:sh -c", probe.Output);
        Assert.Contains("\"distortion\": \"webp:5\"", probe.Output);
    }

    [Fact]
    public void Inspecting_a_stack_shows_what_it_is_and_what_it_is_specialized_in()
    {
        var path = Train("stack.safetensors", "--input-range", "-1,1", "--layer-weights", "1,1,0");
        var (plot, table) = (_folder.File("probe.png"), _folder.File("probe.md"));
        var answer = MdfProgram.Run(["loss", "inspect", path, "--picture", _photo, "--plot", plot, "--save", table]);
        Assert.True(answer.ExitCode == 0, answer.Error);
        Assert.Contains("2 scales of 32, 32 channels, images in [-1,1], layer weights 1,1,0; 58 k multiplications", answer.Output);
        Assert.Contains("trained for denoise:25, recipe photograph, 2 iterations a scale, coarsest noise 0.2, reconstruction weight 10, seed 0", answer.Output);
        Assert.Contains($"probed on {_photo}", answer.Output);
        Assert.Contains("(own)", File.ReadAllText(table));
        Assert.Equal(900, ImageFile.Read(plot).shape[2]);
        using var json = JsonDocument.Parse(MdfProgram.Run(["loss", "inspect", path, "--picture", _photo, "--json"]).Output);
        Assert.Equal(6, json.RootElement.GetProperty("probe").GetArrayLength());
        Assert.Equal("denoise:25", json.RootElement.GetProperty("stacks")[0].GetProperty("task").GetString());
        var hash = Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(path)));
        Assert.Equal(hash, json.RootElement.GetProperty("stacks")[0].GetProperty("sha256").GetString());
        Assert.Contains(hash, answer.Output);
    }

    [Fact]
    public void A_stack_is_inspected_with_the_options_of_a_loss_and_with_controls()
    {
        var path = Train("stack.safetensors", "--input-range", "-1,1", "--layer-weights", "1,1,0");
        var answer = MdfProgram.Run(["loss", "inspect", path, $"{path}?layer_weights=0,0,0.5&num_scales=1&input_range=0,1", "--picture", _photo, "--controls"]);
        Assert.True(answer.ExitCode == 0, answer.Error);
        Assert.Contains("images in [0,1], layer weights 0,0,0.5; 29 k multiplications", answer.Output);
        Assert.Contains("stack?layer_weights=0,0,0.5&num_scales=1&input_range=0,1", answer.Output);
        Assert.Contains("for the first 6, at equal MSE", answer.Output);
        var odd = _folder.File("o'brien's a+b.safetensors");
        File.Copy(path, odd);
        answer = MdfProgram.Run(["loss", "inspect", odd, $"'{path}'?num_scales=1", "--picture", _photo, "--plot", _folder.File("probe.png")]);
        Assert.True(answer.ExitCode == 0, answer.Error);
        Assert.Contains("o'brien's a+b  ", answer.Output);
        Assert.Contains("stack?num_scales=1", answer.Output);
        using var json = JsonDocument.Parse(MdfProgram.Run(["loss", "inspect", path, "--picture", _photo, "--controls", "--json"]).Output);
        var probe = json.RootElement.GetProperty("probe").EnumerateArray().ToArray();
        Assert.Equal(6, probe.Count(row => !row.GetProperty("isControl").GetBoolean()));
        Assert.Equal(11, probe.Count(row => row.GetProperty("isControl").GetBoolean()));
    }

    [Fact]
    public void Stacks_of_the_same_file_name_are_told_apart_and_the_same_stack_twice_is_refused()
    {
        var path = Train("stack.safetensors");
        Directory.CreateDirectory(_folder.File("other"));
        var (same, first) = (_folder.File("other/stack.safetensors"), _folder.File("distortion.safetensors"));
        File.Copy(path, same);
        File.Copy(path, first); // the name of the first column
        var table = _folder.File("probe.csv");
        var answer = MdfProgram.Run(["loss", "inspect", path, same, first, "--picture", _photo, "--save", table]);
        Assert.True(answer.ExitCode == 0, answer.Error);
        var folder = Path.GetFileName(Path.GetDirectoryName(path));
        Assert.Equal($"distortion,{folder}/stack,other/stack,{folder}/distortion", File.ReadLines(table).First());
        answer = MdfProgram.Run(["loss", "inspect", path, path, "--picture", _photo]);
        Assert.Equal((2, ""), (answer.ExitCode, answer.Output));
        Assert.StartsWith($"mdf: expected different stacks, found '{path}' 2 times: name it once", answer.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stack_is_not_probed_on_the_photograph_that_it_was_trained_on()
    {
        using var json = JsonDocument.Parse(MdfProgram.Run(["loss", "inspect", "sisr", "--json"]).Output);
        Assert.Equal(["astronaut.png", "chelsea.png"], json.RootElement.GetProperty("pictures").EnumerateArray().Select(picture => picture.GetString()));

        var cat = _folder.File("cat.safetensors");
        Assert.Equal(0, MdfProgram.Run(["loss", "train", Path.Combine(Shared.Repository, "samples", "photographs", "chelsea.png"), "--task", "jpeg:10", "--scales", "1", "--iterations", "1", "-o", cat]).ExitCode);
        var answer = MdfProgram.Run(["loss", "inspect", "sisr", "denoise", cat]);
        Assert.Equal((2, ""), (answer.ExitCode, answer.Output));
        Assert.Contains("name other images with --picture", answer.Error);
    }

    [Fact]
    public async Task Ctrl_c_leaves_a_checkpoint_to_resume_from()
    {
        MdfProgram.SkipUnlessInterruptible();
        var path = _folder.File("stack.safetensors");
        string[] line = ["loss", "train", _photo, "--task", "jpeg:10", "--scales", "1", "--iterations", "1000000", "-o", path];
        using var process = MdfProgram.Start(line, []);
        var first = await process.StandardError.ReadLineAsync(TestContext.Current.CancellationToken);
        MdfProgram.Interrupt(process); // before anything that can fail: nobody else would end it
        Assert.StartsWith("scale 0 (1 of 1, 32×25): 1/1000000, ", first);
        var answer = await MdfProgram.Finish(process);
        Assert.Equal((130, ""), (answer.ExitCode, answer.Output));
        var checkpoint = Directory.EnumerateFiles(Path.Combine(Run, "checkpoints")).Single();
        Assert.Equal($"mdf: interrupted; the checkpoint '{checkpoint}' is written: resume the run from there (--resume)", answer.Error.TrimEnd('\n').Split('\n')[^1]);
        Assert.Equal([_photo], FilesBesideTheRun());

        var again = MdfProgram.Run(line);
        Assert.Equal((2, $"mdf: '{Run}' holds a run already: resume it, or choose another folder (--resume, or --run FOLDER)\n"), (again.ExitCode, again.Error));
        var other = MdfProgram.Run([.. line, "--resume", "--seed", "3"]);
        Assert.Contains("found seed = 3 instead of '0'", other.Error);
    }

    private string Run => _folder.File("stack");

    private string[] FilesBesideTheRun() => [.. _folder.Content().Where(path => path != Run && !path.StartsWith(Run + "/", StringComparison.Ordinal))];

    private string[] Line(string path) =>
        ["loss", "train", _photo, "--task", "denoise:25", "--scales", "2", "--iterations", "2", "-o", path];

    private string Train(string name, params string[] options)
    {
        var answer = MdfProgram.Run([.. Line(_folder.File(name)), .. options]);
        Assert.True(answer.ExitCode == 0, answer.Error);
        return _folder.File(name);
    }
}
