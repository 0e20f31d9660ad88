using Mdf.Reports;
using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>How the cost grows with pixels, batch, scales and threads.</summary>
internal static class ScalingBenchmark
{
    private const int AllScales = 8;

    /// <summary>Measures, and draws a plot for each.</summary>
    /// <param name="rounds">How often.</param>
    /// <param name="folder">Where the plots go; null for none.</param>
    public static ResultTable Run(int rounds, string? folder)
    {
        var patch = new Workload(4, 96, 96);
        Sweep[] sweeps =
        [
            new("pixels", "pixels (thousands)", [.. new[] { 96, 128, 192, 256, 384, 512 }.Select(side => new Point(side * side / 1e3, new Workload(1, side, side), AllScales, null))]),
            new("batch", "patches of 96×96", [.. new[] { 1, 2, 4, 8, 16 }.Select(count => new Point(count, patch with { Batch = count }, AllScales, null))]),
            new("scales", "scales, from the coarsest", [.. Enumerable.Range(1, AllScales).Select(count => new Point(count, patch, count, null))]),
            new("threads", "threads", [.. Enumerable.Range(1, get_num_threads()).Select(count => new Point(count, patch with { Batch = 8 }, AllScales, count))]),
        ];
        var rows = new List<object?[]>();
        foreach (var sweep in sweeps)
        {
            var (fresh, prepared) = (Measure(sweep, Contestant.Fp32, rounds), Measure(sweep, Contestant.Fp32Prepared, rounds));
            rows.AddRange(sweep.Points.Select((point, i) => new object?[] { sweep.Name, point.X, fresh[i], prepared[i] }));
            if (folder is null)
                continue;
            double[] x = [.. sweep.Points.Select(point => point.X)];
            Plots.Save(Path.Combine(folder, $"performance-{sweep.Name}.png"), new CurvePlot(
                $"MDF loss and gradient, by {sweep.Name}", sweep.Label, "time (ms)", [new CurveSeries("fp32", x, fresh), new CurveSeries("fp32, reference prepared", x, prepared)]));
        }

        return new ResultTable(
            $"MDF loss and gradient, {get_num_threads()} threads where nothing else is said",
            [new ResultColumn("grows with"), ResultColumn.Number("at", "0.#"), ResultColumn.Number("fp32 (ms)", "F0"), ResultColumn.Number("fp32, prepared (ms)", "F0")],
            rows);
    }

    private static double[] Measure(Sweep sweep, string name, int rounds)
    {
        using var scope = NewDisposeScope();
        var threads = get_num_threads();
        var contestants = sweep.Points.Select(point =>
        {
            var (restored, reference) = point.Work.Images();
            return Contestant.Create(name, null, point.Scales, restored, reference);
        }).ToArray();
        try
        {
            return Timing.Medians([.. sweep.Points.Select<Point, Action>((point, i) => () =>
            {
                set_num_threads(point.Threads ?? threads);
                contestants[i].Run();
            })], rounds);
        }
        finally
        {
            set_num_threads(threads);
            foreach (var contestant in contestants)
                contestant.Dispose();
        }
    }

    private sealed record Sweep(string Name, string Label, IReadOnlyList<Point> Points);

    private sealed record Point(double X, Workload Work, int Scales, int? Threads);
}
