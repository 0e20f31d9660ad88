using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>
/// A 3×3 convolution without padding, with many input channels and the same number of output channels, for training: the forward pass, the gradient of the
/// input, and the gradient of the weights, all in <see cref="Winograd"/>'s form.
/// </summary>
internal sealed unsafe class SquareConvolution<TLanes> : IDisposable
    where TLanes : unmanaged, ILanes<TLanes>
{
    /// <summary>The largest number of tiles of a block in a convolution.</summary>
    public const int MostTiles = 36;

    /// <summary>The largest number of tiles of a block for the gradient of the weights. With larger blocks, the sums are loaded and stored less often.</summary>
    public const int MostGradientTiles = 72;

    private const int Size = Winograd.Size;
    private const int Outputs = Winograd.Outputs;
    private const int Positions = Size * Size;

    // The number of zeros at each border of a gradient in the backward pass.
    private const int Border = 2;

    private readonly int _channels;
    private readonly NativeBuffer _forward;
    private readonly NativeBuffer _back;
    private readonly NativeBuffer _transposed;

    /// <summary>Allocates the weights and sets them to zero.</summary>
    /// <param name="channels">The number of channels; a multiple of <see cref="MatrixProduct{TLanes}.ColumnBlock"/>.</param>
    public SquareConvolution(int channels)
    {
        _channels = channels;
        var length = (long)Positions * channels * channels;
        (_forward, _back, _transposed) = (new NativeBuffer(length), new NativeBuffer(length), new NativeBuffer(9L * channels * channels));
    }

    /// <summary>The size of the sums that <see cref="AddWeightGradient"/> adds to, in floats.</summary>
    public static long SumsLength(int channels) => (long)Positions * channels * channels;

    /// <summary>Transforms and packs weights.</summary>
    /// <param name="weights">The weights, by position in the kernel, input channel, output channel.</param>
    /// <param name="scratch">Scratch memory.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void SetWeights(float* weights, ConvolutionScratch scratch)
    {
        var square = _channels * _channels;
        for (var k = 0; k < 9; k++)
        {
            for (var input = 0; input < _channels; input++)
            {
                for (var output = 0; output < _channels; output++)
                    _transposed.Pointer[k * square + output * _channels + input] = weights[k * square + input * _channels + output];
            }
        }

        Transform(weights, flips: false, _forward.Pointer, scratch);
        Transform(_transposed.Pointer, flips: true, _back.Pointer, scratch);
    }

    /// <summary>Convolves a block.</summary>
    /// <param name="input">The input.</param>
    /// <param name="block">The block of the output.</param>
    /// <param name="height">The number of rows of the output.</param>
    /// <param name="width">The number of columns of the output.</param>
    /// <param name="output">The destination.</param>
    /// <param name="totals">The sums of the sink.</param>
    /// <param name="scratch">Scratch memory.</param>
    public void Forward(RowSource input, TileBlock block, int height, int width, RowSink output, float* totals, ConvolutionScratch scratch) =>
        Convolve(_forward.Pointer, input, 0, block, height, width, output, totals, scratch);

    /// <summary>Computes a block of the gradient of the input from the gradient of the output.</summary>
    /// <param name="gradient">The gradient of the output.</param>
    /// <param name="block">The block of the input.</param>
    /// <param name="height">The number of rows of the input.</param>
    /// <param name="width">The number of columns of the input.</param>
    /// <param name="output">The destination of the input's gradient.</param>
    /// <param name="totals">The sums of the sink.</param>
    /// <param name="scratch">Scratch memory.</param>
    public void Back(RowSource gradient, TileBlock block, int height, int width, RowSink output, float* totals, ConvolutionScratch scratch) =>
        Convolve(_back.Pointer, gradient, -Border, block, height, width, output, totals, scratch);

    /// <summary>Adds the contribution of a block to the gradient of the weights, in the transformed domain.</summary>
    /// <param name="input">The input.</param>
    /// <param name="gradient">The gradient of the output.</param>
    /// <param name="block">The block of the output.</param>
    /// <param name="sums">The sums to add to, by position in the tile, input channel, output channel.</param>
    /// <param name="scratch">Scratch memory.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void AddWeightGradient(RowSource input, RowSource gradient, TileBlock block, float* sums, ConvolutionScratch scratch)
    {
        nint channels = input.Channels;
        var position = Position(channels, block.Tiles);
        TransformInputs(input, 0, block, position, scratch);

        var row = block.Columns * channels;
        gradient.ReadPatch(block.Top, block.Left, block.Rows, block.Columns, scratch.Patch);
        for (nint i = 0; i < block.TileRows; i++)
        {
            for (nint j = 0; j < block.TileColumns; j++)
            {
                var source = scratch.Patch + Outputs * (i * row + j * channels);
                var destination = scratch.Products + (i * block.TileColumns + j) * channels;
                for (nint channel = 0; channel < channels; channel += TLanes.Count)
                    WinogradTransform<TLanes>.OutputBack(source + channel, row, channels, destination + channel, position, scratch.Tile);
            }
        }

        for (var k = 0; k < Positions; k++)
        {
            MatrixProduct<TLanes>.AddTransposed(
                scratch.Inputs + k * position, channels, scratch.Products + k * position, channels, block.Tiles, sums + k * channels * channels, (int)channels, (int)channels);
        }
    }

    /// <summary>Transforms the sums of <see cref="AddWeightGradient"/> to the gradient of the weights.</summary>
    /// <param name="sums">The sums.</param>
    /// <param name="channels">The number of channels.</param>
    /// <param name="weights">The destination of the gradient, by position in the kernel, input channel, output channel.</param>
    /// <param name="scratch">Scratch memory.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FinishWeightGradient(float* sums, int channels, float* weights, ConvolutionScratch scratch)
    {
        var square = channels * channels;
        for (var i = 0; i < square; i += TLanes.Count)
            WinogradTransform<TLanes>.WeightsBack(sums + i, square, weights + i, square, scratch.Tile);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _forward.Dispose();
        _back.Dispose();
        _transposed.Dispose();
    }

    /// <summary>
    /// The distance between the values of one position in a tile and the values of the next position, in floats. The extra cache line prevents that all positions
    /// use the same few sets of the first-level cache.
    /// </summary>
    private static nint Position(nint channels, int tiles) =>
        (tiles + MatrixProduct<TLanes>.RowBlock - 1) / MatrixProduct<TLanes>.RowBlock * MatrixProduct<TLanes>.RowBlock * channels + 16;

    private void Transform(float* weights, bool flips, float* packed, ConvolutionScratch scratch)
    {
        var square = _channels * _channels;
        for (var input = 0; input < _channels; input++)
        {
            for (var output = 0; output < _channels; output += TLanes.Count)
            {
                WinogradTransform<TLanes>.Weights(
                    weights + input * _channels + output, square, flips, packed + MatrixProduct<TLanes>.PackedIndex(input, output, _channels), square, scratch.Tile);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Convolve(
        float* weights, RowSource input, int offset, TileBlock block, int height, int width, RowSink output, float* totals, ConvolutionScratch scratch)
    {
        nint channels = _channels;
        var position = Position(channels, block.Tiles);
        TransformInputs(input, offset, block, position, scratch);
        for (var k = 0; k < Positions; k++)
        {
            MatrixProduct<TLanes>.Multiply(
                scratch.Inputs + k * position, channels, 1, 0, _channels, weights + k * channels * channels, scratch.Products + k * position, _channels, block.Tiles);
        }

        var row = block.Columns * channels;
        for (nint i = 0; i < block.TileRows; i++)
        {
            for (nint j = 0; j < block.TileColumns; j++)
            {
                var source = scratch.Products + (i * block.TileColumns + j) * channels;
                var destination = scratch.Patch + Outputs * (i * row + j * channels);
                for (nint channel = 0; channel < channels; channel += TLanes.Count)
                    WinogradTransform<TLanes>.Output(source + channel, position, destination + channel, row, channels, scratch.Tile);
            }
        }

        var (rows, columns) = (Math.Min(block.Rows, height - block.Top), Math.Min(block.Columns, width - block.Left));
        for (var y = 0; y < rows; y++)
            output.Write(block.Top + y, block.Left, columns, scratch.Patch + y * row, totals);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void TransformInputs(RowSource input, int offset, TileBlock block, nint position, ConvolutionScratch scratch)
    {
        nint channels = input.Channels;
        var columns = block.Columns + Border;
        input.ReadPatch(block.Top + offset, block.Left + offset, block.Rows + Border, columns, scratch.Patch);
        var row = columns * channels;
        for (nint i = 0; i < block.TileRows; i++)
        {
            for (nint j = 0; j < block.TileColumns; j++)
            {
                var source = scratch.Patch + Outputs * (i * row + j * channels);
                var destination = scratch.Inputs + (i * block.TileColumns + j) * channels;
                for (nint channel = 0; channel < channels; channel += TLanes.Count)
                    WinogradTransform<TLanes>.Input(source + channel, row, channels, destination + channel, position, scratch.Tile);
            }
        }
    }
}
