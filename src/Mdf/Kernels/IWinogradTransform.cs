namespace Mdf.Kernels;

/// <summary>
/// The transforms of Winograd's minimal filtering F(m×m, 3×3): Y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A. Lavin and Gray, "Fast Algorithms for
/// Convolutional Neural Networks" (CVPR 2016). Eight channels at once.
/// </summary>
internal unsafe interface IWinogradTransform
{
    /// <summary>m: outputs of a tile along each axis.</summary>
    static abstract int Outputs { get; }

    /// <summary>G, row by row: from three weights to m + 2 values.</summary>
    static abstract ReadOnlySpan<double> Weights { get; }

    /// <summary>Bᵀ d B, for a tile of (m + 2)² inputs.</summary>
    /// <param name="source">The tile's first input.</param>
    /// <param name="row">From one row of inputs to the next, in floats.</param>
    /// <param name="pixel">From one input of a row to the next, in floats.</param>
    /// <param name="destination">Where the first of the (m + 2)² values goes.</param>
    /// <param name="position">From one value to the next, in floats.</param>
    /// <param name="scratch">(m + 2)² vectors.</param>
    static abstract void Input(float* source, nint row, nint pixel, float* destination, nint position, float* scratch);

    /// <summary>Aᵀ M A, for a tile of (m + 2)² products.</summary>
    /// <param name="source">The first product.</param>
    /// <param name="position">From one product to the next, in floats.</param>
    /// <param name="tile">The m² outputs, row by row; room for (m + 2)² vectors.</param>
    static abstract void Output(float* source, nint position, float* tile);
}
