using Mdf.Evaluation;

namespace Mdf.Reports;

/// <summary>Creates the table of a benchmark's results: a row for each model and image, and the mean of each model.</summary>
internal static class BenchmarkTable
{
    /// <summary>Creates the table with the images and the means.</summary>
    /// <param name="results">The results. All results of one model must follow each other.</param>
    /// <param name="measures">The measures of the results.</param>
    /// <param name="losses">The names of the losses, in the order of the results' values.</param>
    /// <param name="protocol">The protocol of the benchmark, for the title.</param>
    public static ResultTable Create(IReadOnlyList<BenchmarkResult> results, IReadOnlyList<Measure> measures, IReadOnlyList<string> losses, string protocol) =>
        Make(ByModel(results).SelectMany(model => model.Append(Benchmark.Mean(model))), measures, losses, protocol);

    /// <summary>Creates the table with only the means.</summary>
    /// <inheritdoc cref="Create"/>
    public static ResultTable OfMeans(IReadOnlyList<BenchmarkResult> results, IReadOnlyList<Measure> measures, IReadOnlyList<string> losses, string protocol) =>
        Make(ByModel(results).Select(Benchmark.Mean), measures, losses, protocol);

    /// <summary>Creates the table with only the images.</summary>
    /// <inheritdoc cref="Create"/>
    public static ResultTable OfImages(IReadOnlyList<BenchmarkResult> results, IReadOnlyList<Measure> measures, IReadOnlyList<string> losses, string protocol) =>
        Make(results, measures, losses, protocol);

    private static IEnumerable<BenchmarkResult[]> ByModel(IReadOnlyList<BenchmarkResult> results) =>
        results.GroupBy(result => result.Model).Select(model => model.ToArray());

    private static ResultTable Make(IEnumerable<BenchmarkResult> results, IReadOnlyList<Measure> measures, IReadOnlyList<string> losses, string protocol)
    {
        return new ResultTable(
            protocol,
            [
                new ResultColumn("model"),
                new ResultColumn("image"),
                .. measures.Select(ResultColumn.Of),
                .. losses.Select(ResultColumn.OfLoss),
                ResultColumn.Number("seconds", "F3"),
            ],
            results.Select(result => Row(result, measures)));
    }

    private static IEnumerable<object?> Row(BenchmarkResult result, IReadOnlyList<Measure> measures) =>
    [
        result.Model, result.Image,
        .. measures.Select(measure => (object?)result.Scores[measure.Name]),
        .. result.Losses.Cast<object?>(),
        result.Seconds,
    ];
}
