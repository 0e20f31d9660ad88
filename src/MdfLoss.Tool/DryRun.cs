using System.Globalization;
using Mdf.Experiments.Sweeps;
using Mdf.Reports;
using Mdf.Runtime;

namespace Mdf.Cli;

/// <summary>Lists cells with the estimated time of each, and trains nothing.</summary>
internal static class DryRun
{
    /// <summary>Lists the cells.</summary>
    /// <param name="context">The streams and the cancellation.</param>
    /// <param name="title">The name of the sweep or comparison.</param>
    /// <param name="cells">The cells, each with the name of its task (null if there is only one) and its state.</param>
    /// <param name="estimate">Estimates the times.</param>
    /// <returns>The exit code: a failure if a cell cannot run.</returns>
    public static int List(CommandContext context, string title, IReadOnlyList<(string? Task, SweepCell Cell, CellState State)> cells, SweepEstimate estimate)
    {
        var rows = context.WithProgress(progress =>
        {
            var meter = new ProgressMeter(progress, "measuring a few steps", cells.Count);
            return cells.Select((planned, i) =>
            {
                var (time, problem) = planned.State is CellState.Finished or CellState.Stopped ? (TimeSpan.Zero, null) : estimate.Of(planned.Cell, context.Cancellation);
                meter.Report(i + 1);
                return (Name: planned.Task is null ? planned.Cell.Name : $"{planned.Task}: {planned.Cell.Name}", planned.Cell.Index, planned.State, Time: time, Problem: problem);
            }).ToList();
        });
        var minutes = rows.Sum(row => row.Time?.TotalMinutes ?? 0);
        context.Result(
            new { Cells = rows.Select(row => new { row.Index, row.Name, State = SweepResults.Words(row.State), row.Time?.TotalMinutes, row.Problem }), TotalMinutes = minutes },
            terminal =>
            {
                terminal.Console.WriteTable(new ResultTable(
                    string.Create(CultureInfo.InvariantCulture, $"{cells.Count} cells of {title}, about {minutes:F1} minutes with one job"),
                    [ResultColumn.Number("cell", "D"), new("name"), new("state"), ResultColumn.Number("minutes", "F1")],
                    rows.Select(row => new object?[] { row.Index, row.Name, row.Problem is null ? SweepResults.Words(row.State) : "cannot run", row.Time?.TotalMinutes })));
                foreach (var problem in rows.Where(row => row.Problem is not null).GroupBy(row => row.Problem))
                    terminal.WriteLine($"{problem.First().Name}{(problem.Count() > 1 ? string.Create(CultureInfo.InvariantCulture, $" and {problem.Count() - 1} more") : "")}: {problem.Key}");
            });
        return rows.All(row => row.Problem is null) ? CommandLine.Success : CommandLine.Failure;
    }
}
