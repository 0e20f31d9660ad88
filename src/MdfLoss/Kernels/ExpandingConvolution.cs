using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>A 3×3 convolution without padding from few channels (one or three) to many.</summary>
/// <remarks>
/// Three neighbouring pixels of a row are adjacent in memory. So a row of pixels is already the matrix to multiply with the
/// weights; the rows of this matrix overlap.
/// </remarks>
internal sealed unsafe class ExpandingConvolution<TLanes> : IDisposable
    where TLanes : unmanaged, ILanes<TLanes>
{
    private readonly int _inputs;
    private readonly int _outputs;
    private readonly NativeBuffer _weights;

    /// <summary>Packs the weights.</summary>
    /// <param name="weight">The weight from an input to an output channel at a row and column of the kernel.</param>
    /// <param name="inputs">The number of input channels.</param>
    /// <param name="outputs">The number of output channels; a multiple of <see cref="MatrixProduct{TLanes}.ColumnBlock"/>.</param>
    public ExpandingConvolution(ConvolutionWeight weight, int inputs, int outputs)
    {
        (_inputs, _outputs) = (inputs, outputs);
        _weights = new NativeBuffer(9L * inputs * outputs);
        for (var row = 0; row < 9 * inputs; row++)
        {
            for (var output = 0; output < outputs; output++)
                _weights.Pointer[MatrixProduct<TLanes>.PackedIndex(row, output, 9 * inputs)] = (float)weight(output, row % inputs, row / inputs / 3, row / inputs % 3);
        }
    }

    /// <summary>The scratch memory that <see cref="Run"/> needs, in floats.</summary>
    /// <param name="width">The number of columns of the output.</param>
    /// <param name="outputs">The number of output channels.</param>
    public static long Scratch(int width, int outputs) => (long)(width + MatrixProduct<TLanes>.RowBlock) * outputs;

    /// <summary>Convolves.</summary>
    /// <inheritdoc cref="WinogradConvolution{TLanes}.Run" path="/param"/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Run<TEpilogue>(FeatureMap input, FeatureMap output, int height, int width, TEpilogue epilogue, float* scratch)
        where TEpilogue : struct, IEpilogue<TLanes>
    {
        for (var y = 0; y < height; y++)
        {
            MatrixProduct<TLanes>.Multiply(
                input.At(y, 0), _inputs, 3, input.RowLength, 3 * _inputs, _weights.Pointer, scratch, _outputs, width);
            var source = scratch;
            var destination = output.At(y, 0);
            var operand = epilogue.OperandAt(y, 0);
            for (var x = 0; x < width; x++)
            {
                for (var channel = 0; channel < _outputs; channel += TLanes.Count)
                    epilogue.Apply(TLanes.Load(source + channel), TLanes.Load(operand + channel)).Store(destination + channel);
                source += _outputs;
                destination += _outputs;
                operand += epilogue.OperandStep;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _weights.Dispose();
}
