using System.Runtime.InteropServices;

namespace Mdf.Runtime;

/// <summary>Work that is to use what the processors have left over.</summary>
internal static partial class BackgroundWork
{
    private const int ThisThread = 0;
    private const int Process = 0; // PRIO_PROCESS; on Linux a single thread is meant

    // A tenth of the share of a thread of ordinary niceness: little while both want the processor, but never nothing.
    private const int Niceness = 10;

    /// <summary>Lets other threads go before this one, for good. Threads that it starts do so too.</summary>
    public static void StandBack()
    {
        if (!OperatingSystem.IsLinux())
        {
            Thread.CurrentThread.Priority = ThreadPriority.BelowNormal;
            return;
        }

        try
        {
            _ = SetPriority(Process, ThisThread, Niceness);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // Another C library: then it competes.
        }
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, int who, int niceness);
}
