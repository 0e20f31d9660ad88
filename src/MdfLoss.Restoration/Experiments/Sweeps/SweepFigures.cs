using Mdf.Evaluation;
using Mdf.Reports;
using Mdf.Runtime;

namespace Mdf.Experiments.Sweeps;

/// <summary>A plot of a sweep.</summary>
/// <param name="Name">The name of its file, without extension.</param>
/// <param name="Alternative">A text that says what it shows.</param>
/// <param name="Caption">Its caption.</param>
/// <param name="Png">Draws it as PNG.</param>
/// <param name="Svg">Draws it as SVG.</param>
internal sealed record SweepPlot(string Name, string Alternative, string Caption, Func<byte[]> Png, Func<string> Svg);

/// <summary>Draws the plots of a sweep: every measure against every numeric axis, the distortion-perception plane, and parallel coordinates.</summary>
/// <param name="sweep">The sweep and its results.</param>
internal sealed class SweepFigures(SweepDescription sweep)
{
    // For the plane, the first of these that the cells have.
    private static readonly string[] s_perception = ["resnet18", "lpips_alex", "dists", Measures.Flip];

    private readonly (Measure Measure, int Index)[] _measures = [.. sweep.KnownMeasures()];
    private readonly DescribedSetting[] _known = [.. sweep.Settings.Where(setting => setting.Networks > 0)];
    private readonly DescribedSetting? _chosen = sweep.Chosen is { } chosen ? sweep.Settings[chosen] : null;

    /// <summary>The plots, without those for which there are no values.</summary>
    public IEnumerable<SweepPlot> All()
    {
        if (_known.Length < 2 || _measures.Length == 0)
            yield break;
        foreach (var (axis, a) in sweep.Axes.Select((axis, a) => (axis, a)).Where(entry => entry.axis.IsNumeric && entry.axis.Values.Count > 1))
        {
            foreach (var (measure, m) in _measures)
            {
                var plot = Against(axis, a, measure, m);
                yield return new($"{FileName(measure.Name)}-against-{FileName(axis.Name)}", $"{measure.Title} against {axis.Name}",
                    $"{measure.Title} against {axis.Name}.{(plot.Levels.Count > 0 ? $" A line without points is a setting without {axis.Name}." : "")}", () => Plots.Render(plot), () => Plots.Svg(plot));
            }
        }

        if (Plane() is { } plane)
            yield return new("plane", $"All settings in the plane of {plane.X.Title} and {plane.Y.Title}", "Distortion and perception on the validation images.", () => Plots.Render(plane), () => Plots.Svg(plane));
        if (sweep.Axes.Count + (sweep.Losses.Count > 1 ? 1 : 0) > 1)
        {
            var parallel = Parallel();
            yield return new("parallel", "Parallel coordinates of all settings", "All settings: a line joins the values of one.", () => Plots.Render(parallel), () => Plots.Svg(parallel));
        }
    }

    /// <summary>Writes the plots into the folder of the sweep, as PNG and as SVG.</summary>
    /// <param name="folder">The folder.</param>
    public void Write(SweepFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        foreach (var plot in All())
        {
            AtomicFile.Write(Path.Combine(folder.Plots, plot.Name + ".png"), plot.Png());
            AtomicFile.Write(Path.Combine(folder.Plots, plot.Name + ".svg"), plot.Svg());
        }
    }

    /// <summary>One curve for each combination of the other axes; a level for each setting that the axis does not change.</summary>
    private MeasurePlot Against(DescribedAxis axis, int a, Measure measure, int m)
    {
        var curves = new List<MeasureCurve>();
        var levels = new List<MeasureLevel>();
        foreach (var group in _known.GroupBy(setting => Name(setting, without: axis)))
        {
            DescribedSetting[] points = [.. group.Where(setting => setting.Positions[a] is not null).OrderBy(setting => Number(setting, a))];
            if (points.Length > 0)
            {
                curves.Add(new MeasureCurve(
                    group.Key, [.. points.Select(point => Number(point, a)!.Value)], [.. points.Select(point => point.Values[m]?.Mean ?? double.NaN)], [.. points.Select(point => point.Values[m]?.Deviation ?? double.NaN)]));
            }
            else if (group.First().Values[m] is { } value)
            {
                levels.Add(new MeasureLevel(group.Key, value.Mean, value.Deviation));
            }
        }

        (double, double)? marked = _chosen is not null && Number(_chosen, a) is { } x && _chosen.Values[m] is { } y ? (x, y.Mean) : null;
        return new MeasurePlot(
            $"{measure.Title} against {axis.Name}{(_known.Max(setting => setting.Networks) > 1 ? ", mean and standard deviation over seeds" : ", one seed")}",
            axis.Key, measure.Heading, axis.IsLogarithmic, curves, levels, marked);
    }

    private PlanePlot? Plane()
    {
        var perception = s_perception.Select(Index).FirstOrDefault(index => index is not null);
        if (perception is not { } y || Index(Measures.PsnrY) is not { } x)
            return null;
        // Along its weights, a loss has one curve for each combination of the other axes.
        var weight = sweep.Axes.Select((axis, a) => (axis, a)).FirstOrDefault(entry => entry.axis.IsWeight);
        var curves = _known.GroupBy(setting => Name(setting, weight.axis)).Select(group => new PlaneCurve(
            group.Key,
            [.. group.Where(setting => setting.Values[x] is not null && setting.Values[y] is not null).Select(setting => (setting.Values[x]!.Mean, setting.Values[y]!.Mean, Label(setting)))]));
        (double, double)? marked = _chosen?.Values[x] is { } bestX && _chosen.Values[y] is { } bestY ? (bestX.Mean, bestY.Mean) : null;
        // Curves before single points, as in the other plots, so that a loss has the same colour in all of them.
        return new PlanePlot($"{sweep.Name}: distortion and perception", MeasureAt(x), MeasureAt(y), [.. curves.OrderBy(curve => curve.Points.Count == 1)], marked);

        int? Index(string name) => _measures.Where(entry => entry.Measure.Name == name).Select(entry => (int?)entry.Index).FirstOrDefault();

        Measure MeasureAt(int index) => _measures.First(entry => entry.Index == index).Measure;

        string Label(DescribedSetting setting) => weight.axis is not null && setting.Positions[weight.a] is { } position ? weight.axis.Values[position].Name : "";
    }

    private ParallelPlot Parallel()
    {
        var last = _measures.FirstOrDefault(entry => entry.Measure.Name == sweep.Rule?.Measure, _measures[^1]);
        (Measure Measure, int Index)[] measures = [.. _measures.Where(entry => entry.Measure.Direction != Direction.None).Take(4).Where(entry => entry != last), last];
        ParallelAxis[] axes =
        [
            .. sweep.Losses.Count > 1 ? [new ParallelAxis("loss", sweep.Losses)] : (ParallelAxis[])[],
            .. sweep.Axes.Select(axis => axis.IsNumeric ? new ParallelAxis(axis.Name, IsLog: axis.IsLogarithmic) : new ParallelAxis(axis.Name, [.. axis.Values.Select(value => value.Name)])),
            .. measures.Select(entry => new ParallelAxis(entry.Measure.Title + entry.Measure.Heading[^2..])), // with its arrow
        ];
        // The worst first.
        DescribedSetting[] ordered = [.. _known.OrderBy(setting => (setting.Values[last.Index]?.Mean ?? double.NaN) * (last.Measure.Direction == Direction.Lower ? -1 : 1))];
        return new ParallelPlot(
            $"{sweep.Name}: all settings", axes,
            [.. ordered.Select(setting => (IReadOnlyList<double?>)
            [
                .. sweep.Losses.Count > 1 ? [(double?)sweep.Losses.Index().First(entry => entry.Item == setting.Loss).Index] : (double?[])[],
                .. sweep.Axes.Select((axis, a) => axis.IsNumeric ? Number(setting, a) : setting.Positions[a]),
                .. measures.Select(entry => setting.Values[entry.Index]?.Mean),
            ])],
            _chosen is null ? null : Array.IndexOf(ordered, _chosen) is >= 0 and var place ? place : null);
    }

    private double? Number(DescribedSetting setting, int axis) => setting.Positions[axis] is { } position ? sweep.Axes[axis].Values[position].Number : null;

    /// <summary>The name of a setting without the value of one axis.</summary>
    private string Name(DescribedSetting setting, DescribedAxis? without)
    {
        string[] parts =
        [
            .. setting.Loss is { } loss ? [loss] : (string[])[],
            .. sweep.Axes.Zip(setting.Positions).Where(entry => entry.First != without && entry.Second is not null).Select(entry => $"{entry.First.Name} {entry.First.Values[entry.Second!.Value].Name}"),
        ];
        return parts.Length > 0 ? string.Join(", ", parts) : sweep.Name;
    }

    private static string FileName(string name) => string.Concat(name.Select(c => char.IsLetterOrDigit(c) || c is '_' or '-' or '.' ? c : '_'));
}
