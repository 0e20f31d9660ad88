using Mdf.Evaluation;
using Mdf.Reports;
using Mdf.Runtime;

namespace Mdf.Experiments.Sweeps;

/// <summary>A cell and how it has ended.</summary>
/// <param name="Cell">The cell.</param>
/// <param name="State">Its state.</param>
/// <param name="Record">Its record; null if it has not ended.</param>
internal sealed record CellResult(SweepCell Cell, CellState State, CellRecord? Record)
{
    /// <summary>The value of a measure; null if there is none.</summary>
    public double? this[Measure measure] => Record?.Measures?.GetValueOrDefault(measure.Name);
}

/// <summary>The finished cells of one setting: their means over the seeds.</summary>
/// <param name="Setting">The setting.</param>
/// <param name="Cells">Its finished cells, one for each seed.</param>
internal sealed record SettingResult(SweepSetting Setting, IReadOnlyList<CellResult> Cells)
{
    /// <summary>The mean of a measure over the seeds; null if a seed has no value.</summary>
    public double? Mean(Measure measure) => Cells.Count > 0 && Cells.All(cell => cell[measure] is not null) ? Cells.Average(cell => cell[measure]!.Value) : null;

    /// <summary>The standard deviation of a measure over the seeds, with n − 1; null for fewer than two seeds, or if a seed has no value.</summary>
    public double? Deviation(Measure measure)
    {
        if (Cells.Count < 2 || Mean(measure) is not { } mean)
            return null;
        return Math.Sqrt(Cells.Sum(cell => (cell[measure]!.Value - mean) * (cell[measure]!.Value - mean)) / (Cells.Count - 1));
    }
}

/// <summary>The results of a sweep: the only source of its tables and plots. They contain no times, hosts or paths, so that the same cells give the same bytes.</summary>
internal sealed class SweepResults
{
    private readonly Sweep _sweep;

    private SweepResults(Sweep sweep, IReadOnlyList<CellResult> cells)
    {
        (_sweep, Cells) = (sweep, cells);
        Settings = [.. cells.GroupBy(cell => cell.Cell.Setting).Select(group => new SettingResult(group.Key, [.. group.Where(cell => cell.State == CellState.Finished)]))];
        Measures = [.. sweep.Cells.SelectMany(cell => cell.Experiment.ValidationMeasures()).DistinctBy(measure => measure.Name)
            .Where(measure => cells.Any(cell => cell[measure] is not null))];
    }

    /// <summary>The cells, in the order of the sweep.</summary>
    public IReadOnlyList<CellResult> Cells { get; }

    /// <summary>The settings, in the order of the sweep.</summary>
    public IReadOnlyList<SettingResult> Settings { get; }

    /// <summary>The measures of the validations that some cell has.</summary>
    public IReadOnlyList<Measure> Measures { get; }

    /// <summary>Whether every cell has ended.</summary>
    public bool IsComplete => Cells.All(cell => cell.Record is not null);

    /// <summary>Reads the results of all cells.</summary>
    /// <param name="sweep">The sweep.</param>
    /// <param name="folder">Its folder.</param>
    /// <exception cref="InputException">The record of a cell is corrupt, or is of other settings.</exception>
    public static SweepResults Read(Sweep sweep, SweepFolder folder) => new(sweep, [.. sweep.Cells.Select(cell =>
    {
        var (state, record) = folder.Read(cell);
        return new CellResult(cell, state, record);
    })]);

    /// <summary>Chooses the best setting. With fewer than two seeds the choice may be noise.</summary>
    /// <param name="rule">The rule.</param>
    /// <returns>The setting; null if no cell has the measures.</returns>
    public SettingResult? Choose(BestRule rule) => rule.Choose(Settings, (setting, measure) => setting.Mean(measure));

    /// <summary>Creates the table of all cells.</summary>
    public ResultTable ToTable() => new(
        $"Sweep {_sweep.Name}: the last validation of every cell",
        [
            ResultColumn.Number("cell", "D"), .. SettingColumns(), .. HasSeeds ? [ResultColumn.Number("seed", "D")] : (ResultColumn[])[],
            new ResultColumn("state"), ResultColumn.Number("iteration", "D"), ResultColumn.Number("validation loss", "G5") with { Key = "validation_loss" },
            .. Measures.Select(ResultColumn.Of),
        ],
        Cells.Select(cell => (IEnumerable<object?>)
        [
            cell.Cell.Index, .. Values(cell.Cell.Setting), .. HasSeeds ? [cell.Cell.Seed] : (object?[])[],
            Words(cell.State), cell.Record?.Iteration, cell.Record?.Loss, .. Measures.Select(measure => (object?)cell[measure]),
        ]));

    /// <summary>Creates the table of means and standard deviations over the seeds.</summary>
    public ResultTable ToMeans() => new(
        $"Sweep {_sweep.Name}: means and standard deviations over the finished seeds",
        [
            .. SettingColumns(), ResultColumn.Number("seeds", "D"),
            .. Measures.SelectMany(measure => new[] { ResultColumn.Of(measure), new ResultColumn($"± {measure.Title}", measure.Format, Alignment.Right) { Key = $"{measure.Name}_sd" } }),
        ],
        Settings.Select(setting => (IEnumerable<object?>)
        [
            .. Values(setting.Setting), setting.Cells.Count, .. Measures.SelectMany(measure => new object?[] { setting.Mean(measure), setting.Deviation(measure) }),
        ]));

    /// <summary>Returns the word for a state, as in tables.</summary>
    /// <param name="state">The state.</param>
    public static string Words(CellState state) => state switch
    {
        CellState.Missing => "not started",
        CellState.Unfinished => "unfinished",
        CellState.Finished => "finished",
        CellState.Stopped => "stopped early",
        _ => "failed",
    };

    private bool HasSeeds => Cells[0].Cell.Seed is not null;

    private IEnumerable<ResultColumn> SettingColumns() =>
    [
        .. _sweep.Losses.Count > 0 ? [new ResultColumn("loss")] : (ResultColumn[])[],
        .. _sweep.Axes.Select(axis => new ResultColumn(axis.Name, "G12", axis.IsNumeric ? Alignment.Right : Alignment.Left) { Key = axis.Key }),
    ];

    private static IEnumerable<object?> Values(SweepSetting setting) =>
    [
        .. setting.Loss is { } loss ? [loss.Name] : (object?[])[],
        .. setting.Values.Select(entry => (object?)(entry.Axis.IsNumeric ? entry.Value?.Number : entry.Value?.Name)),
    ];
}
