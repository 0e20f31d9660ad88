namespace Mdf.Tests.Cli;

public sealed class CompletionCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("mdf re", "restore")]
    [InlineData("mdf loss ", "inspect", "train")]
    [InlineData("mdf restore --form", "--format")]
    [InlineData("mdf completion ", "bash", "fish", "pwsh", "zsh")]
    [InlineData("mdf nothing-like-this")]
    public void The_program_completes_what_was_typed(string line, params string[] expected)
    {
        var answer = MdfProgram.Run($"[suggest:{line.Length}]", line);
        Assert.Equal(0, answer.ExitCode);
        var found = answer.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        Assert.All(expected, word => Assert.Contains(word, found));
        Assert.True(expected.Length > 0 || found.Length == 0);
    }

    [Theory]
    [InlineData("bash")]
    [InlineData("zsh")]
    [InlineData("fish")]
    [InlineData("pwsh")]
    public void Every_script_asks_the_program(string shell)
    {
        var answer = MdfProgram.Run("completion", shell);
        Assert.Equal(0, answer.ExitCode);
        Assert.Contains("[suggest:", answer.Output);
    }

    [Fact]
    public void An_unknown_shell_is_refused()
    {
        var answer = MdfProgram.Run("completion", "tcsh");
        Assert.Equal(2, answer.ExitCode);
        Assert.Contains("unknown shell 'tcsh': expected one of bash, zsh, fish, pwsh", answer.Error);
    }

    [Fact]
    public void Bash_completes_with_the_script()
    {
        Assert.SkipUnless(File.Exists("/bin/bash"), "needs bash");
        var script = _folder.File("try.sh");
        File.WriteAllText(script, $$"""
            mdf() { '{{MdfProgram.Dotnet}}' '{{Path.Combine(AppContext.BaseDirectory, "mdf.dll")}}' "$@"; }
            eval "$(mdf completion bash)"
            COMP_WORDS=(mdf lo) COMP_CWORD=1 COMP_LINE="mdf lo" COMP_POINT=6
            _mdf
            echo "${COMPREPLY[@]}"
            """);
        var start = new System.Diagnostics.ProcessStartInfo("/bin/bash", [script]) { RedirectStandardOutput = true };
        using var process = System.Diagnostics.Process.Start(start)!;
        Assert.Equal("loss\n", process.StandardOutput.ReadToEnd());
        process.WaitForExit();
    }
}
