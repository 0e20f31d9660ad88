using MathNet.Numerics.Distributions;

namespace Mdf.Evaluation.Statistics;

/// <summary>
/// The 95 % interval of a mean over images, by the percentile bootstrap (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13), with expanded percentiles for small samples
/// (Hesterberg, "What Teachers Should Know About the Bootstrap", 2015): the fraction in each tail is Φ(−√(n / (n − 1)) t), with the 97.5th percentile t of Student's distribution.
/// </summary>
internal static class MeanInterval
{
    /// <summary>The number of resamples for more than <see cref="MostEnumerated"/> values.</summary>
    public const int Resamples = 10_000;

    /// <summary>The largest number of values for which all resamples are enumerated instead of drawn: 6⁶ = 46,656.</summary>
    public const int MostEnumerated = 6;

    // With fewer values, not even their whole range is an interval of 95 %: for n values it contains the mean of symmetric ones with a probability of 1 − 2^(1 − n).
    private const int Fewest = 5;

    // Of no importance; fixed, so that equal values give equal intervals.
    private const int Seed = 0;

    /// <summary>Computes the mean and its interval.</summary>
    /// <param name="values">One value for each image; at least one.</param>
    /// <param name="resamples">The number of resamples.</param>
    /// <returns>The estimate; without an interval for fewer than five values, or if a value is not finite.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no value.</exception>
    public static Estimate Of(IReadOnlyList<double> values, int resamples = Resamples)
    {
        ArgumentNullException.ThrowIfNull(values);
        ArgumentOutOfRangeException.ThrowIfZero(values.Count);
        var mean = values.Average();
        if (values.Count < Fewest || !values.All(double.IsFinite))
            return new Estimate(mean);
        var drawn = values.Count <= MostEnumerated ? Enumerate(values.Count) : ReferenceBootstrap.Draw(values.Count, resamples, Seed);
        var tail = Normal.CDF(0, 1, -Math.Sqrt(values.Count / (values.Count - 1.0)) * StudentT.InvCDF(0, 1, values.Count - 1, 0.975));
        return ReferenceBootstrap.Interval(mean, drawn.Select(indices =>
        {
            var sum = 0.0;
            foreach (var index in indices)
                sum += values[index];
            return sum / indices.Length;
        }), tail);
    }

    /// <summary>All samples of n of n values with replacement. The array is the same object every time.</summary>
    private static IEnumerable<int[]> Enumerate(int count)
    {
        var indices = new int[count];
        while (true)
        {
            yield return indices;
            var last = count - 1;
            while (last >= 0 && indices[last] == count - 1)
                indices[last--] = 0;
            if (last < 0)
                yield break;
            indices[last]++;
        }
    }
}
