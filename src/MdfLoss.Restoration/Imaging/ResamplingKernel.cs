using System.Numerics;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>The resampling kernel of one axis: the input samples of each output sample, and their weights.</summary>
/// <param name="Indices">The indices of the input samples, <c>[tap][output]</c>.</param>
/// <param name="Weights">The weights of the input samples, <c>[tap][output]</c>; the sum over taps is 1.</param>
internal sealed record ResamplingKernel(long[][] Indices, double[][] Weights)
{
    /// <summary>Keys' parameter. −0.5 is the only value with third-order accuracy, and MATLAB uses it.</summary>
    private const double A = -0.5;

    /// <summary>Half the width of the kernel, in pixels of the coarser grid.</summary>
    private const double Radius = 2;

    /// <summary>Creates the kernel of <see cref="Resampler"/> for an axis.</summary>
    /// <param name="inputSize">The number of input samples.</param>
    /// <param name="outputSize">The number of output samples.</param>
    /// <param name="factor">The size of an input sample divided by the size of an output sample.</param>
    /// <param name="border">The extension of the image beyond its edge.</param>
    public static ResamplingKernel Create(long inputSize, long outputSize, double factor, Border border)
    {
        // When the image is reduced, distances are in output pixels: the kernel becomes wider and removes frequencies that would alias.
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

        // An output may need fewer taps than the arrays have.
        var used = Enumerable.Range(0, taps).Where(tap => weights[tap].Any(weight => weight != 0)).ToArray();
        return new ResamplingKernel([.. used.Select(tap => indices[tap])], [.. used.Select(tap => weights[tap])]);
    }

    /// <summary>Resamples one axis with differentiable torch operations.</summary>
    /// <param name="image">The image.</param>
    /// <param name="dimension">The axis: −2 for the vertical axis (across rows), −1 for the horizontal axis (within rows).</param>
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

    /// <summary>Resamples the vertical axis of one plane, without gradient.</summary>
    /// <param name="plane">The plane; its number of rows is the input size.</param>
    /// <param name="width">The number of samples per row.</param>
    /// <param name="result">The result; its number of rows is the output size.</param>
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

    /// <summary>Resamples the horizontal axis of one plane, without gradient.</summary>
    /// <param name="plane">The plane; the length of its rows is the input size.</param>
    /// <param name="result">The result, with the same number of rows; the length of its rows is the output size.</param>
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
        // Mirrors repeatedly at both edges, because a kernel may be wider than a small image.
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
