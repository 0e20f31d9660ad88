namespace Mdf.Kernels;

/// <summary>The scratch memory of one thread for convolutions, block by block.</summary>
internal sealed unsafe class ConvolutionScratch : IDisposable
{
    // The number of lanes of the widest vector.
    private const int Lanes = 16;

    private readonly NativeBuffer _patch;
    private readonly NativeBuffer _inputs;
    private readonly NativeBuffer _products;
    private readonly NativeBuffer _tile;

    /// <summary>Allocates the memory.</summary>
    /// <param name="channels">The largest number of channels.</param>
    /// <param name="tiles">The largest number of tiles in a block.</param>
    /// <param name="width">The largest number of columns of a map, for kernels that work row by row.</param>
    public ConvolutionScratch(int channels, int tiles, int width)
    {
        // A single row of tiles has the most pixels around its tiles.
        var pixels = Math.Max((Winograd.Outputs + 2) * (Winograd.Outputs * tiles + 2), 2 * (width + Lanes));
        var values = Math.Max((long)Winograd.Size * Winograd.Size * ((tiles + Lanes) * channels + Lanes), 2L * Lanes * (width + Lanes));
        (_patch, _inputs, _products) = (new NativeBuffer((long)pixels * channels), new NativeBuffer(values), new NativeBuffer(values));
        _tile = new NativeBuffer((Winograd.Outputs * Winograd.Outputs + Winograd.Outputs * Winograd.Size + Winograd.Size * Winograd.Size) * Lanes);
    }

    /// <summary>The pixels of a block, or of rows.</summary>
    public float* Patch => _patch.Pointer;

    /// <summary>The transformed inputs.</summary>
    public float* Inputs => _inputs.Pointer;

    /// <summary>The products, or the transformed gradients.</summary>
    public float* Products => _products.Pointer;

    /// <summary>The intermediate values of the transform of a tile.</summary>
    public float* Tile => _tile.Pointer;

    /// <inheritdoc/>
    public void Dispose()
    {
        _patch.Dispose();
        _inputs.Dispose();
        _products.Dispose();
        _tile.Dispose();
    }
}
