using System.Runtime.InteropServices;

namespace Mdf.Runtime;

/// <summary>Work that uses only processor time that other threads do not need.</summary>
internal static partial class BackgroundWork
{
    private const int ThisThread = 0;
    private const int Process = 0; // PRIO_PROCESS; on Linux this means a single thread

    // The thread gets about a tenth of the time of a thread of normal niceness: little when both want the processor, but never nothing.
    private const int Niceness = 10;

    /// <summary>Gives this thread a low priority permanently. Threads that it starts inherit this priority.</summary>
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
            // Another C library: the thread keeps its normal priority.
        }
    }

    [LibraryImport("libc", EntryPoint = "setpriority")]
    private static partial int SetPriority(int which, int who, int niceness);
}
