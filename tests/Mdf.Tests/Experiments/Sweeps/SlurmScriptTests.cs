using System.Diagnostics;
using Mdf.Experiments.Sweeps;
using Mdf.Runtime;
using Mdf.Tests.Cli;

namespace Mdf.Tests.Experiments.Sweeps;

/// <summary>The batch script for Slurm. Here bash runs it with substitutes for mdf and Slurm's commands; <c>tests/slurm</c> runs it in a real Slurm.</summary>
public sealed class SlurmScriptTests : IDisposable
{
    private const string Running = "RUNNING None";

    // mdf as it answers a signal. The substitute itself sends the signals to the script, which is its parent.
    private const string StoppedByWarning = "trap 'echo asked >> asked; exit 75' TERM; kill -USR1 $PPID; while :; do sleep 0.01; done";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>The approved text is beside this file. To approve a change, copy the file that the failure names.</summary>
    [Fact]
    public void The_script_is_the_approved_one()
    {
        var options = new ClusterOptions
        {
            Partition = "gpu,long",
            Account = "lab-7",
            Time = "4:00:00",
            Cpus = 4,
            Memory = "16G",
            Gres = "gpu:1",
            Modules = ["dotnet/10.0", "cuda"],
            Throttle = 8,
        };
        string[] command = ["dotnet", "/opt/mdf/mdf.dll", "sweep", "/home/ada/losses.yaml", "-o", "/home/ada/runs/Bob's losses", "--cell"];
        var script = SlurmScript.Write(options, 12, command, "/home/ada", "/home/ada/runs/Bob's losses/slurm", "Bob's losses");
        var approved = Path.Combine(Shared.Repository, "tests", "Mdf.Tests", "Experiments", "Sweeps", "slurm-job.approved.sh");
        var written = Path.Combine(AppContext.BaseDirectory, "slurm-job.written.sh");
        File.WriteAllText(written, script);
        Assert.True(File.ReadAllText(approved) == script, $"'{written}' differs from '{approved}'");
    }

    [Fact]
    public void Options_that_are_not_set_are_left_to_Slurm()
    {
        var script = Script(["mdf"], new ClusterOptions(), cells: 1);
        Assert.StartsWith("#!/bin/bash\n", script);
        Assert.Contains("\n#SBATCH --array=0-0\n", script);
        foreach (var option in new[] { "partition", "account", "time", "cpus-per-task", "mem", "gres" })
            Assert.DoesNotContain($"--{option}", script);
        Assert.DoesNotContain("module", script);
    }

    [Theory]
    [InlineData("losses", "mdf-losses")]
    [InlineData("my losses\n#SBATCH", "mdf-my_losses__SBATCH")]
    [InlineData("損失", "mdf-__")]
    public void The_name_of_the_job_has_only_characters_that_the_queue_prints(string name, string expected) =>
        Assert.Contains($"\n#SBATCH --job-name={expected}\n", SlurmScript.Write(new(), 1, ["mdf"], "/a", "/b", name));

    [Theory]
    [InlineData("/runs/a b", "/runs/a b")]
    [InlineData("/runs/a/", "/runs/a")]
    [InlineData("/runs/100% %j", "/runs/100%% %%j")]
    [InlineData("/runs/\"a\" 'b' $c #d 損失", "/runs/\\\"a\\\" 'b' $c #d 損失")]
    public void The_path_of_the_logs_is_in_the_quotes_that_Slurm_reads(string folder, string expected) =>
        Assert.Contains($"\n#SBATCH --output=\"{expected}/cell-%a.log\"\n", SlurmScript.Write(new(), 1, ["mdf"], "/a", folder, "name"));

    [Theory]
    [InlineData("/runs/a\\b")]
    [InlineData("/runs/a\nb")]
    [InlineData("/runs/a\tb")]
    public void A_folder_that_Slurm_cannot_write_logs_into_is_refused_in_one_line(string folder)
    {
        var message = Assert.Throws<InputException>(() => SlurmScript.Write(new(), 1, ["mdf"], "/a", folder, "name")).Message;
        Assert.StartsWith("Slurm cannot write logs into '/runs/a", message);
        Assert.EndsWith("choose another folder", message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Relative_paths_are_refused()
    {
        Assert.Throws<ArgumentException>(() => SlurmScript.Write(new(), 1, ["mdf"], "a", "/b", "name"));
        Assert.Throws<ArgumentException>(() => SlurmScript.Write(new(), 1, ["mdf"], "/a", "b", "name"));
    }

    [Fact]
    public async Task Every_word_reaches_the_program_unchanged_and_the_cell_comes_last()
    {
        string[] words = ["a b", "it's", "\"q\"", "$HOME", "`id`", "$(id)", "\\", "\\'", "*", "#c", "!x", "-o", "", "損失 é", "two\nlines", "a;b&c|d>e"];
        var job = await Run("printf '%s\\0' \"$@\" > words", words: words);
        Assert.Equal((0, ""), (job.ExitCode, job.Requeued));
        Assert.Equal([.. words, "3", ""], File.ReadAllText(_folder.File("words")).Split('\0'));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(137)]
    [InlineData(143)] // the program was ended by somebody else
    public async Task An_exit_code_that_says_nothing_of_resuming_is_that_of_the_job(int code)
    {
        var job = await Run($"exit {code}");
        Assert.Equal((code, ""), (job.ExitCode, job.Requeued));
        Assert.Contains($"cell 3 ended with exit code {code}\n", job.Output);
    }

    [Fact]
    public async Task After_the_warning_the_checkpoint_is_awaited_and_the_task_requeued_by_its_number()
    {
        var job = await Run(StoppedByWarning);
        Assert.Equal((75, "requeue 12_3\n"), (job.ExitCode, job.Requeued));
        Assert.Contains("is in the queue again", job.Output);
    }

    [Fact]
    public async Task Further_signals_neither_reach_the_program_nor_cut_the_waiting_short()
    {
        var job = await Run("""
            stop() {
              echo asked >> asked
              for signal in TERM USR1 TERM; do kill -$signal $PPID; sleep 0.05; done
              touch checkpoint
              exit 75
            }
            trap stop TERM
            kill -USR1 $PPID
            while :; do sleep 0.01; done
            """);
        Assert.Equal((75, "requeue 12_3\n"), (job.ExitCode, job.Requeued));
        Assert.True(File.Exists(_folder.File("checkpoint")));
        Assert.Equal("asked\n", File.ReadAllText(_folder.File("asked")));
    }

    [Fact]
    public async Task A_program_that_the_signal_ended_before_its_first_checkpoint_is_requeued() =>
        Assert.Equal("requeue 12_3\n", (await Run("kill -USR1 $PPID; while :; do sleep 0.01; done")).Requeued);

    [Theory]
    [InlineData(0, false)] // it finished
    [InlineData(1, false)] // it failed
    [InlineData(2, false)]
    [InlineData(137, true)] // it was ended while it wrote its checkpoint
    [InlineData(255, true)]
    public async Task After_a_signal_every_exit_code_that_is_not_a_result_means_requeueing(int code, bool isRequeued)
    {
        var job = await Run($"trap 'exit {code}' TERM; kill -USR1 $PPID; while :; do sleep 0.01; done");
        Assert.Equal((isRequeued ? 75 : code, isRequeued), (job.ExitCode, job.Requeued.Length > 0));
    }

    [Fact]
    public async Task A_program_that_somebody_else_stopped_is_requeued() => Assert.Equal("requeue 12_3\n", (await Run("exit 75")).Requeued);

    [Fact]
    public async Task A_task_whose_checkpoint_came_after_the_time_limit_is_requeued() =>
        Assert.Equal("requeue 12_3\n", (await Run(StoppedByWarning, state: "COMPLETING TimeLimit")).Requeued);

    [Theory]
    [InlineData("COMPLETING None")] // cancelled, preempted or requeued by hand
    [InlineData("PENDING BeginTime")]
    [InlineData("")]
    public async Task A_task_that_Slurm_has_ended_is_not_revived(string state)
    {
        var job = await Run(StoppedByWarning.Replace("USR1", "TERM", StringComparison.Ordinal), state);
        Assert.Equal((75, ""), (job.ExitCode, job.Requeued));
        Assert.Contains("Slurm has ended this job", job.Output);
    }

    [Theory]
    [InlineData("4", true)]
    [InlineData("5", false)]
    [InlineData("6", false)]
    public async Task A_task_is_requeued_at_most_so_often(string restarts, bool isRequeued)
    {
        var job = await Run(StoppedByWarning, restarts: restarts, options: new ClusterOptions { Restarts = 5 });
        Assert.Equal((75, isRequeued), (job.ExitCode, job.Requeued.Length > 0));
    }

    [Fact]
    public async Task A_controller_that_does_not_answer_is_asked_three_times()
    {
        var job = await Run(StoppedByWarning, requeueCode: 1);
        Assert.Equal((75, "requeue 12_3\nrequeue 12_3\nrequeue 12_3\n"), (job.ExitCode, job.Requeued));
        Assert.EndsWith("Slurm did not requeue it\n", job.Output);
    }

    [Fact]
    public async Task Outside_a_job_array_the_script_says_how_it_is_submitted()
    {
        var job = await Run("exit 0", isArray: false);
        Assert.NotEqual(0, job.ExitCode);
        Assert.Contains("submit it with sbatch", job.Output);
    }

    private string Script(string[] command, ClusterOptions options, int cells) => SlurmScript.Write(options, cells, command, _folder.File("."), "/logs", "name");

    /// <summary>Runs the script as task 3 of array 12.</summary>
    private async Task<(int ExitCode, string Output, string Requeued)> Run(
        string program, string state = Running, int requeueCode = 0, string restarts = "", string[]? words = null, ClusterOptions? options = null, bool isArray = true)
    {
        Assert.SkipUnless(OperatingSystem.IsLinux() && File.Exists("/bin/bash"), "needs Linux and bash");
        Substitute("mdf", program);
        Substitute("squeue", $"[ \"$*\" = '-h -j 12_3 -o %T %r' ] && echo '{state}'");
        Substitute("scontrol", $"echo \"$*\" >> requeued; exit {requeueCode}");
        Substitute("sleep", "case $1 in 5) ;; *) exec /bin/sleep \"$1\" ;; esac");
        File.WriteAllText(_folder.File("job.sh"), Script([_folder.File("mdf"), .. words ?? []], options ?? new ClusterOptions(), cells: 12));

        var start = new ProcessStartInfo("/bin/bash", [_folder.File("job.sh")]) { RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["PATH"] = $"{_folder.File(".")}:{Environment.GetEnvironmentVariable("PATH")}";
        start.Environment["SLURM_ARRAY_JOB_ID"] = "12";
        start.Environment["SLURM_RESTART_COUNT"] = restarts;
        start.Environment["SLURM_ARRAY_TASK_ID"] = isArray ? "3" : "";
        using var process = Process.Start(start)!;
        var answer = await MdfProgram.Finish(process);
        var requeued = _folder.File("requeued");
        return (answer.ExitCode, answer.Output + answer.Error, File.Exists(requeued) ? File.ReadAllText(requeued) : "");
    }

    private void Substitute(string name, string script)
    {
        File.WriteAllText(_folder.File(name), $"#!/bin/bash\n{script}\n");
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(_folder.File(name), UnixFileMode.UserRead | UnixFileMode.UserExecute | UnixFileMode.UserWrite);
    }
}
