using System.Runtime.CompilerServices;

namespace Mdf.Kernels;

/// <summary>Computes the sum of squared differences between the features of a layer for two images, and its gradient.</summary>
internal static unsafe class SquaredDifference<TLanes>
    where TLanes : unmanaged, ILanes<TLanes>
{
    /// <summary>Computes the sum of (found − wanted)²: within a row in float32, over the rows in float64.</summary>
    /// <param name="found">The features.</param>
    /// <param name="wanted">The features of the reference, row by row without gaps.</param>
    /// <param name="height">The number of rows.</param>
    /// <param name="width">The number of columns.</param>
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

    /// <summary>Computes the same sum. Also adds factor · (found − wanted), propagated back through leaky ReLU, to a gradient.</summary>
    /// <param name="found">The features.</param>
    /// <param name="wanted">The features of the reference, row by row without gaps.</param>
    /// <param name="height">The number of rows.</param>
    /// <param name="width">The number of columns.</param>
    /// <param name="gradient">The gradient to add to, pixel for pixel.</param>
    /// <param name="factor">Two times the derivative of the loss with respect to a squared difference.</param>
    /// <param name="slope">The slope of leaky ReLU below zero.</param>
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
                (TLanes.Load(target + i) + difference * TLanes.Fill(factor) * LeakyReluDerivative<TLanes>.At(value, slope)).Store(target + i);
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
