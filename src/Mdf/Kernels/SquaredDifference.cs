using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Mdf.Kernels;

/// <summary>The sum of squared differences of two layers' features, and its gradient.</summary>
internal static unsafe class SquaredDifference
{
    private const int Lanes = 8;

    /// <summary>Sums (found − wanted)², row by row in float32, over the rows in float64.</summary>
    /// <param name="found">The features.</param>
    /// <param name="wanted">Those of the reference, one row after the other.</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns.</param>
    /// <returns>The sum.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double Sum(FeatureMap found, float* wanted, int height, int width)
    {
        var length = width * found.Channels;
        var sum = 0.0;
        for (var y = 0; y < height; y++, wanted += length)
        {
            var row = found.At(y, 0);
            var squares = Vector256<float>.Zero;
            var i = 0;
            for (; i <= length - Lanes; i += Lanes)
            {
                var difference = Vector256.Load(row + i) - Vector256.Load(wanted + i);
                squares = Vector256.FusedMultiplyAdd(difference, difference, squares);
            }

            sum += Vector256.Sum(squares);
            for (; i < length; i++)
                sum += (row[i] - wanted[i]) * (row[i] - wanted[i]);
        }

        return sum;
    }

    /// <summary>The same, and adds factor · (found − wanted), led back through leaky ReLU, to a gradient.</summary>
    /// <param name="found">The features.</param>
    /// <param name="wanted">Those of the reference, one row after the other.</param>
    /// <param name="height">Rows.</param>
    /// <param name="width">Columns.</param>
    /// <param name="gradient">What is added to, pixel for pixel.</param>
    /// <param name="factor">The derivative of the loss with respect to a squared difference, twice.</param>
    /// <param name="slope">Leaky ReLU's slope below zero.</param>
    /// <returns>The sum.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static double SumAndAddGradient(
        FeatureMap found, float* wanted, int height, int width, FeatureMap gradient, float factor, float slope)
    {
        var length = width * found.Channels;
        var sum = 0.0;
        for (var y = 0; y < height; y++, wanted += length)
        {
            var row = found.At(y, 0);
            var target = gradient.At(y, 0);
            var squares = Vector256<float>.Zero;
            var i = 0;
            for (; i <= length - Lanes; i += Lanes)
            {
                var value = Vector256.Load(row + i);
                var difference = value - Vector256.Load(wanted + i);
                squares = Vector256.FusedMultiplyAdd(difference, difference, squares);
                (Vector256.Load(target + i) + difference * factor * LeakyReluDerivative.Of(value, slope)).Store(target + i);
            }

            sum += Vector256.Sum(squares);
            for (; i < length; i++)
            {
                var difference = row[i] - wanted[i];
                sum += difference * difference;
                target[i] += difference * factor * (row[i] > 0 ? 1 : slope);
            }
        }

        return sum;
    }
}
