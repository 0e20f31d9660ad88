using Mdf.Runtime;

namespace Mdf.Evaluation;

/// <summary>A value and its 95 % interval.</summary>
/// <param name="Value">The value.</param>
/// <param name="Low">The lower end; null if there is no interval.</param>
/// <param name="High">The upper end; null if there is no interval.</param>
internal sealed record Estimate(double Value, double? Low = null, double? High = null);

/// <summary>
/// The bootstrap over references: draws as many references as there are, with replacement, and takes all images of each. The images of one reference are not independent,
/// so they are drawn together. Intervals are the 2.5th and the 97.5th percentile (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13).
/// </summary>
internal static class ReferenceBootstrap
{
    private const double Tail = 0.025;

    /// <summary>Draws the resamples.</summary>
    /// <param name="references">The number of references; at least 1.</param>
    /// <param name="resamples">The number of resamples.</param>
    /// <param name="seed">The seed.</param>
    /// <returns>For each resample, the indices of its references; no resample if there is only one reference.</returns>
    public static IEnumerable<int[]> Draw(int references, int resamples, int seed)
    {
        if (references < 2)
            yield break;
        var random = new SplitMix(seed);
        for (var i = 0; i < resamples; i++)
        {
            var drawn = new int[references];
            for (var j = 0; j < references; j++)
                drawn[j] = random.Below(references);
            yield return drawn;
        }
    }

    /// <summary>Creates the interval of a value.</summary>
    /// <param name="value">The value of the whole sample.</param>
    /// <param name="resampled">Its values in the resamples. Values that are not finite do not count.</param>
    /// <param name="tail">The fraction below the interval, and above it.</param>
    public static Estimate Interval(double value, IEnumerable<double> resampled, double tail = Tail)
    {
        double[] sorted = [.. resampled.Where(double.IsFinite).Order()];
        return sorted.Length < 2 ? new Estimate(value) : new Estimate(value, Quantile(sorted, tail), Quantile(sorted, 1 - tail));
    }

    private static double Quantile(double[] sorted, double fraction)
    {
        var position = fraction * (sorted.Length - 1);
        var below = (int)position;
        return below + 1 < sorted.Length ? sorted[below] + (position - below) * (sorted[below + 1] - sorted[below]) : sorted[below];
    }

    /// <summary>Random numbers that every version of .NET makes alike.</summary>
    private sealed class SplitMix(int seed)
    {
        private long _index;

        // 32 random bits; with at most a few thousand references, the bias of the product is below 1e-6.
        public int Below(int count) => (int)(Seeds.Derive(seed, _index++) * (ulong)count >> 32);
    }
}
