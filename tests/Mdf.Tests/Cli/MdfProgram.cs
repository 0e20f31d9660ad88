using System.Diagnostics;
using System.Runtime.InteropServices;
using Mdf.Cli;

namespace Mdf.Tests.Cli;

/// <summary>What a command line answered.</summary>
internal sealed record Answer(int ExitCode, string Output, string Error);

/// <summary>Runs <c>mdf</c>: in this process, or the real program.</summary>
internal static partial class MdfProgram
{
    /// <summary>The <c>dotnet</c> that runs these tests, which need not be on the path.</summary>
    public static string Dotnet { get; } = FindDotnet();

    /// <summary>Runs in this process, which is quick; the streams are never terminals.</summary>
    public static Answer Run(params string[] args)
    {
        var (output, error) = (new StringWriter { NewLine = "\n" }, new StringWriter { NewLine = "\n" });
        var code = CommandLine.Run(args, output, error, cancellationToken: TestContext.Current.CancellationToken);
        return new Answer(code, output.ToString(), error.ToString());
    }

    /// <summary>Runs the program as people do.</summary>
    public static async Task<Answer> RunProcess(params string[] args)
    {
        using var process = Start(args, []);
        return await Finish(process);
    }

    /// <summary>Starts the program; the streams are pipes.</summary>
    /// <param name="args">The words after <c>mdf</c>.</param>
    /// <param name="environment">Variables to add.</param>
    /// <param name="folder">The program's folder; the one that was built with the tests when null.</param>
    public static Process Start(string[] args, IEnumerable<(string Name, string Value)> environment, string? folder = null)
    {
        var start = new ProcessStartInfo(Dotnet, [Path.Combine(folder ?? AppContext.BaseDirectory, "mdf.dll"), .. args])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Every command that does something, as its help lists them: <c>["loss", "train"]</c>.</summary>
    public static IEnumerable<string[]> CommandPaths() => Below([]);

    /// <summary>
    /// Skips a test that sends Ctrl-C where that does nothing: not on Linux, and where the tests were started to ignore it, as a shell script starts what it puts in the
    /// background. Programs inherit that, and <c>mdf</c> respects it.
    /// </summary>
    public static void SkipUnlessInterruptible()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "sends a signal");
        var ignored = File.ReadLines("/proc/self/status").First(line => line.StartsWith("SigIgn:", StringComparison.Ordinal)).Split('\t')[1];
        var bit = 1L << ((int)Signal.Interrupt - 1);
        Assert.SkipWhen((Convert.ToInt64(ignored, 16) & bit) != 0, "the tests were started to ignore Ctrl-C");
    }

    /// <summary>Sends what Ctrl-C sends.</summary>
    public static void Interrupt(Process process) => Assert.Equal(0, Kill(process.Id, (int)Signal.Interrupt));

    /// <summary>Waits for the end.</summary>
    public static async Task<Answer> Finish(Process process)
    {
        var token = TestContext.Current.CancellationToken;
        var output = process.StandardOutput.ReadToEndAsync(token);
        var error = process.StandardError.ReadToEndAsync(token);
        await process.WaitForExitAsync(token);
        return new Answer(process.ExitCode, await output, await error);
    }

    private static string FindDotnet()
    {
        // …/shared/Microsoft.NETCore.App/10.0.0/ lies in the folder of dotnet.
        var path = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));
        return File.Exists(path) ? path : "dotnet";
    }

    private static IEnumerable<string[]> Below(string[] path)
    {
        using var output = new StringWriter { NewLine = "\n" };
        CommandLine.Run([.. path, "--help"], output, output);
        return output.ToString().Split("Commands:\n") is [_, var list]
            ? list.Split('\n').TakeWhile(line => line.Length > 0).SelectMany(line => Below([.. path, line.Trim().Split(' ')[0]]))
            : [path];
    }

    private enum Signal
    {
        Interrupt = 2,
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);
}
