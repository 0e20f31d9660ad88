using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Mdf.Kernels;

/// <summary>A 3×3 convolution from many channels to few (one or three), which is added to what is already there.</summary>
/// <remarks>
/// Each input pixel is multiplied with the weights of all nine positions in the kernel at once; then each product is added where it
/// belongs. A kernel for one or three outputs alone would leave most of a vector empty.
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
    /// <param name="inputs">Channels in.</param>
    /// <param name="outputs">Channels out: 1 or 3.</param>
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

    /// <summary>Floats of scratch memory that <see cref="Run"/> uses.</summary>
    /// <param name="width">Columns of the input.</param>
    /// <param name="outputs">Channels out.</param>
    public static long Scratch(int width, int outputs) => (long)(width + MatrixProduct<TLanes>.RowBlock) * Columns(outputs);

    /// <summary>Convolves, and adds to the output.</summary>
    /// <param name="input">Many channels.</param>
    /// <param name="height">Its rows.</param>
    /// <param name="width">Its columns.</param>
    /// <param name="output">One channel, or three of <see cref="FeatureMap.PaddedChannels"/>.</param>
    /// <param name="padding">Zeros around the input: 0 or 2. The output is larger than the input by twice as many, less 2.</param>
    /// <param name="scratch">Memory of the size that <see cref="Scratch"/> says.</param>
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
                    // Input column x is seen by output column x − j + padding.
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
