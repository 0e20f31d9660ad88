using Mdf.Tests.Plugins;

namespace Mdf.Tests.Cli;

/// <summary>The program with <see cref="FixturePlugin"/>.</summary>
public sealed class PluginTests : IDisposable
{
    private static readonly string s_plugin = typeof(FixturePlugin).Assembly.Location;

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task A_loss_a_task_and_a_network_of_a_plugin_are_trained_with_and_are_asked_for_again()
    {
        _folder.Image("a.png", 48, 48);
        File.WriteAllText(_folder.File("x.yaml"), $$"""
            task: darker:0.5
            network:
              name: means
              widths: [4, 8]
            loss: l1+0.5*fixture?scale=2
            data: {train: '{{_folder.File("")}}', validation: '{{_folder.File("a.png")}}', patch: 16}
            schedule: {iterations: 2, batch: 2}
            """);
        string[] train = ["train", _folder.File("x.yaml"), "-o", _folder.File("run")];
        var refused = await MdfProgram.RunProcess(train);
        Assert.Equal(2, refused.ExitCode);
        Assert.Contains("line 5: unknown loss 'fixture'", refused.Error);

        Assert.Equal(0, (await MdfProgram.RunProcess([.. train, "--plugin", s_plugin])).ExitCode);
        var description = File.ReadAllText(_folder.File("run/experiment.yaml"));
        Assert.Contains("  widths: [4, 8]\n", description);
        var name = Path.GetFileName(s_plugin);
        Assert.Matches($"plugins:\n  task darker: '{name} sha256:[0-9a-f]{{64}}'\n  network means: '{name} sha256:.*'\n  loss fixture: '{name} sha256:.*'\n", description);

        // Without the plugin: the run, its own description, and its network say what to name.
        refused = await MdfProgram.RunProcess([.. train, "--resume"]);
        Assert.Equal((2, $"mdf: cannot resume '{_folder.File("run")}': the task 'darker' comes with the plugin '{name}': load this plugin (--plugin FILE.dll)\n"), (refused.ExitCode, refused.Error));
        var again = MdfProgram.Run("train", _folder.File("run/experiment.yaml"), "-o", _folder.File("other"));
        Assert.Equal((2, $"mdf: '{_folder.File("run/experiment.yaml")}', line 2: the task 'darker' comes with the plugin '{name}': load this plugin (--plugin FILE.dll)\n"), (again.ExitCode, again.Error));
        var network = _folder.File("run/best.safetensors");
        Assert.Contains($"the network 'means' comes with the plugin '{name}': load this plugin (--plugin FILE.dll)", MdfProgram.Run("restore", network, _folder.File("a.png"), "-o", _folder.File("b.png")).Error);

        File.WriteAllText(_folder.File("run/experiment.yaml"), description.Replace("sha256:", "sha256:0", StringComparison.Ordinal));
        var resumed = await MdfProgram.RunProcess([.. train, "--resume", "--extend", "1", $"--plugin={s_plugin}"]);
        Assert.Equal(0, resumed.ExitCode);
        Assert.Contains($"the plugin '{name}' is not the file that the run began with", resumed.Error);
    }

    [Fact]
    public async Task A_loss_is_trained_for_a_task_of_a_plugin_which_is_asked_for_again()
    {
        string[] train = ["loss", "train", _folder.Image("a.png", 48, 48), "--task", "darker:0.5", "--scales", "1", "--iterations", "2", "-o", _folder.File("a.safetensors")];
        Assert.Contains("unknown task 'darker:0.5'", (await MdfProgram.RunProcess(train)).Error);
        Assert.Equal(0, (await MdfProgram.RunProcess([.. train, "--plugin", s_plugin])).ExitCode);
        var name = Path.GetFileName(s_plugin);
        var description = File.ReadAllText(_folder.File("a/loss.json"));
        Assert.Matches($"\"plugin\": \"{name} sha256:[0-9a-f]{{64}}\"", description);

        var refused = await MdfProgram.RunProcess([.. train, "--resume"]);
        Assert.Equal((2, $"mdf: cannot resume '{_folder.File("a")}': the task 'darker' comes with the plugin '{name}': load this plugin (--plugin FILE.dll)\n"), (refused.ExitCode, refused.Error));

        File.WriteAllText(_folder.File("a/loss.json"), description.Replace("sha256:", "sha256:0", StringComparison.Ordinal));
        var resumed = await MdfProgram.RunProcess([.. train, "--resume", "--plugin", s_plugin]);
        Assert.Equal(0, resumed.ExitCode);
        Assert.Contains($"the plugin '{name}' is not the file that the run began with", resumed.Error);
    }

    [Fact]
    public async Task A_restorer_of_a_plugin_restores_and_is_evaluated()
    {
        var image = _folder.Image("a.png", 24, 20);
        var evaluated = await MdfProgram.RunProcess("evaluate", "identity", "brighter", "--plugin", s_plugin, "--task", "darker:0.5", "--data", image, "--json");
        Assert.True(evaluated.ExitCode == 0, evaluated.Error);
        var json = System.Text.Json.JsonDocument.Parse(evaluated.Output).RootElement.GetProperty("means");
        var psnr = json.EnumerateArray().Select(row => row.EnumerateObject().First(entry => entry.Name == "psnr").Value).ToArray();
        Assert.True(psnr[1].ValueKind == System.Text.Json.JsonValueKind.String || psnr[1].GetDouble() > psnr[0].GetDouble() + 20, evaluated.Output);

        var restored = await MdfProgram.RunProcess("restore", "brighter", image, "-o", _folder.File("b.png"), "--plugin", s_plugin);
        Assert.Equal(0, restored.ExitCode);
        Assert.True(File.Exists(_folder.File("b.png")));
        var help = await MdfProgram.RunProcess("--plugin", s_plugin, "train", "--help");
        Assert.Contains("means", help.Output);
        Assert.Contains("darker:0.5", help.Output);
    }

    [Theory]
    [InlineData("cannot read 'none.dll': there is no such file", "--plugin", "none.dll", "doctor")]
    [InlineData("the option '--plugin' needs a value", "doctor", "--plugin")]
    public void A_plugin_that_is_not_there_is_a_mistake(string expected, params string[] args)
    {
        var answer = MdfProgram.Run(args);
        Assert.Equal(2, answer.ExitCode);
        Assert.Contains(expected, answer.Error);
    }
}
