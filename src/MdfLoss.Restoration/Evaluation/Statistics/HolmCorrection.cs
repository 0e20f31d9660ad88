namespace Mdf.Evaluation.Statistics;

/// <summary>
/// The correction of p-values for their number (Holm, "A Simple Sequentially Rejective Multiple Test Procedure", 1979): the probability that any of the differences below a level is none
/// stays at most at that level.
/// </summary>
internal static class HolmCorrection
{
    /// <summary>Corrects p-values.</summary>
    /// <param name="values">The p-values; null where there is none. Those do not count.</param>
    /// <returns>The corrected ones, in the same order.</returns>
    public static IReadOnlyList<double?> Adjust(IReadOnlyList<double?> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        var adjusted = new double?[values.Count];
        int[] order = [.. Enumerable.Range(0, values.Count).Where(index => values[index] is not null).OrderBy(index => values[index])];
        var largest = 0.0;
        for (var rank = 0; rank < order.Length; rank++)
        {
            largest = Math.Max(largest, Math.Min(1, (order.Length - rank) * values[order[rank]]!.Value));
            adjusted[order[rank]] = largest;
        }

        return adjusted;
    }
}
