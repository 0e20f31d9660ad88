using System.Runtime.InteropServices;

namespace Mdf.Runtime;

/// <summary>Returns memory to the system that libtorch has freed and that the C library still holds.</summary>
/// <remarks>
/// glibc allocates tensors of up to 32 MB on its heap. It returns freed memory to the system only at the end of the heap. Work that allocates and frees maps of many
/// sizes leaves gaps: ×4 EDSR on tiles of one image held 300 MB after eight tiles, and more after each further tile.
/// </remarks>
internal static partial class FreedMemory
{
    /// <summary>Returns the freed memory to the system. Does nothing if the C library is not glibc.</summary>
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
            // Another C library, which has another heap.
        }
    }

    [LibraryImport("libc", EntryPoint = "malloc_trim")]
    private static partial int TrimHeap(nuint keep);
}
