using System.Numerics;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>One axis: which input samples make each output sample, and with what weights.</summary>
/// <param name="Indices"><c>[tap][output]</c>.</param>
/// <param name="Weights"><c>[tap][output]</c>; the sum over taps is 1.</param>
internal sealed record ResamplingKernel(long[][] Indices, double[][] Weights)
{
    /// <summary>Keys' parameter: the one value with third-order accuracy, and MATLAB's choice.</summary>
    private const double A = -0.5;

    /// <summary>Half the kernel's width, in pixels of the coarser grid.</summary>
    private const double Radius = 2;

    /// <summary>The kernel of <see cref="Resampler"/> for an axis.</summary>
    /// <param name="inputSize">Samples of the input.</param>
    /// <param name="outputSize">Samples of the output.</param>
    /// <param name="factor">Size of an input sample by that of an output sample.</param>
    /// <param name="border">What the kernel sees beyond the edge.</param>
    public static ResamplingKernel Create(long inputSize, long outputSize, double factor, Border border)
    {
        // When shrinking, distances are measured in output pixels: the kernel grows and removes what would alias.
        var distanceScale = Math.Min(factor, 1);
        var radius = Radius / distanceScale;
        var taps = checked((int)Math.Ceiling(2 * radius) + 1);
        var indices = new long[taps][];
        var weights = new double[taps][];
        for (var tap = 0; tap < taps; tap++)
            (indices[tap], weights[tap]) = (new long[outputSize], new double[outputSize]);

        for (long output = 0; output < outputSize; output++)
        {
            // Pixel centres are at half-integers, so that the edges of both images coincide.
            var center = (output + 0.5) / factor - 0.5;
            var first = (long)Math.Floor(center - radius) + 1;
            var sum = 0.0;
            for (var tap = 0; tap < taps; tap++)
            {
                indices[tap][output] = Reflect(first + tap, inputSize, border);
                weights[tap][output] = Cubic((center - (first + tap)) * distanceScale);
                sum += weights[tap][output];
            }

            for (var tap = 0; tap < taps; tap++)
                weights[tap][output] /= sum;
        }

        // Every output may need fewer taps than there is room for.
        var used = Enumerable.Range(0, taps).Where(tap => weights[tap].Any(weight => weight != 0)).ToArray();
        return new ResamplingKernel([.. used.Select(tap => indices[tap])], [.. used.Select(tap => weights[tap])]);
    }

    /// <summary>Resamples one axis with torch operations: gradients pass.</summary>
    /// <param name="image">What to resample.</param>
    /// <param name="dimension">−2 for the rows' positions, −1 for positions within rows.</param>
    public Tensor Apply(Tensor image, long dimension)
    {
        long[] shape = dimension == -1 ? [1, -1] : [-1, 1];
        Tensor? sum = null;
        for (var tap = 0; tap < Indices.Length; tap++)
        {
            using var scope = NewDisposeScope();
            var samples = image.index_select(dimension, tensor(Indices[tap], device: image.device));
            var weights = tensor(Weights[tap], dtype: image.dtype, device: image.device).reshape(shape);
            if (sum is null)
                sum = samples.mul(weights).MoveToOuterDisposeScope();
            else
                sum.AddCMul_(samples, weights); // in place: autograd needs only the weights
        }

        return sum!;
    }

    /// <summary>Resamples the rows' positions of one plane; no gradient.</summary>
    /// <param name="plane">Rows of the input's number.</param>
    /// <param name="width">Samples of a row.</param>
    /// <param name="result">Rows of the output's number.</param>
    public void ApplyToRows(ReadOnlySpan<double> plane, int width, Span<double> result)
    {
        result.Clear();
        for (var output = 0; output < result.Length / width; output++)
        {
            var sum = result.Slice(output * width, width);
            for (var tap = 0; tap < Indices.Length; tap++)
                AddScaled(plane.Slice((int)Indices[tap][output] * width, width), Weights[tap][output], sum);
        }
    }

    /// <summary>Resamples the positions within the rows of one plane; no gradient.</summary>
    /// <param name="plane">Rows of the input's number of samples.</param>
    /// <param name="result">As many rows of the output's number of samples.</param>
    public void ApplyWithinRows(ReadOnlySpan<double> plane, Span<double> result)
    {
        var outputs = Indices[0].Length;
        var rows = result.Length / outputs;
        var inputs = plane.Length / rows;
        result.Clear();
        for (var y = 0; y < rows; y++)
        {
            var row = plane.Slice(y * inputs, inputs);
            var sum = result.Slice(y * outputs, outputs);
            for (var tap = 0; tap < Indices.Length; tap++)
            {
                var (indices, weights) = (Indices[tap], Weights[tap]);
                for (var output = 0; output < sum.Length; output++)
                    sum[output] += row[(int)indices[output]] * weights[output];
            }
        }
    }

    private static void AddScaled(ReadOnlySpan<double> values, double weight, Span<double> sum)
    {
        var i = 0;
        for (; i <= sum.Length - Vector<double>.Count; i += Vector<double>.Count)
            (new Vector<double>(sum[i..]) + new Vector<double>(values[i..]) * weight).CopyTo(sum[i..]);
        for (; i < sum.Length; i++)
            sum[i] += values[i] * weight;
    }

    private static long Reflect(long index, long size, Border border)
    {
        if (border == Border.Replicate)
            return Math.Clamp(index, 0, size - 1);
        // Mirrors at both edges again and again: kernels may be wider than small images.
        var position = (index % (2 * size) + 2 * size) % (2 * size);
        return position < size ? position : 2 * size - 1 - position;
    }

    private static double Cubic(double x)
    {
        x = Math.Abs(x);
        return x switch
        {
            <= 1 => ((A + 2) * x - (A + 3)) * x * x + 1,
            < 2 => ((A * x - 5 * A) * x + 8 * A) * x - 4 * A,
            _ => 0,
        };
    }
}
