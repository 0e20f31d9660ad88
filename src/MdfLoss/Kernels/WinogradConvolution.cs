using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>A 3×3 convolution without padding, with many input channels and the same number of output channels, in Winograd's form.</summary>
/// <remarks>
/// Tiles are processed in blocks that fit in the second-level cache. For each block: transform it, multiply it with the transformed weights (one
/// product for each of the 36 positions in a tile), and transform it back.
/// </remarks>
internal sealed unsafe class WinogradConvolution<TLanes> : IDisposable
    where TLanes : unmanaged, ILanes<TLanes>
{
    private const int Size = Winograd.Size;
    private const int Outputs = Winograd.Outputs;

    // The number of tiles of a block; a multiple of the rows that the product computes together. On Zen 3, with 32 and 64 channels, the time is the same from 6 to 48.
    private const int Block = 12;

    private readonly int _channels;
    private readonly NativeBuffer _weights;

    /// <summary>Transforms and packs the weights.</summary>
    /// <param name="weight">The weight from an input to an output channel at a row and column of the kernel.</param>
    /// <param name="channels">The number of channels; a multiple of <see cref="MatrixProduct{TLanes}.ColumnBlock"/>.</param>
    public WinogradConvolution(ConvolutionWeight weight, int channels)
    {
        _channels = channels;
        _weights = new NativeBuffer((long)Size * Size * channels * channels);
        Span<double> transformed = stackalloc double[Size * Size];
        for (var output = 0; output < channels; output++)
        {
            for (var input = 0; input < channels; input++)
            {
                Transform(weight, output, input, transformed);
                var index = MatrixProduct<TLanes>.PackedIndex(input, output, channels);
                for (var position = 0; position < transformed.Length; position++)
                    Weights(position)[index] = (float)transformed[position];
            }
        }
    }

    /// <summary>The scratch memory that <see cref="Run"/> needs, in floats.</summary>
    /// <param name="channels">The number of channels.</param>
    public static long Scratch(int channels) => 2L * Size * Size * Position(channels) + WinogradTransform<TLanes>.Scratch * TLanes.Count;

    /// <summary>Convolves.</summary>
    /// <param name="input">The input. Its first pixel is the top left pixel under the kernel for the first output pixel.</param>
    /// <param name="output">The destination. Nothing is written outside its rectangle.</param>
    /// <param name="height">The number of rows of the output.</param>
    /// <param name="width">The number of columns of the output.</param>
    /// <param name="epilogue">The operation on the values before they are stored.</param>
    /// <param name="scratch">Memory of the size <see cref="Scratch"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run<TEpilogue>(FeatureMap input, FeatureMap output, int height, int width, TEpilogue epilogue, float* scratch)
        where TEpilogue : struct, IEpilogue<TLanes>
    {
        var across = (width + Outputs - 1) / Outputs;
        var tiles = across * ((height + Outputs - 1) / Outputs);
        var position = Position(_channels);
        var products = scratch + Size * Size * position;
        var tile = products + Size * Size * position;
        for (var first = 0; first < tiles; first += Block)
        {
            var count = Math.Min(Block, tiles - first);
            for (var i = 0; i < count; i++)
            {
                var (row, column) = Math.DivRem(first + i, across);
                TransformInput(input.At(row * Outputs, column * Outputs), input.RowLength, scratch + i * _channels, position, tile);
            }

            for (var i = 0; i < Size * Size; i++)
            {
                MatrixProduct<TLanes>.Multiply(
                    scratch + i * position, _channels, 1, 0, _channels, Weights(i), products + i * position, _channels, count);
            }

            for (var i = 0; i < count; i++)
            {
                var (row, column) = Math.DivRem(first + i, across);
                TransformOutput(products + i * _channels, position, output, row * Outputs, column * Outputs, height, width, epilogue, tile);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _weights.Dispose();

    /// <summary>
    /// The distance between the values of one position in a tile and the values of the next position, in floats. The extra cache line prevents that all positions
    /// use the same few sets of the first-level cache.
    /// </summary>
    private static nint Position(int channels) => (nint)Block * channels + 16;

    private float* Weights(int position) => _weights.Pointer + (nint)position * _channels * _channels;

    /// <summary>Computes G g Gᵀ.</summary>
    private static void Transform(ConvolutionWeight weight, int output, int input, Span<double> transformed)
    {
        var g = Winograd.Weights;
        Span<double> rows = stackalloc double[Size * 3];
        for (var i = 0; i < Size; i++)
        {
            for (var x = 0; x < 3; x++)
            {
                for (var y = 0; y < 3; y++)
                    rows[i * 3 + x] += g[i * 3 + y] * weight(output, input, y, x);
            }
        }

        for (var i = 0; i < Size; i++)
        {
            for (var j = 0; j < Size; j++)
                transformed[i * Size + j] = rows[i * 3] * g[j * 3] + rows[i * 3 + 1] * g[j * 3 + 1] + rows[i * 3 + 2] * g[j * 3 + 2];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void TransformInput(float* source, nint row, float* destination, nint position, float* scratch)
    {
        for (nint channel = 0; channel < _channels; channel += TLanes.Count)
            WinogradTransform<TLanes>.Input(source + channel, row, _channels, destination + channel, position, scratch);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void TransformOutput<TEpilogue>(
        float* source, nint position, FeatureMap output, int top, int left, int height, int width, TEpilogue epilogue, float* tile)
        where TEpilogue : struct, IEpilogue<TLanes>
    {
        var (bottom, right) = (Math.Min(top + Outputs, height), Math.Min(left + Outputs, width));
        for (var channel = 0; channel < _channels; channel += TLanes.Count)
        {
            WinogradTransform<TLanes>.Output(source + channel, position, tile);
            for (var y = top; y < bottom; y++)
            {
                var values = tile + (y - top) * Outputs * TLanes.Count;
                var destination = output.At(y, left) + channel;
                var operand = epilogue.OperandAt(y, left) + channel;
                for (var x = left; x < right; x++, values += TLanes.Count, destination += _channels, operand += epilogue.OperandStep)
                    epilogue.Apply(TLanes.Load(values), TLanes.Load(operand)).Store(destination);
            }
        }
    }
}
