using System.Runtime.InteropServices;

namespace Mdf.Runtime;

/// <summary>Returns memory to the system that libtorch has freed and that the C library still holds.</summary>
/// <remarks>
/// glibc allocates tensors of up to 32 MB on its heap. It returns freed memory to the system only at the end of the heap. Work that allocates and frees maps of many
/// sizes leaves gaps: ×4 EDSR on tiles of one image held 300 MB after eight tiles, and more after each further tile.
/// </remarks>
internal static partial class FreedMemory
{
    // The growth of the process that is worth a return: libtorch gets the pages back one by one, each filled with zeros by the system.
    private const long Growth = 64 << 20;

    // The resident bytes after the last return, or fewer if they have fallen since.
    private static long s_resident;

    /// <summary>Returns the freed memory to the system if the process has grown by 64 MiB since the last time. Does nothing if the C library is not glibc.</summary>
    public static void Return()
    {
        if (!OperatingSystem.IsLinux())
            return;
        var (resident, before) = (Environment.WorkingSet, Volatile.Read(ref s_resident));
        if (resident < before + Growth)
        {
            Volatile.Write(ref s_resident, Math.Min(resident, before));
            return;
        }

        try
        {
            _ = TrimHeap(0);
            Volatile.Write(ref s_resident, Environment.WorkingSet);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // Another C library, which has another heap.
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int TrimHeap(nuint keep);
}
