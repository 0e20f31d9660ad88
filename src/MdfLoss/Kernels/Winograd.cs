namespace Mdf.Kernels;

/// <summary>
/// Winograd's minimal filtering F(4×4, 3×3): Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A, for the points 0, ±1, ±2 and infinity. It needs 4 times fewer multiplications
/// than the definition of convolution. Source: Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (CVPR 2016).
/// </summary>
/// <remarks>
/// The rounding error is about 1.5e-6 of a layer's values. With this error, the loss and the gradient are as accurate as with libtorch's float32 convolutions
/// (docs/numerics.md).
/// </remarks>
internal static class Winograd
{
    /// <summary>The number of outputs of a tile along each axis.</summary>
    public const int Outputs = 4;

    /// <summary>The number of inputs of a tile along each axis.</summary>
    public const int Size = Outputs + 2;

    /// <summary>The matrix G, row by row. It transforms three weights to six values.</summary>
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
