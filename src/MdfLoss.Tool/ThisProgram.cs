using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;

namespace Mdf.Cli;

/// <summary>Starts this program again as a process of its own, or another program.</summary>
internal static class ThisProgram
{
    private const string Name = "mdf";
    private const string DotNet = "dotnet";

    /// <summary>The words that start this program: the program itself, or <c>dotnet</c> and its assembly.</summary>
    public static IReadOnlyList<string> Words
    {
        get
        {
            var process = Environment.ProcessPath ?? DotNet;
            var assembly = typeof(ThisProgram).Assembly.Location;
            return Path.GetFileNameWithoutExtension(process) switch
            {
                Name => [process],
                DotNet => [process, assembly],
                _ => [Host(), assembly], // a program that uses this one as a library, such as the tests
            };
        }
    }

    /// <summary>The <c>dotnet</c> of the runtime of this process; it need not be on the path.</summary>
    private static string Host()
    {
        // The runtime is in shared/Microsoft.NETCore.App/VERSION beside the program.
        var beside = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", OperatingSystem.IsWindows() ? DotNet + ".exe" : DotNet));
        return File.Exists(beside) ? beside : DotNet;
    }

    /// <summary>Creates the command, with all three standard streams as pipes in UTF-8.</summary>
    /// <param name="arguments">The words after <c>mdf</c>.</param>
    public static ProcessStartInfo Start(IEnumerable<string> arguments)
    {
        var encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
        var start = new ProcessStartInfo(Words[0])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            UseShellExecute = false,
            StandardInputEncoding = encoding,
            StandardOutputEncoding = encoding,
            StandardErrorEncoding = encoding,
        };
        foreach (var word in Words.Skip(1).Concat(arguments))
            start.ArgumentList.Add(word);
        return start;
    }

    /// <summary>Runs another program to its end.</summary>
    /// <param name="program">The program.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <returns>Its exit code, null if there is no such program; and its output, with that for errors.</returns>
    public static (int? Code, string Output) Answer(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var error = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output + error.Result);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return (null, "");
        }
    }
}
