using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Mdf.Kernels;

/// <summary>A 3×3 convolution from many channels to few (one or three). The result is added to the output.</summary>
/// <remarks>
/// Each input pixel is multiplied with the weights of all nine kernel positions at once. Then each product is added to its output
/// pixel. A kernel that computes only one or three outputs would leave most of a vector empty.
/// </remarks>
internal sealed unsafe class ContractingConvolution<TLanes> : IDisposable
    where TLanes : unmanaged, ILanes<TLanes>
{
    private readonly int _inputs;
    private readonly int _outputs;
    private readonly int _columns;
    private readonly NativeBuffer _weights;

    /// <summary>Packs the weights.</summary>
    /// <param name="weight">The weight from an input to an output channel at a row and column of the kernel.</param>
    /// <param name="inputs">The number of input channels.</param>
    /// <param name="outputs">The number of output channels: 1 or 3.</param>
    public ContractingConvolution(ConvolutionWeight weight, int inputs, int outputs)
    {
        (_inputs, _outputs, _columns) = (inputs, outputs, Columns(outputs));
        _weights = new NativeBuffer((long)inputs * _columns);
        for (var input = 0; input < inputs; input++)
        {
            for (var column = 0; column < 9 * outputs; column++)
                _weights.Pointer[MatrixProduct<TLanes>.PackedIndex(input, column, inputs)] = (float)weight(column % outputs, input, column / outputs / 3, column / outputs % 3);
        }
    }

    /// <summary>The scratch memory that <see cref="Run"/> needs, in floats.</summary>
    /// <param name="width">The number of columns of the input.</param>
    /// <param name="outputs">The number of output channels.</param>
    public static long Scratch(int width, int outputs) => (long)(width + MatrixProduct<TLanes>.RowBlock) * Columns(outputs);

    /// <summary>Convolves, and adds the result to the output.</summary>
    /// <param name="input">The input, with many channels.</param>
    /// <param name="height">The number of rows of the input.</param>
    /// <param name="width">The number of columns of the input.</param>
    /// <param name="output">The output: one channel, or three of <see cref="FeatureMap.PaddedChannels"/>.</param>
    /// <param name="padding">The number of zeros at each border of the input: 0 or 2. The output is larger than the input by 2 · padding − 2.</param>
    /// <param name="scratch">Memory of the size <see cref="Scratch"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run(FeatureMap input, int height, int width, FeatureMap output, int padding, float* scratch)
    {
        var (rows, columns) = (height + 2 * padding - 2, width + 2 * padding - 2);
        for (var y = 0; y < height; y++)
        {
            MatrixProduct<TLanes>.Multiply(input.At(y, 0), _inputs, 1, 0, _inputs, _weights.Pointer, scratch, _columns, width);
            for (var i = 0; i < 3; i++)
            {
                var row = y - i + padding;
                if (row < 0 || row >= rows)
                    continue;
                for (var j = 0; j < 3; j++)
                {
                    // Output column x − j + padding uses input column x.
                    var from = Math.Max(0, j - padding);
                    var to = Math.Min(width, columns + j - padding);
                    var source = scratch + (nint)from * _columns + (3 * i + j) * _outputs;
                    var destination = output.At(row, from - j + padding);
                    if (_outputs == 1)
                        AddOne(source, destination, to - from);
                    else
                        AddThree(source, destination, to - from);
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _weights.Dispose();

    private static int Columns(int outputs) => MatrixProduct<TLanes>.RoundUp(9 * outputs);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddOne(float* source, float* destination, int count)
    {
        for (var x = 0; x < count; x++, source += _columns)
            destination[x] += *source;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddThree(float* source, float* destination, int count)
    {
        for (var x = 0; x < count; x++, source += _columns, destination += FeatureMap.PaddedChannels)
            (Vector128.Load(destination) + Vector128.Load(source)).Store(destination);
    }
}
