using Mdf.Discriminators;
using Mdf.Kernels;

namespace Mdf.Losses.Frozen;

/// <summary>The memory in which one thread processes one tile after the other.</summary>
/// <remarks>Every map has extra zeros to its right and below, because the kernels read beyond its edge.</remarks>
internal sealed unsafe class Workspace<TLanes> : IDisposable
    where TLanes : unmanaged, ILanes<TLanes>
{
    private const int LayerCount = 5;

    // Kernels work on 4×4 outputs from 6×6 inputs, and so read at most 5 pixels beyond a size that is rounded up to 4.
    private const int RoundTo = 4;
    private const int Overrun = 6;

    private readonly NativeBuffer[] _layers;
    private readonly NativeBuffer[] _gradients;
    private readonly NativeBuffer _finalGradient;
    private readonly NativeBuffer _restored;
    private readonly NativeBuffer _reference;
    private readonly NativeBuffer _features;
    private readonly NativeBuffer _scratch;

    /// <summary>Allocates the memory.</summary>
    /// <param name="largest">The largest number of rows and columns of the final map in a tile.</param>
    /// <param name="channels">The largest number of channels of a layer.</param>
    public Workspace(int largest, int channels)
    {
        Largest = largest;
        // The input, and the gradient of the body's first block with the zeros around it, are the largest maps.
        var side = Padded(largest + 2 * ScaleNetwork.Margin);
        var pixels = (long)side * side;
        _layers = [.. Enumerable.Range(0, LayerCount).Select(layer => new NativeBuffer(layer == LayerCount - 1 ? pixels : pixels * channels))];
        _gradients = [new NativeBuffer(pixels * channels), new NativeBuffer(pixels * channels)];
        _finalGradient = new NativeBuffer(pixels);
        (_restored, _reference) = (new NativeBuffer(3 * pixels), new NativeBuffer(3 * pixels));
        _features = new NativeBuffer(2 * pixels * channels + pixels);
        _scratch = new NativeBuffer(new[]
        {
            WinogradConvolution<TLanes>.Scratch(channels),
            ExpandingConvolution<TLanes>.Scratch(side, channels),
            ContractingConvolution<TLanes>.Scratch(side, outputs: 3),
        }.Max());
    }

    /// <summary>The largest number of rows and columns of the final map in a tile.</summary>
    public int Largest { get; }

    /// <summary>Memory for the features of a reference at one scale.</summary>
    public float* Features => _features.Pointer;

    /// <summary>Memory for intermediate values of the kernels.</summary>
    public float* Scratch => _scratch.Pointer;

    /// <summary>The layers that <see cref="BeginLayers"/> has created.</summary>
    public FeatureMap[] Layers { get; } = new FeatureMap[LayerCount];

    /// <summary>The number of pixels by which a layer is larger than the final map at each border.</summary>
    public static int MarginOf(int layer) => LayerCount - 1 - layer;

    /// <summary>The number of rows and columns of a layer in a tile.</summary>
    public static (int Height, int Width) SizeOf(Tile tile, int layer) =>
        (tile.Map.Height + 2 * MarginOf(layer), tile.Map.Width + 2 * MarginOf(layer));

    /// <summary>Prepares the memory for the input of the restored image.</summary>
    public FeatureMap BeginRestored(Tile tile) => Map(_restored, tile.Input.Height, tile.Input.Width, 3, 0);

    /// <summary>Prepares the memory for the input of the reference.</summary>
    public FeatureMap BeginReference(Tile tile) => Map(_reference, tile.Input.Height, tile.Input.Width, 3, 0);

    /// <summary>Prepares the memory for the layers of one scale: the head, the blocks of the body, the final map.</summary>
    public FeatureMap[] BeginLayers(Tile tile, int channels)
    {
        for (var layer = 0; layer < LayerCount; layer++)
        {
            var (height, width) = SizeOf(tile, layer);
            Layers[layer] = Map(_layers[layer], height, width, layer == LayerCount - 1 ? 1 : channels, 0);
        }

        return Layers;
    }

    /// <summary>Prepares the memory for the gradient with respect to a layer, with zeros around it.</summary>
    public FeatureMap BeginGradient(Tile tile, int layer, int channels, int border)
    {
        var (height, width) = SizeOf(tile, layer);
        return Map(_gradients[layer % 2], height, width, channels, border);
    }

    /// <summary>Prepares the memory for the gradient with respect to the final map: all zeros, with zeros around it.</summary>
    public FeatureMap BeginFinalGradient(Tile tile, int border)
    {
        var map = Map(_finalGradient, tile.Map.Height, tile.Map.Width, 1, border);
        for (var y = 0; y < tile.Map.Height; y++)
            new Span<float>(map.At(border + y, border), tile.Map.Width).Clear();
        return map;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeBuffer[] others = [_finalGradient, _restored, _reference, _features, _scratch];
        foreach (var buffer in others.Concat(_layers).Concat(_gradients))
            buffer.Dispose();
    }

    /// <summary>Creates a map to write, with zeros around it.</summary>
    private static FeatureMap Map(NativeBuffer buffer, int height, int width, int channels, int border)
    {
        var map = new FeatureMap(buffer.Pointer, Padded(width + 2 * border), channels);
        map.ClearAround(height, width, border, Padded(height + 2 * border));
        return map;
    }

    private static int Padded(int length) => (length + RoundTo - 1) / RoundTo * RoundTo + Overrun;
}
