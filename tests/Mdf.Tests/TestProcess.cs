using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Mdf.Tests;

/// <summary>Makes the process of the tests the same on every machine, before libtorch is loaded.</summary>
internal static partial class TestProcess
{
    private const string OpenMpThreads = "OMP_NUM_THREADS";

    // More than one, so that work is divided on every machine. Not one per processor: classes run in parallel, and sums depend on the number.
    private const int LibtorchThreads = 2;

    // Tests block threads of the pool, one per processor. What they wait for (the output of a program, timers, Parallel.For) needs others, at once.
    private const int ThreadsForWaiting = 16;

    [ModuleInitializer]
    internal static void Prepare()
    {
        ThreadPool.GetMinThreads(out var workers, out var completions);
        ThreadPool.SetMinThreads(Math.Max(workers, Environment.ProcessorCount + ThreadsForWaiting), completions);
        if (Environment.GetEnvironmentVariable(OpenMpThreads) is not null)
            return;
        Environment.SetEnvironmentVariable(OpenMpThreads, $"{LibtorchThreads}"); // for the programs that tests start
        if (OperatingSystem.IsLinux())
            _ = SetEnvironment(OpenMpThreads, $"{LibtorchThreads}", overwrite: 0); // for OpenMP in this process, which reads the C library's copy
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
