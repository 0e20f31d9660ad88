using System.Globalization;
using Mdf.Evaluation;

namespace Mdf.Experiments.Sweeps;

/// <summary>An axis of a sweep.</summary>
/// <param name="Key">The path of the key, or the name of the weight.</param>
/// <param name="IsWeight">Whether it is a weight, which counts only for the losses that use it.</param>
/// <param name="IsLogarithmic">Whether its numbers belong on a logarithmic axis.</param>
/// <param name="Values">Its values, in the order of the sweep.</param>
internal sealed record DescribedAxis(string Key, bool IsWeight, bool IsLogarithmic, IReadOnlyList<DescribedPosition> Values)
{
    /// <summary>The name: the last part of the key.</summary>
    public string Name => Key.Split('.')[^1];

    /// <summary>Whether all values are numbers.</summary>
    public bool IsNumeric => Values.All(value => value.Number is not null);
}

/// <summary>A value of an axis.</summary>
/// <param name="Name">The value as text.</param>
/// <param name="Number">The value as a number; null if it is none.</param>
internal sealed record DescribedPosition(string Name, double? Number);

/// <summary>A value of a measure.</summary>
/// <param name="Mean">The mean over the seeds.</param>
/// <param name="Deviation">The standard deviation over the seeds; null for one seed.</param>
internal sealed record DescribedValue(double Mean, double? Deviation);

/// <summary>The results of one setting.</summary>
/// <param name="Loss">The name of its loss; null if the sweep names none.</param>
/// <param name="Positions">For each axis, the index of its value; null if the axis does not count for the loss.</param>
/// <param name="Networks">The number of finished cells, one for each seed.</param>
/// <param name="Values">For each measure of the sweep, its value; null without one.</param>
internal sealed record DescribedSetting(string? Loss, IReadOnlyList<int?> Positions, int Networks, IReadOnlyList<DescribedValue?> Values);

/// <summary>The rule that chooses a setting.</summary>
/// <param name="Text">The rule as text.</param>
/// <param name="Measure">The name of the measure that decides.</param>
internal sealed record DescribedRule(string Text, string Measure);

/// <summary>
/// The description of a sweep and its results, from which its plots and its part of a report are made: <c>sweep.json</c> in its folder. It contains no times, hosts or paths.
/// </summary>
/// <param name="Name">The name of the sweep.</param>
/// <param name="Task">The task, such as <c>jpeg:10</c>; of an external program only <c>external</c>. Null if cells differ.</param>
/// <param name="Network">The architecture with its options. Null if cells differ.</param>
/// <param name="Steps">The number of steps of a training. Null if cells differ.</param>
/// <param name="Rule">The rule that chooses; null if there is none.</param>
/// <param name="Chosen">The index of the chosen setting; null if none was chosen.</param>
/// <param name="Losses">The names of the losses; empty if the sweep names none.</param>
/// <param name="Axes">The axes.</param>
/// <param name="Measures">The names of the measures.</param>
/// <param name="Settings">The settings, in the order of the sweep.</param>
/// <param name="Problems">A sentence for each kind of cells that have not finished.</param>
internal sealed record SweepDescription(
    string Name, string? Task, string? Network, int? Steps, DescribedRule? Rule, int? Chosen, IReadOnlyList<string> Losses, IReadOnlyList<DescribedAxis> Axes,
    IReadOnlyList<string> Measures, IReadOnlyList<DescribedSetting> Settings, IReadOnlyList<string> Problems)
{
    /// <summary>The name of the file.</summary>
    public const string FileName = "sweep.json";

    /// <summary>Describes a sweep.</summary>
    /// <param name="sweep">The sweep.</param>
    /// <param name="results">Its results.</param>
    /// <param name="rule">The rule that chooses; null if there is none.</param>
    /// <param name="chosen">The setting that was chosen; null if none was.</param>
    public static SweepDescription Of(Sweep sweep, SweepResults results, BestRule? rule, SettingResult? chosen)
    {
        ArgumentNullException.ThrowIfNull(sweep);
        ArgumentNullException.ThrowIfNull(results);
        return new SweepDescription(
            sweep.Name,
            Same(sweep, cell => cell.Program is null ? cell.Task : cell.Task.Split(':')[0]), Same(sweep, cell => cell.NetworkText),
            Same(sweep, cell => cell.Training.Schedule.Iterations.ToString(CultureInfo.InvariantCulture)) is { } steps ? int.Parse(steps, CultureInfo.InvariantCulture) : null,
            rule is null ? null : new DescribedRule(rule.ToString(), rule.Measure.Name),
            chosen is null ? null : results.Settings.Index().First(entry => entry.Item == chosen).Index,
            [.. sweep.Losses.Select(loss => loss.Name)],
            [.. sweep.Axes.Select(axis => new DescribedAxis(axis.Key, axis.IsWeight, axis.IsLogarithmic, [.. axis.Values.Select(value => new DescribedPosition(value.Name, value.Number))]))],
            [.. results.Measures.Select(measure => measure.Name)],
            [.. results.Settings.Select(setting => new DescribedSetting(
                setting.Setting.Loss?.Name,
                [.. sweep.Axes.Select(axis => setting.Setting[axis] is { } value ? axis.Values.Index().First(entry => entry.Item == value).Index : (int?)null)],
                setting.Cells.Count,
                [.. results.Measures.Select(measure => setting.Mean(measure) is { } mean ? new DescribedValue(mean, setting.Deviation(measure)) : null)]))],
            [.. ProblemsOf(results)]);
    }

    /// <summary>Writes the file.</summary>
    /// <param name="folder">The folder of the sweep.</param>
    public void Write(string folder) => DescriptionFile.Write(Path.Combine(folder, FileName), this);

    /// <summary>Reads the file.</summary>
    /// <param name="folder">The folder of the sweep.</param>
    /// <exception cref="Runtime.InputException">It is missing, or is something else.</exception>
    public static SweepDescription Read(string folder) => DescriptionFile.Read<SweepDescription>(
        Path.Combine(folder, FileName), sweep => sweep.IsUsable(), "expected the description of a sweep, found something else: run the sweep again");

    /// <summary>The measures that this program knows, with their places in <see cref="Measures"/>. One of a plugin that is not loaded is not among them.</summary>
    public IEnumerable<(Measure Measure, int Index)> KnownMeasures() =>
        Measures.Select((name, index) => (Measure: Evaluation.Measures.Known(name)!, index)).Where(entry => entry.Measure is not null);

    /// <summary>The name of a setting, such as <c>loss=VGG, w=0.1</c>.</summary>
    /// <param name="setting">The setting.</param>
    public string NameOf(DescribedSetting setting)
    {
        ArgumentNullException.ThrowIfNull(setting);
        string[] parts = [.. setting.Loss is { } loss ? [$"loss={loss}"] : (string[])[], .. Axes.Zip(setting.Positions).Where(entry => entry.Second is not null).Select(entry => $"{entry.First.Name}={entry.First.Values[entry.Second!.Value].Name}")];
        return parts.Length > 0 ? string.Join(", ", parts) : Name;
    }

    private static string? Same(Sweep sweep, Func<Experiment, string> value)
    {
        var values = sweep.Cells.Select(cell => value(cell.Experiment)).Distinct().Take(2).ToList();
        return values.Count == 1 ? values[0] : null;
    }

    private static IEnumerable<string> ProblemsOf(SweepResults results) => results.Cells.Where(cell => cell.State != CellState.Finished).GroupBy(cell => (cell.State, cell.Record?.Message)).Select(group =>
        string.Create(CultureInfo.InvariantCulture, $"{group.Count()} of {results.Cells.Count} trainings: {SweepResults.Words(group.Key.State)}{(group.Key.Message is { } message ? $": {message}" : "")}."));

    // The file is not trusted.
    private bool IsUsable() =>
        Name is not null && (Rule is null || Rule is { Text: not null, Measure: not null }) && Losses?.All(loss => loss is not null) == true && Problems?.All(problem => problem is not null) == true
        && Axes is { Count: <= Sweep.MostAxes } && Axes.All(IsUsable) && Measures?.All(measure => measure is not null) == true && Measures.Distinct().Count() == Measures.Count
        && Settings is { Count: > 0 and <= Sweep.MostCells } && Settings.All(IsUsable) && (Chosen is null || Chosen >= 0 && Chosen < Settings.Count);

    private static bool IsUsable(DescribedAxis axis) =>
        axis is { Key.Length: > 0, Values.Count: > 0 } && axis.Values.All(value => value?.Name is not null && (value.Number is not { } number || double.IsFinite(number)))
        && (!axis.IsLogarithmic || axis.Values.All(value => value.Number > 0));

    private bool IsUsable(DescribedSetting setting) =>
        setting is { Positions: not null, Values: not null } && setting.Values.Count == Measures.Count && setting.Positions.Count == Axes.Count && (setting.Loss is null ? Losses.Count == 0 : Losses.Contains(setting.Loss))
        && Axes.Zip(setting.Positions).All(entry => entry.Second is null || entry.Second >= 0 && entry.Second < entry.First.Values.Count);
}
