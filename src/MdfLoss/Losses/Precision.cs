namespace Mdf.Losses;

/// <summary>The type in which the MDF loss computes.</summary>
public enum Precision
{
    /// <summary>The type of the images, usually float32.</summary>
    Fp32,

    /// <summary>
    /// The convolutions after the head in bfloat16, sums in float32. For processors with avx512_bf16, amx_bf16 or Arm's bf16, and for CUDA. Other
    /// processors emulate it slowly. docs/performance.md gives its error.
    /// </summary>
    Bf16,
}
