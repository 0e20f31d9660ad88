using System.Text.Json;
using System.Text.RegularExpressions;

namespace Mdf.Tests.Cli;

/// <summary><c>mdf sweep</c>, with worker processes.</summary>
public sealed class SweepCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public SweepCommandTests()
    {
        Directory.CreateDirectory(_folder.File("train"));
        _folder.Image(Path.Combine("train", "a.png"));
        _folder.Image("test.png", seed: 3);
        File.WriteAllText(_folder.File("sweep.yaml"), _folder.Local("""
            experiment:
              task: denoise:50
              network: {name: dncnn, features: 4, layers: 3}
              loss: l1
              data: {train: '{}train', validation: '{}test.png', patch: 16}
              schedule: {iterations: 4, batch: 2, learning_rate: 1e-3}
              validation: {images: 0, measures: [psnr, flip]}
            losses: {L1: l1, Sum: l1+w*mse}
            axes: {w: [0.1, 1]}
            seeds: [1, 2]
            threads: 2 # as the other tests of this process
            best: psnr
            test: {data: '{}test.png', measures: [psnr, ssim]}
            """));
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_sweep_ends_with_tables_plots_and_the_best_cell_and_a_second_run_has_nothing_to_do()
    {
        var answer = Run("sweep {}sweep.yaml -o {}out --jobs 2 --json");
        Assert.Equal((0, 0), (answer.ExitCode, answer.Error.Split('\n').Count(line => line.StartsWith("mdf:", StringComparison.Ordinal))));
        var result = JsonDocument.Parse(answer.Output).RootElement;
        Assert.Equal(6, result.GetProperty("cells").GetArrayLength());
        Assert.All(result.GetProperty("cells").EnumerateArray(), cell => Assert.Equal("finished", cell.GetProperty("state").GetString()));
        Assert.Equal(0, result.GetProperty("problems").GetArrayLength());
        foreach (var file in new[] { "table.csv", "table.json", "table.md", "means.csv", "means.json", "means.md", "best.yaml", "best.md" })
            Assert.True(File.Exists(_folder.File($"out/{file}")), file);
        Assert.Contains("| test set |", File.ReadAllText(_folder.File("out/best.md")));
        Assert.True(File.Exists(_folder.File("out/cells/loss=Sum,w=0.1,seed=2/last.safetensors")));

        var table = File.ReadAllBytes(_folder.File("out/table.csv"));
        var written = File.GetLastWriteTimeUtc(_folder.File("out/cells/loss=L1,seed=1/cell.json"));
        Assert.Equal(0, Run("sweep {}sweep.yaml -o {}out").ExitCode);
        Assert.Equal(table, File.ReadAllBytes(_folder.File("out/table.csv")));
        Assert.Equal(written, File.GetLastWriteTimeUtc(_folder.File("out/cells/loss=L1,seed=1/cell.json")));

        // The best experiment trains by itself.
        Assert.Equal(0, Run("train {}out/best.yaml -o {}again").ExitCode);
    }

    [Fact]
    public void A_report_shows_a_sweep()
    {
        Assert.Equal(0, Run("sweep {}sweep.yaml -o {}out").ExitCode);
        Assert.True(Ended("loss=Sum,w=1,seed=1") <= Ended("loss=L1,seed=2"), "one job trains all settings with the first seed before the second");
        var answer = Run("report {}out -o {}site");
        Assert.True(answer.ExitCode == 0, answer.Error);
        var page = File.ReadAllText(_folder.File("site/index.html"));
        Assert.Contains("Search: sweep", page, StringComparison.Ordinal);
        Assert.Contains("Chosen by the rule: psnr.", page, StringComparison.Ordinal);
        Assert.Equal(3, page.Split("<th scope=\"row\">").Length - 1);
        Assert.Contains("<bdi>loss=Sum, w=0.1</bdi>", page, StringComparison.Ordinal);
        Assert.Equal(2, page.Split("class=\"best\"").Length - 1); // PSNR and FLIP of the chosen setting
        Assert.True(File.Exists(_folder.File("site/plots/search-sweep-psnr-against-w.svg")));

        // It is drawn from numbers alone: a plot in the folder is not needed, and would not be trusted.
        Directory.Delete(_folder.File("out/plots"), recursive: true);
        Assert.Equal(0, Run("report {}out -o {}again").ExitCode);
        Assert.Equal(File.ReadAllBytes(_folder.File("site/plots/search-sweep-parallel.svg")), File.ReadAllBytes(_folder.File("again/plots/search-sweep-parallel.svg")));

        DateTime Ended(string cell) => File.GetLastWriteTimeUtc(_folder.File($"out/cells/{cell}/last.safetensors"));
    }

    [Fact]
    public void A_report_of_a_sweep_that_is_not_finished_says_so()
    {
        Assert.Equal(0, Run("sweep {}sweep.yaml -o {}out --cell 0").ExitCode);
        Assert.Contains($"'{_folder.File("out")}' has the trainings of a sweep, and no results yet: run the sweep again", Run("report {}out -o {}site").Error, StringComparison.Ordinal);
        Assert.Equal(0, Run("sweep {}sweep.yaml -o {}out --cell 2").ExitCode);
        Assert.Equal(1, Run("sweep {}sweep.yaml -o {}out --collect").ExitCode);
        var answer = Run("report {}out -o {}site");
        Assert.Contains("Search: sweep: 4 of 6 trainings: not started.", answer.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("tables", answer.Output, StringComparison.Ordinal);
        var page = File.ReadAllText(_folder.File("site/index.html"));
        Assert.Contains("The rule is: psnr. Nothing is chosen yet.", page, StringComparison.Ordinal);
        Assert.DoesNotContain("class=\"best\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_description_of_another_program_is_refused_or_shown_without_what_is_not_known()
    {
        Assert.Equal(0, Run("sweep {}sweep.yaml -o {}out").ExitCode);
        var path = _folder.File("out/sweep.json");
        var text = File.ReadAllText(path);
        Assert.Matches("\"chosen\": [0-2]", text);
        text = Regex.Replace(text, "\"chosen\": [0-2]", "\"chosen\": 2");
        foreach (var (from, to) in new[]
        {
            ("\"chosen\": 2", "\"chosen\": 9"), ("\"name\": \"sweep\"", "\"name\": null"), ("\"key\": \"w\"", "\"key\": \"\""),
            ("\"number\": 0.1", "\"number\": \"NaN\""), ("\"networks\": 2", "\"networks\": \"two\""),
        })
        {
            var answer = ReportWith(from, to);
            Assert.True((answer.ExitCode, answer.Error.TrimEnd('\n').Split('\n').Length) == (2, 1), $"{to}: {answer.Error}");
            Assert.Contains("expected the description of a sweep, found something else: run the sweep again", answer.Error, StringComparison.Ordinal);
        }

        foreach (var measure in new[] { "all", "psnr,ssim", "made_up" })
        {
            var answer = ReportWith("\"psnr\"", $"\"{measure}\"");
            Assert.True(answer.ExitCode == 0, answer.Error);
            Assert.Contains($"The measure '{measure}' is not known here, and is left out.", answer.Output, StringComparison.Ordinal);
        }

        Answer ReportWith(string from, string to)
        {
            Assert.Contains(from, text, StringComparison.Ordinal);
            File.WriteAllText(path, text.Replace(from, to, StringComparison.Ordinal));
            return Run("report {}out -o {}site");
        }
    }

    [Fact]
    public void Cells_that_run_one_by_one_give_the_same_tables()
    {
        Assert.Equal(0, Run("sweep {}sweep.yaml -o {}whole").ExitCode);
        var early = Run("sweep {}sweep.yaml -o {}parts --collect");
        Assert.Equal(1, early.ExitCode);
        Assert.Contains("6 not started", early.Output);
        for (var cell = 5; cell >= 0; cell--)
            Assert.Equal(0, Run($"sweep {{}}sweep.yaml -o {{}}parts --cell {cell}").ExitCode);
        Assert.Equal(0, Run("sweep {}sweep.yaml -o {}parts --collect").ExitCode);
        foreach (var file in new[] { "table.csv", "means.md", "best.yaml", "best.md" })
            Assert.Equal(File.ReadAllText(_folder.File($"whole/{file}")), File.ReadAllText(_folder.File($"parts/{file}")));
    }

    [Fact]
    public void A_dry_run_lists_the_cells_and_trains_none()
    {
        var answer = Run("sweep {}sweep.yaml -o {}out --dry-run");
        Assert.Equal(0, answer.ExitCode);
        Assert.Contains("loss=Sum,w=1,seed=2", answer.Output);
        Assert.Contains("6 cells of sweep, about", answer.Output);
        Assert.False(Directory.Exists(_folder.File("out")));
    }

    [Fact]
    public void Failures_share_a_line_that_says_how_to_go_on()
    {
        File.WriteAllText(_folder.File("failing.yaml"), File.ReadAllText(_folder.File("sweep.yaml")).Replace("w*mse", _folder.Local("w*mdf:{}none.safetensors"), StringComparison.Ordinal));
        var answer = Run("sweep {}failing.yaml -o {}out");
        Assert.Equal(1, answer.ExitCode);
        Assert.Contains("failed: loss=Sum,w=0.1,seed=1 and 3 others: ", answer.Output);
        Assert.Contains("fix this, then run the sweep with --retry", answer.Output);
        Assert.Contains("2 finished, 4 failed", answer.Output);

        Assert.Equal(1, Run("sweep {}failing.yaml -o {}fast --fail-fast").ExitCode);
        Assert.Contains("not started", File.ReadAllText(_folder.File("fast/table.csv")));
    }

    [Theory]
    [InlineData("sweep {}sweep.yaml -o {}out --dry-run --collect", "expected one of --dry-run and --collect, found both")]
    [InlineData("sweep {}sweep.yaml -o {}out --keep-going --fail-fast", "expected --keep-going or --fail-fast, found both")]
    [InlineData("sweep {}sweep.yaml -o {}out --cell 6", "--cell: expected a number from 0 to 5, found 6")]
    [InlineData("sweep {}sweep.yaml -o {}out --best nothing", "unknown measure 'nothing'")]
    [InlineData("sweep {}sweep.yaml -o {}out --best ssim", "the rule needs the measure 'ssim', and the validations of the experiment have psnr, flip")]
    [InlineData("sweep {}none.yaml", "there is no such file")]
    [InlineData("sweep {}sweep.yaml -o {}sweep.yaml", "is a file, not a folder")]
    public void A_mistake_is_one_line(string line, string expected)
    {
        var answer = Run(line);
        Assert.Equal((2, ""), (answer.ExitCode, answer.Output));
        Assert.Contains(expected, answer.Error);
        Assert.Single(answer.Error.TrimEnd('\n').Split('\n'));
        Assert.False(Directory.Exists(_folder.File("out")));
    }

    [Fact]
    public void Other_settings_are_refused_before_anything_is_trained()
    {
        Assert.Equal(0, Run("sweep {}sweep.yaml -o {}out --cell 5").ExitCode);
        File.WriteAllText(_folder.File("sweep.yaml"), File.ReadAllText(_folder.File("sweep.yaml")).Replace("iterations: 4", "iterations: 5", StringComparison.Ordinal));
        var answer = Run("sweep {}sweep.yaml -o {}out");
        Assert.Equal(2, answer.ExitCode);
        Assert.Contains("trained with schedule.iterations = 4 instead of 5; use another folder, or delete that of the cell (--output FOLDER)", answer.Error);
        Assert.False(File.Exists(_folder.File("out/cells/loss=L1,seed=1/experiment.yaml")));
    }

    [Fact]
    public void A_cluster_gets_a_script_and_a_machine_without_Slurm_is_said()
    {
        File.WriteAllText(_folder.File("sweep.yaml"), File.ReadAllText(_folder.File("sweep.yaml")) + "\ncluster: {time: '1:00:00', memory: 2G, throttle: 2}\n");
        var answer = Run("sweep {}sweep.yaml -o {}out --slurm");
        var script = File.ReadAllText(_folder.File("out/slurm/job.sh"));
        Assert.Contains("#SBATCH --array=0-5%2", script);
        Assert.Contains("'--cell')", script);
        if (answer.ExitCode == 2) // no Slurm here
            Assert.Contains("there is no program 'sbatch' here: submit it on a machine with Slurm", answer.Error);

        File.WriteAllText(_folder.File("sweep.yaml"), File.ReadAllText(_folder.File("sweep.yaml")).Replace("memory: 2G", "memory: much", StringComparison.Ordinal));
        Assert.Contains("expected 'cluster.memory' to be an amount of memory with its unit, such as 8G, found 'much'", Run("sweep {}sweep.yaml -o {}out").Error);
    }

    private Answer Run(string line) => MdfProgram.Run([.. line.Split(' ').Select(_folder.Local)]);
}
