using System.Runtime.InteropServices;
using System.Runtime.Intrinsics.X86;

namespace Mdf.Runtime;

/// <summary>Controls NNPACK, which libtorch uses for convolutions of small images.</summary>
internal static unsafe class Nnpack
{
    // at::globalContext() and at::Context::setUserEnabledNNPACK(bool), as GCC and Clang name them in libraries.
    private const string GlobalContext = "_ZN2at13globalContextEv";
    private const string SetEnabled = "_ZN2at7Context20setUserEnabledNNPACKEb";

    /// <summary>
    /// Switches NNPACK off where it does not work, as on virtual machines whose processor names no caches. Otherwise libtorch would write a
    /// line to standard error for every convolution. libtorch must be loaded.
    /// </summary>
    /// <param name="libtorch">The path of <c>libtorch_cpu.so</c>.</param>
    public static void SilenceWhereUnsupported(string libtorch)
    {
        if (!X86Base.IsSupported || NamesCaches())
            return;
        if (NativeLibrary.TryLoad(libtorch, out var library)
            && NativeLibrary.TryGetExport(library, GlobalContext, out var context)
            && NativeLibrary.TryGetExport(library, SetEnabled, out var setEnabled))
        {
            ((delegate* unmanaged<nint, byte, void>)setEnabled)(((delegate* unmanaged<nint>)context)(), 0);
        }
    }

    /// <summary>Whether CPUID names the caches of the processor: leaf 4 for Intel, leaf 8000001D for AMD.</summary>
    private static bool NamesCaches()
    {
        const int amdExtensions = unchecked((int)0x80000000);
        const int amdCaches = unchecked((int)0x8000001D);
        return IsCache(4) || (uint)X86Base.CpuId(amdExtensions, 0).Eax >= unchecked((uint)amdCaches) && IsCache(amdCaches);

        static bool IsCache(int leaf) => (X86Base.CpuId(leaf, 0).Eax & 0x1f) != 0;
    }
}
