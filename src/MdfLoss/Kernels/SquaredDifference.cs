using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>The sum of squared differences of two layers' features, and its gradient.</summary>
internal static unsafe class SquaredDifference<TLanes>
    where TLanes : unmanaged, ILanes<TLanes>
{
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
            var squares = TLanes.Fill(0);
            var i = 0;
            for (; i <= length - TLanes.Count; i += TLanes.Count)
            {
                var difference = TLanes.Load(row + i) - TLanes.Load(wanted + i);
                squares = TLanes.MultiplyAdd(difference, difference, squares);
            }

            sum += squares.Sum();
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
            var squares = TLanes.Fill(0);
            var i = 0;
            for (; i <= length - TLanes.Count; i += TLanes.Count)
            {
                var value = TLanes.Load(row + i);
                var difference = value - TLanes.Load(wanted + i);
                squares = TLanes.MultiplyAdd(difference, difference, squares);
                (TLanes.Load(target + i) + difference * TLanes.Fill(factor) * LeakyReluDerivative<TLanes>.Of(value, slope)).Store(target + i);
            }

            sum += squares.Sum();
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
