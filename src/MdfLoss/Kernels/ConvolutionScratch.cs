namespace Mdf.Kernels;

/// <summary>The memory in which one thread convolves one block after the other.</summary>
internal sealed unsafe class ConvolutionScratch : IDisposable
{
    // The widest vector.
    private const int Lanes = 16;

    private readonly NativeBuffer _patch;
    private readonly NativeBuffer _inputs;
    private readonly NativeBuffer _products;
    private readonly NativeBuffer _tile;

    /// <summary>Allocates.</summary>
    /// <param name="channels">The most channels.</param>
    /// <param name="tiles">The most tiles of a block.</param>
    /// <param name="width">The most columns of a map, for kernels that work row by row.</param>
    public ConvolutionScratch(int channels, int tiles, int width)
    {
        // The longest outline is that of a single row of tiles.
        var pixels = Math.Max((Winograd.Outputs + 2) * (Winograd.Outputs * tiles + 2), 2 * (width + Lanes));
        var values = Math.Max((long)Winograd.Size * Winograd.Size * ((tiles + Lanes) * channels + Lanes), 2L * Lanes * (width + Lanes));
        (_patch, _inputs, _products) = (new NativeBuffer((long)pixels * channels), new NativeBuffer(values), new NativeBuffer(values));
        _tile = new NativeBuffer((Winograd.Outputs * Winograd.Outputs + Winograd.Outputs * Winograd.Size + Winograd.Size * Winograd.Size) * Lanes);
    }

    /// <summary>Pixels of a block, or rows.</summary>
    public float* Patch => _patch.Pointer;

    /// <summary>Transformed inputs.</summary>
    public float* Inputs => _inputs.Pointer;

    /// <summary>Products, or transformed gradients.</summary>
    public float* Products => _products.Pointer;

    /// <summary>What the transform of a tile keeps in between.</summary>
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
