using Mdf.Evaluation;

namespace Mdf.Reports;

/// <summary>Creates a table of the scores of images: a row for each image, and the mean of each folder.</summary>
internal static class ScoreTable
{
    /// <summary>Creates the table.</summary>
    /// <param name="scores">The scores.</param>
    /// <param name="losses">The names of the losses, in the order of the scores' values.</param>
    public static ResultTable Create(IReadOnlyList<ImageScore> scores, IReadOnlyList<string> losses)
    {
        ArgumentNullException.ThrowIfNull(scores);
        ArgumentNullException.ThrowIfNull(losses);
        var rows = scores.Select(score => Row(score.Pair.Image, score.Psnr, score.Losses)).ToList();
        foreach (var folder in scores.Where(score => score.Pair.Folder is not null).GroupBy(score => score.Pair.Folder))
        {
            rows.Add(Row($"mean of {folder.Key}", folder.Average(score => score.Psnr),
                [.. losses.Select((_, i) => folder.Average(score => score.Losses[i]))]));
        }

        return new ResultTable(
            "Scores (losses: lower is better)",
            [new ResultColumn("image"), ResultColumn.Number("PSNR (dB)", "F2"), .. losses.Select(loss => ResultColumn.Number(loss, "G6"))],
            rows);
    }

    private static IEnumerable<object?> Row(string name, double psnr, IReadOnlyList<double> losses) =>
        [name, psnr, .. losses.Cast<object?>()];
}
