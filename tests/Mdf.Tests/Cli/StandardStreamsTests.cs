using System.Diagnostics;

namespace Mdf.Tests.Cli;

/// <summary>Standard output and standard error that cannot be written to: a full disk, a closed descriptor, a pipe whose reader has gone.</summary>
public sealed class StandardStreamsTests : IDisposable
{
    private const string ClosedOutput = "mdf: cannot write the result to standard output: it is closed; any files are complete\n";
    private const string FullOutput = "mdf: cannot write the result to standard output: No space left on device; any files are complete\n";
    private const string BrokenOutput = "mdf: cannot write the result to standard output: Broken pipe; any files are complete\n";

    /// <summary>Writes until that fails, so that what follows finds a broken pipe.</summary>
    private const string UntilReaderHasGone = "trap '' PIPE; while printf x 2> /dev/null; do :; done";

    private readonly TemporaryFolder _folder = new();

    public StandardStreamsTests()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs /dev/full");
        _folder.Image("a.png");
        _folder.Image("b.png", seed: 6);
        foreach (var name in new[] { "train", "test" })
            Directory.CreateDirectory(_folder.File(name));
        _folder.Image("train/a.png");
        _folder.Image("test/b.png", seed: 7);
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

    public static TheoryData<string, string> CommandsThatWriteFiles => new()
    {
        { "train {}small.yaml -o {}run", "run/best.safetensors" },
        { "loss train {}a.png --task denoise:25 --scales 2 --iterations 2 -o {}new.safetensors", "new.safetensors" },
        { "optimize --reference {}a.png --loss mse --steps 3 -o {}new.png", "new.png" },
        { "restore denoise {}a.png -o {}new.png", "new.png" },
        { "evaluate identity --task jpeg:10 --data {}test --save {}new.md", "new.md" },
        { "loss inspect jpeg --picture {}a.png --save {}new.csv", "new.csv" },
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(CommandsThatWriteFiles))]
    public async Task Progress_that_cannot_be_written_does_not_end_the_work(string line, string file)
    {
        Assert.Equal(0, (await Run(line, "2> /dev/full")).ExitCode);
        Assert.True(File.Exists(_folder.File(file)));
    }

    [Theory]
    [MemberData(nameof(CommandsThatWriteFiles))]
    public async Task A_result_that_cannot_be_written_is_exit_code_1_and_the_files_are_there(string line, string file)
    {
        var answer = await Run(line, "> /dev/full");
        Assert.Equal(1, answer.ExitCode);
        Assert.EndsWith(FullOutput, answer.Error);
        Assert.True(File.Exists(_folder.File(file)));
    }

    [Theory]
    [InlineData("2>&-", 0, "")]
    [InlineData("2> /dev/full", 0, "")]
    [InlineData(">&-", 1, ClosedOutput)]
    [InlineData("> /dev/full", 1, FullOutput)]
    [InlineData(">&- 2>&-", 1, "")]
    [InlineData("> /dev/full 2> /dev/full", 1, "")]
    [InlineData("<&- >&- 2>&-", 1, "")]
    public async Task Every_stream_may_be_closed_or_full(string redirection, int code, string error)
    {
        var answer = await Run("score {}a.png {}b.png --loss mse", redirection);
        Assert.Equal((code, error), (answer.ExitCode, answer.Error));
        Assert.Equal(code == 0, answer.Output.Contains("PSNR", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("--help")]
    [InlineData("--version")]
    [InlineData("loss train --help")]
    [InlineData("doctor")]
    [InlineData("doctor --json")]
    public async Task Help_and_reports_that_cannot_be_written_are_exit_code_1(string line)
    {
        var answer = await Run(line, "> /dev/full");
        Assert.Equal((1, FullOutput), (answer.ExitCode, answer.Error));
    }

    [Theory]
    [InlineData("train")]
    [InlineData("")]
    [InlineData("score {}none.png {}b.png --loss mse")]
    public async Task A_mistake_whose_message_cannot_be_written_is_still_exit_code_2(string line)
    {
        foreach (var redirection in new[] { "2> /dev/full", "2>&-" })
            Assert.Equal(2, (await Run(line, redirection)).ExitCode);
    }

    [Theory]
    [InlineData("score {}a.png {}b.png --loss mse")]
    [InlineData("doctor")]
    public async Task A_reader_that_has_gone_is_a_result_that_could_not_be_written(string line)
    {
        var answer = await Shell($"{{ {UntilReaderHasGone}; {Program(line)}; echo $? > {Quote(_folder.File("code"))}; }} | true");
        Assert.Equal("1", (await File.ReadAllTextAsync(_folder.File("code"), TestContext.Current.CancellationToken)).Trim());
        Assert.Equal(BrokenOutput, answer.Error);
    }

    [Fact]
    public async Task Progress_into_a_pipe_whose_reader_has_gone_does_not_end_the_work()
    {
        await Shell($"{{ {UntilReaderHasGone}; {Program("train {}small.yaml -o {}run")} 2>&1 > /dev/null; echo $? > {Quote(_folder.File("code"))}; }} | true");
        Assert.Equal("0", (await File.ReadAllTextAsync(_folder.File("code"), TestContext.Current.CancellationToken)).Trim());
        Assert.True(File.Exists(_folder.File("run/best.safetensors")));
    }

    [Fact]
    public async Task Both_streams_may_share_a_file()
    {
        var log = _folder.File("log");
        Assert.Equal(0, (await Run("train {}small.yaml -o {}run", $"> {Quote(log)} 2>&1")).ExitCode);
        var text = await File.ReadAllTextAsync(log, TestContext.Current.CancellationToken);
        Assert.Contains("4/4", text);
        Assert.Contains("4 iterations: validation loss", text);
    }

    [Fact]
    public async Task A_result_longer_than_a_pipe_holds_arrives_whole_at_a_slow_reader()
    {
        const int PipeBytes = 65536; // on Linux
        var name = new string('n', 200) + ".png";
        File.Copy(_folder.File("b.png"), _folder.File(name));
        var names = string.Join(' ', Enumerable.Repeat("{}" + name, 350));
        var answer = await Shell($"{Program("score {}a.png " + names + " --loss mse --json")} | {{ sleep 2; cat; }}");
        Assert.Equal(350, answer.Output.Split(name).Length - 1);
        Assert.InRange(answer.Output.Length, PipeBytes + 1, int.MaxValue);
        Assert.EndsWith("}\n", answer.Output);
    }

    private Task<Answer> Run(string line, string redirection) => Shell($"{Program(line)} {redirection}");

    private string Program(string line) => string.Join(' ', ((string[])["dotnet", Path.Combine(AppContext.BaseDirectory, "mdf.dll"), .. line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(_folder.Local)]).Select(Quote));

    private static string Quote(string word) => $"'{word.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    private static async Task<Answer> Shell(string script)
    {
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", script]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        return await MdfProgram.Finish(process);
    }
}
