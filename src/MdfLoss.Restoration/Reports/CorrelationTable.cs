using System.Globalization;
using Mdf.Evaluation;

namespace Mdf.Reports;

/// <summary>Creates the tables of comparisons with people: a row for each measure.</summary>
internal static class CorrelationTable
{
    /// <summary>Creates the table of a comparison with votes.</summary>
    /// <param name="result">The comparison.</param>
    public static ResultTable Create(VoteResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        var hasGain = result.Measures.Count > 1;
        return new ResultTable(
            string.Create(CultureInfo.InvariantCulture, $"Agreement with {result.Votes} votes on {result.Pairs} pairs of versions of {result.References} images: the mean share of votes for the version that the measure prefers; majority: the share of pairs in which it prefers the version that most people prefer; 95 % intervals by bootstrap over the images"),
            [
                new ResultColumn("measure"), .. Columns("agreement"), ResultColumn.Number("majority", "F3"), .. hasGain ? Columns("gain", $"gain over {result.Measures[0].Measure}") : [],
            ],
            result.Measures.Select(measure => (IEnumerable<object?>)
            [
                measure.Measure, .. Cells(measure.Votes), measure.Majority.Value, .. hasGain ? Cells(measure.Gain) : [],
            ]).Append(["(the majority of people)", .. Cells(result.Best), 1.0, .. hasGain ? Cells(null) : []]));
    }

    /// <summary>Creates the table of a comparison with scores.</summary>
    /// <param name="result">The comparison.</param>
    public static ResultTable Create(OpinionResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        return new ResultTable(
            string.Create(CultureInfo.InvariantCulture, $"Correlation with people's scores of {result.Images} versions of {result.References} images (+1: full agreement; Pearson after a logistic fit, without sign); 95 % intervals by bootstrap over the images"),
            [new ResultColumn("measure"), .. Columns("Spearman"), .. Columns("Kendall"), .. Columns("Pearson")],
            result.Measures.Select(measure => (IEnumerable<object?>)[measure.Measure, .. Cells(measure.Spearman), .. Cells(measure.Kendall), .. Cells(measure.Pearson)]));
    }

    /// <summary>The columns of an estimate. The name of a column is also its key in CSV, so each is different.</summary>
    private static IEnumerable<ResultColumn> Columns(string name, string? heading = null) =>
        [ResultColumn.Number(heading ?? name, "F3"), ResultColumn.Number($"{name} low", "F3"), ResultColumn.Number($"{name} high", "F3")];

    private static IEnumerable<object?> Cells(Estimate? estimate) => [estimate?.Value, estimate?.Low, estimate?.High];
}
