using System.Runtime.InteropServices;

namespace Mdf.Runtime;

/// <summary>How long libtorch's threads wait for their next work with the processor busy, before they sleep.</summary>
/// <remarks>
/// GNU OpenMP's own choice is hundreds of thousands of turns, some milliseconds, which takes the processor from whoever has work: from a second
/// program (two demonstrations at once on two cores took ten times as long as one after the other), and from threads that are not OpenMP's, such
/// as those of our own kernels. A thousand turns cost nothing that could be measured where there is only one program.
/// </remarks>
internal static partial class OpenMpWaiting
{
    private const string SpinCount = "GOMP_SPINCOUNT";
    private const string Turns = "1000";

    /// <summary>Sets the number of turns, unless the user has chosen how to wait. Has an effect until libtorch is loaded, and on Linux only.</summary>
    public static void Shorten()
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable("OMP_WAIT_POLICY") is not null || Environment.GetEnvironmentVariable(SpinCount) is not null)
            return;
        try
        {
            // The C library's environment, which GNU OpenMP reads; .NET's own copy is another.
            _ = SetEnvironment(SpinCount, Turns, overwrite: 0);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // Another C library: then it waits as it always does.
        }
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnvironment(string name, string value, int overwrite);
}
