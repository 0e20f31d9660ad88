namespace Mdf.Losses;

/// <summary>In which type the MDF loss computes.</summary>
public enum Precision
{
    /// <summary>The images' own type, float32 as a rule.</summary>
    Fp32,

    /// <summary>
    /// The convolutions behind the head in bfloat16, sums in float32: for processors with avx512_bf16, amx_bf16 or Arm's bf16, and for CUDA;
    /// elsewhere it is imitated, slowly. How far it is off: docs/performance.md.
    /// </summary>
    Bf16,
}
