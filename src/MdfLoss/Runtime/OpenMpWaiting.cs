using System.Runtime.InteropServices;

namespace Mdf.Runtime;

/// <summary>Sets the time for which idle threads of libtorch keep the processor busy before they sleep.</summary>
/// <remarks>
/// The default of GNU OpenMP is hundreds of thousands of turns of a loop, a few milliseconds. This takes the processor from threads that have work: from a second
/// program (two demonstrations at the same time on two cores took ten times as long as one after the other), and from threads outside OpenMP, such
/// as the threads of our own kernels. With a thousand turns, a single program loses no time that could be measured.
/// </remarks>
internal static partial class OpenMpWaiting
{
    private const string SpinCount = "GOMP_SPINCOUNT";
    private const string Turns = "1000";

    /// <summary>Sets the number of turns, unless the user has chosen how to wait. It has an effect only on Linux, and only before libtorch is loaded.</summary>
    public static void Shorten()
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is not null || Environment.GetEnvironmentVariable(SpinCount) is not null)
            return;
        try
        {
            // GNU OpenMP reads the environment of the C library. .NET has a separate copy.
            _ = SetEnvironment(SpinCount, Turns, overwrite: 0);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // Another C library: the default of OpenMP remains.
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
