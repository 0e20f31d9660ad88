using System.Globalization;
using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Losses;
using Mdf.Runtime;
using Mdf.Training;

namespace Mdf.Experiments.Sweeps;

/// <summary>
/// A grid of experiments: one experiment, and axes that change some of its keys. Every combination is a cell. <see cref="Load"/> reads it from a file;
/// <c>docs/sweep.md</c> explains every key.
/// </summary>
internal sealed class Sweep
{
    /// <summary>The largest number of cells.</summary>
    public const int MostCells = 10_000;

    /// <summary>The largest number of axes. The plots and pages of a sweep have one plot for each axis and measure.</summary>
    public const int MostAxes = 32;

    // Longer names of folders do not fit into all file systems, together with the names of the files in them.
    private const int LongestName = 180;

    private static readonly string[] s_keys = ["experiment", "losses", "axes", "seeds", "threads", "best", "stop_early", "test", "cluster"];

    private static readonly ValueRange<long> s_seeds = new("a whole number", _ => true);

    private static readonly ValueRange<int> s_threads = ValueRange.Whole(1, 1024);

    private Sweep(string name, IReadOnlyList<SweepAxis> axes, IReadOnlyList<SweepLoss> losses, int threads) => (Name, Axes, Losses, Threads) = (name, axes, losses, threads);

    /// <summary>The name: the name of the file without its extension.</summary>
    public string Name { get; }

    /// <summary>The axes, in the order of the file.</summary>
    public IReadOnlyList<SweepAxis> Axes { get; }

    /// <summary>The named losses; empty if the experiment has the only one.</summary>
    public IReadOnlyList<SweepLoss> Losses { get; }

    /// <summary>The number of threads of a cell. The last bits of the results depend on it, so it is part of the settings of every cell.</summary>
    public int Threads { get; }

    /// <summary>All cells: for each loss, for each combination of the axes that count for it, one for each seed.</summary>
    public required IReadOnlyList<SweepCell> Cells { get; init; }

    /// <summary>The rule that chooses the best cell; null if none is to be chosen.</summary>
    public BestRule? Best { get; init; }

    /// <summary>The rule that stops bad cells early; null if all run to the end.</summary>
    public MedianStopping? StopEarly { get; init; }

    /// <summary>The test sets, which are measured for the chosen cell only; null if there are none.</summary>
    public TestSets? Test { get; init; }

    /// <summary>The options of a job array on a cluster.</summary>
    public required ClusterOptions Cluster { get; init; }

    /// <summary>Reads a sweep file. Does not open the images, networks and weights that it names.</summary>
    /// <param name="path">The file.</param>
    /// <param name="task">The task that the user typed; it replaces the task of the experiment. Null: the task of the experiment.</param>
    /// <param name="names">The name of the typed task in messages.</param>
    /// <exception cref="InputException">The file cannot be read, or is no sweep; the message has the line.</exception>
    public static Sweep Load(string path, Distortion? task, ExperimentArguments names)
    {
        const int Deepest = SettingReader.OfExperiment + 1; // an experiment inside of the file
        var file = new Place($"'{path}'", 0);
        var map = SettingReader.Read(ExperimentFile.ReadText(path).TrimStart('\uFEFF'), line => file with { Line = line }, Deepest) as SettingMap
            ?? throw new InputException($"{file}: expected the keys of a sweep, such as 'experiment: FILE' and 'axes:', found none");
        return Create(Path.GetFileNameWithoutExtension(path), map, file, task, names);
    }

    /// <summary>Creates a sweep from the keys of a sweep file.</summary>
    /// <param name="name">The name of the sweep.</param>
    /// <param name="map">The keys.</param>
    /// <param name="file">The place of the keys.</param>
    /// <param name="task">As above.</param>
    /// <param name="names">As above.</param>
    /// <exception cref="InputException">They are no sweep; the message has the line.</exception>
    public static Sweep Create(string name, SettingMap map, Place file, Distortion? task, ExperimentArguments names)
    {
        var root = Section.Open(file, map, s_keys);
        var experiment = ReadBase(root, map);
        var losses = ReadLosses(root, map);
        var axes = ReadAxes(root, map, losses);
        if (axes.Count > MostAxes)
            throw root.Refused("axes", string.Create(CultureInfo.InvariantCulture, $"expected at most {MostAxes} axes, found {axes.Count}: use several sweeps"));
        var seeds = root.Numbers("seeds", s_seeds);
        if (seeds is { Count: 0 })
            throw root.Refused("seeds", "expected at least one seed, found an empty list");
        if (seeds is not null && seeds.Distinct().Count() < seeds.Count)
            throw root.Refused("seeds", "expected different seeds, found one twice");
        if (axes.Count == 0 && losses.Count == 0 && seeds is null)
            throw new InputException($"{file}: nothing varies in this sweep: expected 'losses', 'axes' or 'seeds'");
        var threads = root.Integer("threads", s_threads) ?? 1;
        var stop = MedianStopping.Read(root);
        var rules = string.Create(CultureInfo.InvariantCulture, $"threads: {threads}\n{stop}");
        var sweep = new Sweep(name, axes, losses, threads)
        {
            Cells = Distinct([.. Combine(losses, axes, seeds?.Count ?? 1, file).SelectMany(setting => SeedsOf(seeds).Select(seed => (setting, seed)))
                .Select((cell, index) => new SweepCell(index, cell.setting, cell.seed, ExperimentOf(experiment, cell.setting, cell.seed, task, names, root), rules))], file),
            Best = root.Text("best", Experiment.TextRange) is { } best ? Resolve(root, "best", () => BestRule.Parse(best)) : null,
            StopEarly = stop,
            Test = TestSets.Read(root),
            Cluster = ClusterOptions.Read(root.Inner("cluster", ClusterOptions.Keys)),
        };
        Resolve(root, "best", () => sweep.RequireMeasures(sweep.Best?.Measures ?? []));
        Resolve(root, "stop_early", () => sweep.RequireMeasures(stop is null ? [] : [stop.Measure]));
        return sweep;
    }

    /// <summary>Lists the combinations of losses and axes.</summary>
    private static IReadOnlyList<SweepSetting> Combine(IReadOnlyList<SweepLoss> losses, IReadOnlyList<SweepAxis> axes, int seeds, Place file)
    {
        SweepLoss?[] all = losses.Count == 0 ? [null] : [.. losses];
        var count = seeds * all.Sum(loss => axes.Where(axis => Counts(axis, loss)).Aggregate(1.0, (product, axis) => product * axis.Values.Count));
        return count <= MostCells
            ? [.. all.SelectMany(loss => Combinations(axes, loss).Select(values => new SweepSetting(loss, values)))]
            : throw new InputException(string.Create(CultureInfo.InvariantCulture, $"{file}: expected at most {MostCells} cells, found {count:N0}: use fewer values or several sweeps"));
    }

    private static IEnumerable<long?> SeedsOf(IReadOnlyList<long>? seeds) => seeds is null ? [null] : seeds.Select(seed => (long?)seed);

    /// <summary>The folder of a sweep if the user names none.</summary>
    /// <param name="path">The file of the sweep.</param>
    public static string DefaultFolder(string path) => Path.Combine("runs", Path.GetFileNameWithoutExtension(path));

    /// <summary>Refuses a rule that needs a measure that some cell does not have.</summary>
    /// <param name="measures">The measures of the rule.</param>
    /// <exception cref="InputException">A cell lacks one.</exception>
    public void RequireMeasures(IEnumerable<Measure> measures)
    {
        foreach (var measure in measures)
        {
            if (Cells.FirstOrDefault(cell => cell.Experiment.ValidationMeasures().All(known => known.Name != measure.Name)) is { } lacking)
                throw new InputException($"the rule needs the measure '{measure.Name}', and the validations of the experiment have {string.Join(", ", lacking.Experiment.ValidationMeasures().Select(known => known.Name))}: add it to 'validation.measures'");
        }
    }

    private static SettingMap ReadBase(Section root, SettingMap map)
    {
        switch (map.Entries.GetValueOrDefault("experiment").Value)
        {
            case SettingMap inner:
                return inner;
            case SettingText { IsNull: false } text:
                return Resolve(root, "experiment", () => ExperimentFile.ReadSettings(ExperimentFile.ReadText(text.Text), text.Text));
            case null or { IsNull: true }:
                throw root.Missing("experiment", "the file of an experiment, or its keys, one a line and indented");
            default:
                throw root.Refused("experiment", "expected the file of an experiment, or its keys, found a list");
        }
    }

    private static IReadOnlyList<SweepLoss> ReadLosses(Section root, SettingMap map)
    {
        var section = root.Inner("losses");
        if (map.Entries.TryGetValue("losses", out var entry) && entry.Value is SettingMap { Entries.Count: 0 })
            throw root.Refused("losses", "expected at least one loss, found none");
        return [.. section.Rest(known: null, new ValueRange<string>("names, one line each", Experiment.TextRange.Contains), Experiment.TextRange)
            .Select(loss => new SweepLoss(loss.Key, loss.Value, ((SettingMap)entry.Value).Entries[loss.Key].Value.Place))];
    }

    private static List<SweepAxis> ReadAxes(Section root, SettingMap map, IReadOnlyList<SweepLoss> losses)
    {
        _ = root.Inner("axes"); // refuses anything but keys
        var axes = new List<SweepAxis>();
        foreach (var (key, (place, value)) in (map.Entries.GetValueOrDefault("axes").Value as SettingMap)?.Entries ?? [])
        {
            if (key is "loss" or "seed")
                throw new InputException($"{place}: expected the key '{(key == "loss" ? "losses" : "seeds")}' of the sweep instead of an axis '{key}'");
            var isUsed = losses.Any(loss => Uses(loss, key));
            var isKey = key.Contains('.', StringComparison.Ordinal) || ExperimentFile.Keys[""].Contains(key);
            if (!isUsed && !isKey)
            {
                var near = NearestName.Find(key, ExperimentKeys.All.Select(known => known.Path)) is { } nearest ? $"; did you mean '{nearest}'?" : "";
                throw new InputException($"{place}: the axis {Untrusted.Quote(key)} is no key of an experiment, and no loss has it as a weight ('{key}*…'){near}");
            }

            if (isUsed && SweepAxis.IsReserved(key))
                throw new InputException($"{place}: the tables have a column '{key}' of their own: give the weight another name");
            axes.Add(SweepAxis.Read(key, place, value, isUsed));
        }

        if (axes.GroupBy(axis => axis.Name).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new InputException($"{twice.Last().Place}: two axes have the name '{twice.Key}' in tables; put one of them into the experiment");
        return axes;
    }

    private static bool Uses(SweepLoss loss, string weight) =>
        Resolve(loss.Place, () => LossExpression.SetWeights(loss.Expression, new Dictionary<string, string> { [weight] = "1" })).Used.Count > 0;

    private static bool Counts(SweepAxis axis, SweepLoss? loss) => !axis.IsWeight || loss is not null && Uses(loss, axis.Key);

    private static IEnumerable<IReadOnlyList<(SweepAxis, SweepValue?)>> Combinations(IReadOnlyList<SweepAxis> axes, SweepLoss? loss)
    {
        IReadOnlyList<IReadOnlyList<(SweepAxis, SweepValue?)>> combinations = [[]];
        foreach (var axis in axes)
        {
            SweepValue?[] values = Counts(axis, loss) ? [.. axis.Values] : [null];
            combinations = [.. combinations.SelectMany(start => values.Select(value => (IReadOnlyList<(SweepAxis, SweepValue?)>)[.. start, (axis, value)]))];
        }

        return combinations;
    }

    private static Experiment ExperimentOf(SettingMap experiment, SweepSetting setting, long? seed, Distortion? task, ExperimentArguments names, Section root)
    {
        var keys = experiment.Copy();
        if (setting.Loss is { } loss)
        {
            var weights = setting.Values.Where(entry => entry.Axis.IsWeight && entry.Value is not null).ToDictionary(entry => entry.Axis.Key, entry => ((SettingText)entry.Value!.Setting).Text);
            Set("loss", loss.Place, new SettingText(loss.Place, LossExpression.SetWeights(loss.Expression, weights).Text, IsQuoted: true));
        }

        foreach (var (axis, value) in setting.Values.Where(entry => !entry.Axis.IsWeight))
            Set(axis.Key, axis.Place, value!.Setting);
        if (seed is { } number)
            Set("seed", root.Place, new SettingText(root.Place, YamlText.From(number), IsQuoted: false));
        return ExperimentFile.Create(keys, task, names);

        void Set(string key, Place place, Setting value) => ExperimentFile.Set(keys, key, place, value);
    }

    private static IReadOnlyList<SweepCell> Distinct(IReadOnlyList<SweepCell> cells, Place file)
    {
        // File systems may ignore the case of letters.
        if (cells.GroupBy(cell => cell.Name, StringComparer.OrdinalIgnoreCase).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            var (one, other) = (twice.First(), twice.Last());
            throw new InputException($"{other.Setting.Loss?.Place ?? file}: two cells would have the same name '{Untrusted.Quote(twice.Key).Trim('\'')}' ({one.Setting} and {other.Setting}); name the values: 'axes: {{key: {{name: value}}}}'");
        }

        if (cells.FirstOrDefault(cell => cell.Name.Length > LongestName) is { } longest)
            throw new InputException($"{file}: expected names of cells of at most {LongestName} characters, found '{longest.Name[..60]}…' with {longest.Name.Length}; name the values: 'axes: {{key: {{name: value}}}}'");
        return cells;
    }

    private static void Resolve(Section root, string key, Action check) => Resolve(root, key, () =>
    {
        check();
        return true;
    });

    private static T Resolve<T>(Section root, string key, Func<T> make)
    {
        try
        {
            return make();
        }
        catch (InputException e)
        {
            throw new InputException(root.Refused(key, e.Message).Message, e);
        }
    }

    private static T Resolve<T>(Place place, Func<T> make)
    {
        try
        {
            return make();
        }
        catch (InputException e)
        {
            throw new InputException($"{place}: {e.Message}", e);
        }
    }
}
