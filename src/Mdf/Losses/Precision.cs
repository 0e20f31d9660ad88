namespace Mdf.Losses;

/// <summary>In which type the MDF loss computes.</summary>
public enum Precision
{
    /// <summary>The images' own type, float32 as a rule.</summary>
    Fp32,

    /// <summary>
    /// The convolutions behind the head in bfloat16, sums in float32: for processors with avx512_bf16 or amx_bf16, and for CUDA. The loss is
    /// off by about 0.4 %, its gradient by about 2.5 %.
    /// </summary>
    Bf16,
}
