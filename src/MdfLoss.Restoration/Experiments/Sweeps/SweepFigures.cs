using Mdf.Evaluation;
using Mdf.Reports;
using Mdf.Runtime;

namespace Mdf.Experiments.Sweeps;

/// <summary>Draws the plots of a sweep: every measure against every numeric axis, the distortion-perception plane, and parallel coordinates.</summary>
internal static class SweepFigures
{
    // For the plane, the first of these that the cells have.
    private static readonly string[] s_perception = ["resnet18", "lpips_alex", "dists", Measures.Flip];

    /// <summary>Draws the plots into the folder, as PNG and as SVG. It draws no plot for which there are no values.</summary>
    /// <param name="folder">The folder of the sweep.</param>
    /// <param name="sweep">The sweep.</param>
    /// <param name="results">The results.</param>
    /// <param name="rule">The rule that chooses; null if there is none.</param>
    /// <returns>The plots.</returns>
    public static IReadOnlyList<DescribedPlot> Write(SweepFolder folder, Sweep sweep, SweepResults results, BestRule? rule)
    {
        var known = results.Settings.Where(setting => setting.Cells.Count > 0).ToArray();
        if (known.Length < 2)
            return [];
        var chosen = rule is not null ? results.Choose(rule) : null;
        var plots = new List<DescribedPlot>();
        foreach (var axis in sweep.Axes.Where(axis => axis.IsNumeric && axis.Values.Count > 1))
        {
            foreach (var measure in results.Measures)
            {
                var plot = Against(axis, measure, sweep, known, chosen);
                Save($"{FileName(measure.Name)}-against-{FileName(axis.Name)}", Plots.Render(plot), Plots.Svg(plot), $"{measure.Title} against {axis.Name}", $"{measure.Title} against {axis.Name}.{(plot.Levels.Count > 0 ? $" A line without points is a setting without {axis.Name}." : "")}");
            }
        }

        if (Plane(sweep, results, known, chosen) is { } plane)
            Save("plane", Plots.Render(plane), Plots.Svg(plane), $"All settings in the plane of {plane.X.Title} and {plane.Y.Title}", "Distortion and perception on the validation images.");
        if (sweep.Axes.Count + (sweep.Losses.Count > 1 ? 1 : 0) > 1)
        {
            var parallel = Parallel(sweep, results, known, rule, chosen);
            Save("parallel", Plots.Render(parallel), Plots.Svg(parallel), "Parallel coordinates of all settings", "All settings: a line joins the values of one.");
        }

        return plots;

        void Save(string name, byte[] png, string svg, string alternative, string caption)
        {
            AtomicFile.Write(folder.Plot(name, ".png"), png);
            AtomicFile.Write(folder.Plot(name, DescribedPlot.Extension), svg);
            plots.Add(new(name, alternative, caption));
        }
    }

    /// <summary>One curve for each combination of the other axes; a level for each setting that the axis does not change.</summary>
    private static MeasurePlot Against(SweepAxis axis, Measure measure, Sweep sweep, SettingResult[] settings, SettingResult? chosen)
    {
        var curves = new List<MeasureCurve>();
        var levels = new List<MeasureLevel>();
        foreach (var group in settings.GroupBy(setting => Name(setting.Setting, sweep, axis)))
        {
            SettingResult[] points = [.. group.Where(setting => setting.Setting[axis] is not null).OrderBy(setting => setting.Setting[axis]!.Number)];
            if (points.Length > 0)
            {
                curves.Add(new MeasureCurve(
                    group.Key, [.. points.Select(point => point.Setting[axis]!.Number!.Value)],
                    [.. points.Select(point => point.Mean(measure) ?? double.NaN)], [.. points.Select(point => point.Deviation(measure) ?? double.NaN)]));
            }
            else if (group.First().Mean(measure) is { } value)
            {
                levels.Add(new MeasureLevel(group.Key, value, group.First().Deviation(measure)));
            }
        }

        (double, double)? marked = chosen?.Setting[axis]?.Number is { } x && chosen.Mean(measure) is { } y ? (x, y) : null;
        var seeds = settings.Max(setting => setting.Cells.Count);
        return new MeasurePlot(
            $"{measure.Title} against {axis.Name}{(seeds > 1 ? ", mean and standard deviation over seeds" : ", one seed")}", axis.Key, measure.Heading, axis.IsLogarithmic, curves, levels, marked);
    }

    private static PlanePlot? Plane(Sweep sweep, SweepResults results, SettingResult[] settings, SettingResult? chosen)
    {
        var perception = s_perception.Select(name => results.Measures.FirstOrDefault(measure => measure.Name == name)).FirstOrDefault(measure => measure is not null);
        if (perception is null || results.Measures.FirstOrDefault(measure => measure.Name == Measures.PsnrY) is not { } distortion)
            return null;
        // Along its weights, a loss has one curve for each combination of the other axes.
        var curves = settings.GroupBy(setting => Name(setting.Setting, sweep, sweep.Axes.FirstOrDefault(axis => axis.IsWeight))).Select(group => new PlaneCurve(
            group.Key,
            [.. group.Where(setting => setting.Mean(distortion) is not null && setting.Mean(perception) is not null).Select(setting => (setting.Mean(distortion)!.Value, setting.Mean(perception)!.Value, Label(setting.Setting)))]));
        (double, double)? marked = chosen is { } best && best.Mean(distortion) is { } x && best.Mean(perception) is { } y ? (x, y) : null;
        // Curves before single points, as in the other plots, so that a loss has the same colour in all of them.
        return new PlanePlot($"{sweep.Name}: distortion and perception", distortion, perception, [.. curves.OrderBy(curve => curve.Points.Count == 1)], marked);

        string Label(SweepSetting setting) => sweep.Axes.FirstOrDefault(axis => axis.IsWeight) is { } weight && setting[weight] is { } value ? value.Name : "";
    }

    private static ParallelPlot Parallel(Sweep sweep, SweepResults results, SettingResult[] settings, BestRule? rule, SettingResult? chosen)
    {
        string[] losses = [.. sweep.Losses.Select(loss => loss.Name)];
        Measure[] measures = [.. results.Measures.Where(measure => measure.Direction != Direction.None).Take(4)];
        var last = rule?.Measure ?? measures[^1];
        measures = [.. measures.Where(measure => measure.Name != last.Name), last];
        ParallelAxis[] axes =
        [
            .. losses.Length > 1 ? [new ParallelAxis("loss", losses)] : (ParallelAxis[])[],
            .. sweep.Axes.Select(axis => axis.IsNumeric ? new ParallelAxis(axis.Name, IsLog: axis.IsLogarithmic) : new ParallelAxis(axis.Name, [.. axis.Values.Select(value => value.Name)])),
            .. measures.Select(measure => new ParallelAxis(measure.Title + Arrow(measure))),
        ];
        // The worst first.
        SettingResult[] ordered = [.. settings.OrderBy(setting => (setting.Mean(last) ?? double.NaN) * (last.Direction == Direction.Lower ? -1 : 1))];
        return new ParallelPlot(
            $"{sweep.Name}: all settings", axes,
            [.. ordered.Select(setting => (IReadOnlyList<double?>)
            [
                .. losses.Length > 1 ? [(double?)Array.IndexOf(losses, setting.Setting.Loss!.Name)] : (double?[])[],
                .. sweep.Axes.Select(axis => setting.Setting[axis] is not { } value ? null : axis.IsNumeric ? value.Number : IndexOf(axis, value)),
                .. measures.Select(setting.Mean),
            ])],
            chosen is null ? null : Array.IndexOf(ordered, chosen));

        static double? IndexOf(SweepAxis axis, SweepValue value) => axis.Values.Select((known, i) => (known, i)).First(entry => entry.known == value).i;

        static string Arrow(Measure measure) => measure.Heading[^2..];
    }

    /// <summary>The name of a setting without the value of one axis.</summary>
    private static string Name(SweepSetting setting, Sweep sweep, SweepAxis? without)
    {
        string[] parts =
        [
            .. setting.Loss is { } loss ? [loss.Name] : (string[])[],
            .. sweep.Axes.Where(axis => axis != without && setting[axis] is not null).Select(axis => $"{axis.Name} {setting[axis]!.Name}"),
        ];
        return parts.Length > 0 ? string.Join(", ", parts) : sweep.Name;
    }

    private static string FileName(string name) => string.Concat(name.Select(c => char.IsLetterOrDigit(c) || c is '_' or '-' or '.' ? c : '_'));
}
