using System.Diagnostics;
using System.Globalization;
using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>The peak memory of a piece of work in a process of its own, above what the process has when libtorch has started.</summary>
internal static class PeakMemory
{
    /// <summary>Starts this program again with other arguments, and reads the one number that it prints.</summary>
    /// <param name="args">The arguments.</param>
    /// <returns>Megabytes; NaN if that process failed, such as for want of memory.</returns>
    public static double OfProcess(params string[] args)
    {
        Console.Error.WriteLine($"peak memory of: {string.Join(' ', args)}");
        var start = new ProcessStartInfo(Environment.ProcessPath!, args) { RedirectStandardOutput = true };
        using var process = Process.Start(start)!;
        var text = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0 ? double.Parse(text, CultureInfo.InvariantCulture) : double.NaN;
    }

    /// <summary>Does the work and prints its peak; for the process that <see cref="OfProcess"/> starts.</summary>
    /// <param name="work">The work, without what is to count for everybody.</param>
    public static void Print(Action work)
    {
        // A first convolution loads the libraries and starts the threads.
        using (NewDisposeScope())
            nn.functional.conv2d(ones(1, 3, 32, 32), ones(8, 3, 3, 3)).sum();
        using var before = Process.GetCurrentProcess();
        var start = before.WorkingSet64;
        work();
        using var after = Process.GetCurrentProcess();
        Console.WriteLine(((after.PeakWorkingSet64 - start) / 1e6).ToString("F0", CultureInfo.InvariantCulture));
    }
}
