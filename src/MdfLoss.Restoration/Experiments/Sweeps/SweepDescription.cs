namespace Mdf.Experiments.Sweeps;

/// <summary>The results of one setting: means over its seeds.</summary>
/// <param name="Name">The setting, such as <c>loss=VGG, w=0.1</c>.</param>
/// <param name="Seeds">The number of finished cells.</param>
/// <param name="IsChosen">Whether the rule has chosen it.</param>
/// <param name="Values">For each measure of the sweep, its mean and standard deviation; null without a value.</param>
internal sealed record DescribedSetting(string Name, int Seeds, bool IsChosen, IReadOnlyList<DescribedValue?> Values);

/// <summary>A value of a measure.</summary>
/// <param name="Mean">The mean over the seeds.</param>
/// <param name="Deviation">The standard deviation over the seeds; null for one seed.</param>
internal sealed record DescribedValue(double Mean, double? Deviation);

/// <summary>A plot in the folder of a sweep.</summary>
/// <param name="Name">The name of its file, without extension.</param>
/// <param name="Alternative">A text that says what it shows.</param>
/// <param name="Caption">Its caption.</param>
internal sealed record DescribedPlot(string Name, string Alternative, string Caption)
{
    /// <summary>The extension of the file for a report.</summary>
    public const string Extension = ".svg";
}

/// <summary>The description of a sweep for a report: <c>sweep.json</c> in its folder. It contains no times, hosts or paths.</summary>
/// <param name="Name">The name of the sweep.</param>
/// <param name="Task">The task, such as <c>jpeg:10</c>.</param>
/// <param name="Network">The architecture.</param>
/// <param name="Steps">The number of steps of a training.</param>
/// <param name="Rule">The rule that chooses; null if there is none.</param>
/// <param name="Measures">The names of the measures.</param>
/// <param name="Settings">The settings, in the order of the sweep.</param>
/// <param name="Plots">The plots.</param>
internal sealed record SweepDescription(
    string Name, string Task, string Network, int Steps, string? Rule, IReadOnlyList<string> Measures, IReadOnlyList<DescribedSetting> Settings, IReadOnlyList<DescribedPlot> Plots)
{
    /// <summary>The name of the file.</summary>
    public const string FileName = "sweep.json";

    /// <summary>Describes a sweep.</summary>
    /// <param name="sweep">The sweep.</param>
    /// <param name="results">Its results.</param>
    /// <param name="rule">The rule that chooses; null if there is none.</param>
    /// <param name="plots">Its plots.</param>
    public static SweepDescription Of(Sweep sweep, SweepResults results, BestRule? rule, IReadOnlyList<DescribedPlot> plots)
    {
        ArgumentNullException.ThrowIfNull(sweep);
        ArgumentNullException.ThrowIfNull(results);
        var first = sweep.Cells[0].Experiment;
        var chosen = rule is null ? null : results.Choose(rule);
        return new SweepDescription(
            sweep.Name, first.Task, first.NetworkText, first.Training.Schedule.Iterations, rule?.ToString(), [.. results.Measures.Select(measure => measure.Name)],
            [.. results.Settings.Select(setting => new DescribedSetting(
                setting.Setting.ToString() is { Length: > 0 } name ? name : sweep.Name, setting.Cells.Count, setting == chosen,
                [.. results.Measures.Select(measure => setting.Mean(measure) is { } mean ? new DescribedValue(mean, setting.Deviation(measure)) : null)]))],
            plots);
    }

    /// <summary>Writes the file.</summary>
    /// <param name="folder">The folder of the sweep.</param>
    public void Write(string folder) => DescriptionFile.Write(Path.Combine(folder, FileName), this);

    /// <summary>Reads the file.</summary>
    /// <param name="folder">The folder of the sweep.</param>
    /// <exception cref="Runtime.InputException">It is missing, or is something else.</exception>
    public static SweepDescription Read(string folder) => DescriptionFile.Read<SweepDescription>(
        Path.Combine(folder, FileName), sweep => sweep.IsUsable(), "expected the description of a sweep, found something else: run the sweep again");

    // The file is not trusted: no name may lead out of the folder.
    private bool IsUsable() =>
        Name is not null && Task is not null && Network is not null && Measures?.All(measure => measure is not null) == true && Settings is { Count: > 0 and <= Sweep.MostCells }
        && Settings.All(setting => setting is { Name: not null, Values: { } values } && values.Count == Measures.Count)
        && Plots?.All(plot => plot is { Name: { Length: > 0 } name, Alternative: not null, Caption: not null } && Path.GetFileName(name) == name) == true;
}
