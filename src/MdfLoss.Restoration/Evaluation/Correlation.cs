using MathNet.Numerics.Statistics;

namespace Mdf.Evaluation;

/// <summary>The correlation coefficients of image quality assessment.</summary>
internal static class Correlation
{
    /// <summary>Spearman's ρ: Pearson's r of the ranks. Equal values have the mean of their ranks.</summary>
    /// <returns>In [−1, 1]; NaN if all values of one sample are equal.</returns>
    public static double Spearman(double[] x, double[] y) =>
        Pearson(ArrayStatistics.RanksInplace([.. x], RankDefinition.Average), ArrayStatistics.RanksInplace([.. y], RankDefinition.Average));

    /// <summary>Pearson's r.</summary>
    /// <returns>In [−1, 1]; NaN if all values of one sample are equal.</returns>
    public static double Pearson(double[] x, double[] y) => MathNet.Numerics.Statistics.Correlation.Pearson(x, y);

    /// <summary>Kendall's τ-b, which corrects for equal values.</summary>
    /// <remarks>Knight, "A Computer Method for Calculating Kendall's Tau with Ungrouped Data" (1966): the discordant pairs are the exchanges of a merge sort.</remarks>
    /// <returns>In [−1, 1]; NaN if all values of one sample are equal.</returns>
    public static double Kendall(double[] x, double[] y)
    {
        var order = Enumerable.Range(0, x.Length).ToArray();
        Array.Sort(order, (i, j) => x[i].CompareTo(x[j]) is var byX and not 0 ? byX : y[i].CompareTo(y[j]));
        var equalX = EqualPairs(order, (i, j) => x[i] == x[j]);
        var equalBoth = EqualPairs(order, (i, j) => x[i] == x[j] && y[i] == y[j]);
        double[] sorted = [.. order.Select(i => y[i])];
        var discordant = SortAndCountExchanges(sorted, new double[sorted.Length], 0, sorted.Length);
        var equalY = EqualPairs([.. Enumerable.Range(0, sorted.Length)], (i, j) => sorted[i] == sorted[j]);
        var pairs = x.Length * (x.Length - 1L) / 2;
        return (pairs - equalX - equalY + equalBoth - 2.0 * discordant) / (Math.Sqrt(pairs - equalX) * Math.Sqrt(pairs - equalY));
    }

    /// <summary>Counts the pairs of equal elements in a sequence in which equal elements are neighbours.</summary>
    private static long EqualPairs(int[] order, Func<int, int, bool> areEqual)
    {
        var (pairs, run) = (0L, 1L);
        for (var i = 1; i <= order.Length; i++)
        {
            if (i < order.Length && areEqual(order[i - 1], order[i]))
            {
                run++;
                continue;
            }

            pairs += run * (run - 1) / 2;
            run = 1;
        }

        return pairs;
    }

    private static long SortAndCountExchanges(double[] values, double[] scratch, int start, int end)
    {
        if (end - start < 2)
            return 0;
        var middle = (start + end) / 2;
        var exchanges = SortAndCountExchanges(values, scratch, start, middle) + SortAndCountExchanges(values, scratch, middle, end);
        for (var (left, right, at) = (start, middle, start); at < end; at++)
        {
            if (right == end || left < middle && values[left] <= values[right])
            {
                scratch[at] = values[left++];
                continue;
            }

            scratch[at] = values[right++];
            exchanges += middle - left;
        }

        Array.Copy(scratch, start, values, start, end - start);
        return exchanges;
    }
}
