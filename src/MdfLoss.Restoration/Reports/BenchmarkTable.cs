using Mdf.Evaluation;

namespace Mdf.Reports;

/// <summary>Creates the table of a benchmark's results: a row for each model and image, and the mean of each model.</summary>
internal static class BenchmarkTable
{
    /// <summary>Creates the table with the images and the means.</summary>
    /// <param name="results">The results. All results of one model must follow each other.</param>
    /// <param name="losses">The names of the losses, in the order of the results' values.</param>
    /// <param name="protocol">The protocol of the benchmark, for the title.</param>
    public static ResultTable Create(IReadOnlyList<BenchmarkResult> results, IReadOnlyList<string> losses, string protocol) =>
        Make(ByModel(results).SelectMany(model => model.Append(Benchmark.Mean(model))), losses, protocol);

    /// <summary>Creates the table with only the means.</summary>
    /// <inheritdoc cref="Create"/>
    public static ResultTable OfMeans(IReadOnlyList<BenchmarkResult> results, IReadOnlyList<string> losses, string protocol) =>
        Make(ByModel(results).Select(Benchmark.Mean), losses, protocol);

    /// <summary>Creates the table with only the images.</summary>
    /// <inheritdoc cref="Create"/>
    public static ResultTable OfImages(IReadOnlyList<BenchmarkResult> results, IReadOnlyList<string> losses, string protocol) =>
        Make(results, losses, protocol);

    private static IEnumerable<BenchmarkResult[]> ByModel(IReadOnlyList<BenchmarkResult> results) =>
        results.GroupBy(result => result.Model).Select(model => model.ToArray());

    private static ResultTable Make(IEnumerable<BenchmarkResult> results, IReadOnlyList<string> losses, string protocol)
    {
        return new ResultTable(
            protocol,
            [
                new ResultColumn("model"),
                new ResultColumn("image"),
                ResultColumn.Number("PSNR (dB)", "F2"),
                ResultColumn.Number("SSIM", "F4"),
                ResultColumn.Number("PSNR-Y (dB)", "F2"),
                ResultColumn.Number("SSIM-Y", "F4"),
                ResultColumn.Number("MS-SSIM", "F4"),
                ResultColumn.Number("NIQE", "F3"),
                .. losses.Select(loss => ResultColumn.Number(loss, "G5")),
                ResultColumn.Number("seconds", "F3"),
            ],
            results.Select(Row));
    }

    private static IEnumerable<object?> Row(BenchmarkResult result) =>
    [
        result.Model, result.Image,
        result.Scores.PsnrRgb, result.Scores.SsimRgb, result.Scores.PsnrY, result.Scores.SsimY, result.Scores.MsSsim, result.Scores.Niqe,
        .. result.Losses.Cast<object?>(),
        result.Seconds,
    ];
}
