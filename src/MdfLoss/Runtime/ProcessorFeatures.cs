using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Mdf.Runtime;

/// <summary>The instruction sets of this machine's processor.</summary>
internal static class ProcessorFeatures
{
    // The instruction sets that decide the speed of convolutions and of bfloat16, on x86-64 and on Arm, by their names in the Linux kernel.
    private static readonly string[] s_interesting = ["avx2", "fma", "avx512f", "avx512_bf16", "amx_tile", "amx_bf16", "asimd", "sve", "bf16", "i8mm"];

    /// <summary>The instruction sets of this processor that decide the speed of convolutions, by their names in the Linux kernel.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. s_interesting.Intersect(Read())];

    /// <summary>Whether the processor multiplies in bfloat16. Only then bfloat16 is faster than float32.</summary>
    public static bool HasBfloat16 { get; } = Names.Intersect(["avx512_bf16", "amx_bf16", "bf16"]).Any();

    private static IEnumerable<string> Read()
    {
        if (OperatingSystem.IsLinux() && ReadCpuInfo() is { } flags)
            return flags;
        var known = new List<(bool Is, string Name)>
        {
            (Avx2.IsSupported, "avx2"), (Fma.IsSupported, "fma"), (Avx512F.IsSupported, "avx512f"), (AdvSimd.IsSupported, "asimd"),
        };
        if (X86Base.IsSupported && Avx512F.IsSupported)
        {
            // Intel's manual, CPUID leaf 7: AVX512_BF16 is bit 5 of EAX in subleaf 1; AMX-BF16 and AMX-TILE are bits 22 and 24 of EDX in subleaf 0.
            known.Add(((X86Base.CpuId(7, 1).Eax >> 5 & 1) == 1, "avx512_bf16"));
            known.Add(((X86Base.CpuId(7, 0).Edx >> 22 & 1) == 1, "amx_bf16"));
            known.Add(((X86Base.CpuId(7, 0).Edx >> 24 & 1) == 1, "amx_tile"));
        }

        return known.Where(feature => feature.Is).Select(feature => feature.Name);
    }

    private static string[]? ReadCpuInfo()
    {
        try
        {
            return File.ReadLines("/proc/cpuinfo")
                .Select(line => line.Split(':', 2, StringSplitOptions.TrimEntries))
                .FirstOrDefault(pair => pair is ["flags" or "Features", _])?[1].Split(' ');
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
