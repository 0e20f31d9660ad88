namespace Mdf.Kernels;

/// <summary>
/// Winograd's minimal filtering F(4×4, 3×3): Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A, for the points 0, ±1, ±2 and infinity, which multiplies 4 times less
/// often than the definition. Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016).
/// </summary>
/// <remarks>
/// The rounding error is about 1.5e-6 of a layer's values, with which loss and gradient come out as exact as by libtorch's float32 convolutions
/// (docs/numerics.md).
/// </remarks>
internal static class Winograd
{
    /// <summary>Outputs of a tile along each axis.</summary>
    public const int Outputs = 4;

    /// <summary>Inputs of a tile along each axis.</summary>
    public const int Size = Outputs + 2;

    /// <summary>G, row by row: from three weights to six values.</summary>
    public static ReadOnlySpan<double> Weights =>
    [
        1.0 / 4, 0, 0,
        -1.0 / 6, -1.0 / 6, -1.0 / 6,
        -1.0 / 6, 1.0 / 6, -1.0 / 6,
        1.0 / 24, 1.0 / 12, 1.0 / 6,
        1.0 / 24, -1.0 / 12, 1.0 / 6,
        0, 0, 1,
    ];
}
