using Mdf.Evaluation;

namespace Mdf.Reports;

/// <summary>Creates a table of the scores of images: a row for each image, and the mean of each folder.</summary>
internal static class ScoreTable
{
    /// <summary>Creates the table.</summary>
    /// <param name="scores">The scores.</param>
    /// <param name="measures">The measures of the scores.</param>
    /// <param name="losses">The expressions of the losses, in the order of the scores' values.</param>
    /// <param name="rules">The rules of the measurement, for the title.</param>
    public static ResultTable Create(IReadOnlyList<ImageScore> scores, IReadOnlyList<Measure> measures, IReadOnlyList<string> losses, string rules)
    {
        ArgumentNullException.ThrowIfNull(scores);
        ArgumentNullException.ThrowIfNull(measures);
        ArgumentNullException.ThrowIfNull(losses);
        var rows = scores.Select(score => Row(score.Pair.Image, score.Scores, score.Losses)).ToList();
        foreach (var folder in scores.Where(score => score.Pair.Folder is not null).GroupBy(score => score.Pair.Folder))
        {
            rows.Add(Row($"mean of {folder.Key}", BenchmarkScores.Mean([.. folder.Select(score => score.Scores)]),
                [.. losses.Select((_, i) => folder.Average(score => score.Losses[i]))]));
        }

        return new ResultTable(
            rules,
            [new ResultColumn("image"), .. measures.Select(ResultColumn.Of), .. losses.Select(ResultColumn.OfLoss)],
            rows);

        IEnumerable<object?> Row(string name, BenchmarkScores found, IReadOnlyList<double> values) =>
            [name, .. measures.Select(measure => (object?)found[measure.Name]), .. values.Cast<object?>()];
    }
}
