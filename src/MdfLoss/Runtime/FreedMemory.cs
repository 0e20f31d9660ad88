using System.Runtime.InteropServices;

namespace Mdf.Runtime;

/// <summary>Memory that libtorch has freed and that the C library still holds.</summary>
/// <remarks>
/// glibc serves tensors of up to 32 MB from its heap, and what is freed there goes back to the system at the heap's end only. Work that frees maps
/// of many sizes again and again leaves holes: ×4 EDSR on tiles of one picture held 300 MB after eight of them, and more with each.
/// </remarks>
internal static partial class FreedMemory
{
    /// <summary>Gives it back to the system. Does nothing on systems whose C library is not glibc.</summary>
    public static void Return()
    {
        if (!OperatingSystem.IsLinux())
            return;
        try
        {
            _ = TrimHeap(0);
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // Another C library, with another heap.
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int TrimHeap(nuint keep);
}
