using System.Text.RegularExpressions;
using Mdf.Evaluation;
using Mdf.Experiments.Sweeps;
using Mdf.Runtime;
using Mdf.Training;

namespace Mdf.Experiments.Comparisons;

/// <summary>
/// A comparison: for each task, networks that are trained with each loss and seed, measured on test sets, and shown side by side. <see cref="Load"/> reads it from a file;
/// <c>docs/compare.md</c> explains every key.
/// </summary>
internal sealed partial class Comparison
{
    // A task has an experiment in it, whose network has a list.
    private const int Deepest = SettingReader.OfExperiment + 3;

    private static readonly string[] s_shared = ["losses", "seeds", "threads", "restorers", "test", "gallery", "baseline"];
    private static readonly string[] s_keys = ["title", "about", .. s_shared, "tasks"];
    private static readonly string[] s_taskKeys = ["title", "experiment", .. s_shared];

    // The folder of the page, and the endings of the addresses of its parts.
    private static readonly string[] s_reserved = ["site", "title", "pictures", "results", "plots", "cost", "repeat", "problems"];

    private static readonly ValueRange<string> s_ids = new("lower-case letters, digits and hyphens, at most 40, such as jpeg10", value => Id().IsMatch(value));

    private Comparison(string title, string? about, IReadOnlyList<ComparisonTask> tasks) => (Title, About, Tasks) = (title, about, tasks);

    /// <summary>The title of the page.</summary>
    public string Title { get; }

    /// <summary>A paragraph below the title; null if there is none.</summary>
    public string? About { get; }

    /// <summary>The tasks, in the order of the file.</summary>
    public IReadOnlyList<ComparisonTask> Tasks { get; }

    /// <summary>Reads a comparison file. Does not open the images, networks and weights that it names.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InputException">The file cannot be read, or is no comparison; the message has the line.</exception>
    public static Comparison Load(string path)
    {
        var file = new Place($"'{path}'", 0);
        var map = SettingReader.Read(ExperimentFile.ReadText(path).TrimStart('\uFEFF'), line => file with { Line = line }, Deepest) as SettingMap
            ?? throw new InputException($"{file}: expected the keys of a comparison, such as 'losses:' and 'tasks:', found none");
        var root = Section.Open(file, map, s_keys);
        if (map.Entries.GetValueOrDefault("tasks").Value is not SettingMap { Entries: { Count: > 0 } tasks })
            throw root.Missing("tasks", "at least one task: 'tasks: {jpeg10: {experiment: FILE}}'");
        return new Comparison(
            root.Text("title", Experiment.TextRange) ?? "A comparison of losses",
            root.Text("about", Experiment.TextRange),
            [.. tasks.Select(entry => TaskOf(entry.Key, entry.Value.Place, entry.Value.Value, root, map))]);
    }

    /// <summary>The folder of a comparison if the user names none.</summary>
    /// <param name="path">The file of the comparison.</param>
    public static string DefaultFolder(string path) => Path.Combine("runs", Path.GetFileNameWithoutExtension(path));

    private static ComparisonTask TaskOf(string id, Place place, Setting value, Section root, SettingMap shared)
    {
        if (!s_ids.Contains(id))
            throw new InputException($"{place}: expected the name of a task to be {s_ids.Words}, found {Untrusted.Quote(id)}");
        if (s_reserved.Any(word => id == word || id.EndsWith("-" + word, StringComparison.Ordinal)))
            throw new InputException($"{place}: the page has parts with the name {Untrusted.Quote(id)}: give the task another name");
        if (value is not SettingMap own)
            throw new InputException($"{place}: expected the keys of the task '{id}', such as 'experiment: FILE', found {value.Kind}");
        var keys = Merge(shared, own);
        var task = Section.Open(place, keys, s_taskKeys);
        if (task.Inner("losses").IsEmpty)
            throw task.Missing("losses", "named losses: 'losses: {L1: l1}'");
        string[] forSweep = ["experiment", "losses", "seeds", "threads"];
        var sweep = Sweep.Create(id, keys with { Entries = new(keys.Entries.Where(entry => forSweep.Contains(entry.Key)), StringComparer.Ordinal) }, place, task: null, new ExperimentArguments("key", "task"));
        var names = sweep.Losses.Select(loss => loss.Name).ToList();
        IReadOnlyList<ComparedRestorer> restorers = [.. task.Inner("restorers")
            .Rest(known: null, new ValueRange<string>("names, one line each", Experiment.TextRange.Contains), Experiment.TextRange)
            .Select(restorer => new ComparedRestorer(restorer.Key, restorer.Value))];
        if (restorers.FirstOrDefault(restorer => names.Contains(restorer.Name, StringComparer.OrdinalIgnoreCase)) is { } same)
            throw task.Refused("restorers", $"expected other names than those of the losses, found {Untrusted.Quote(same.Name)} twice");
        if (restorers.FirstOrDefault(restorer => Restorers.IsProgram(restorer.Value)) is { } program)
            throw task.Refused("restorers", $"{Untrusted.Quote(program.Name)} is a program, and a file may not start programs: restore the images first, and give 'folder:PATH'");
        var baseline = task.Text("baseline", Experiment.TextRange);
        if (baseline is not null && !names.Contains(baseline))
            throw task.Refused("baseline", $"expected one of the losses {string.Join(", ", names)}, found {Untrusted.Quote(baseline)}");
        return new ComparisonTask(id, task.Text("title", Experiment.TextRange) ?? id, sweep)
        {
            Test = TestSets.Read(task) ?? throw task.Missing("test", "the test sets: 'test: {data: FOLDER}'"),
            Gallery = GalleryPictures.Read(task),
            Restorers = restorers,
            Baseline = baseline,
        };
    }

    /// <summary>The keys of a task: its own, and those that all tasks share. Named losses and restorers of both count; an empty one of the task removes that of all.</summary>
    private static SettingMap Merge(SettingMap shared, SettingMap own)
    {
        var keys = own.Copy();
        foreach (var key in s_shared)
        {
            if (!shared.Entries.TryGetValue(key, out var all))
                continue;
            if (!keys.Entries.TryGetValue(key, out var mine))
                keys.Entries[key] = (all.Place, all.Value is SettingMap map ? map.Copy() : all.Value);
            else if (key is "losses" or "restorers" && all.Value is SettingMap names && mine.Value is SettingMap others)
                keys.Entries[key] = (mine.Place, others with { Entries = new(names.Entries.Where(entry => !others.Entries.ContainsKey(entry.Key)).Concat(others.Entries.Where(entry => !entry.Value.Value.IsNull)), StringComparer.Ordinal) });
        }

        return keys;
    }

    [GeneratedRegex(@"\A(?=.{1,40}\z)[a-z0-9]+(-[a-z0-9]+)*\z")]
    private static partial Regex Id();
}
