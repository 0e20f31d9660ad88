using System.Text;
using System.Text.RegularExpressions;
using Mdf.Distortions;
using Mdf.Losses;
using Mdf.Networks;
using Mdf.Runtime;
using Mdf.Training;

namespace Mdf.Experiments;

/// <summary>
/// One experiment: the network, the task, the loss, the images and the schedule of a training. <see cref="ExperimentFile"/> reads it from a file;
/// <c>docs/experiment.md</c> explains every key.
/// </summary>
/// <remarks>
/// Two experiments are equal if their canonical files are equal (see <see cref="ToYaml"/>). A property refuses a value that a file could not contain (an empty text,
/// several lines, or out of range) with an <see cref="ArgumentException"/>.
/// </remarks>
public sealed partial class Experiment : IEquatable<Experiment>
{
    /// <summary>The task whose distortion the network undoes, such as <c>sisr:4</c>.</summary>
    public required string Task
    {
        get;
        init => field = TextRange.Check(value);
    }

    /// <summary>The short name of the network, such as <c>edsr</c>.</summary>
    public required string NetworkName
    {
        get;
        init => field = TextRange.Check(value);
    }

    /// <summary>The options of the network as text, in alphabetical order. Options that are not given have their published values.</summary>
    public IReadOnlyDictionary<string, string> NetworkOptions
    {
        get;
        init => field = new OrderedDictionary<string, string>(
            value.OrderBy(option => option.Key, StringComparer.Ordinal)
                .Select(option => KeyValuePair.Create(OptionNameRange.Check(option.Key), TextRange.Check(option.Value))),
            StringComparer.Ordinal);
    }
    = new OrderedDictionary<string, string>();

    /// <summary>The architecture with its options as one line, such as <c>edsr, blocks 8, features 32</c>.</summary>
    internal string NetworkText => string.Join(", ", NetworkOptions.Select(option => $"{option.Key} {option.Value}").Prepend(NetworkName));

    /// <summary>The loss that the network is trained with.</summary>
    public required LossExpression Loss
    {
        get;
        init
        {
            TextRange.Check($"{value}");
            field = value;
        }
    }

    /// <summary>The file of trained weights that the network starts from; null if the weights are random.</summary>
    public string? Init
    {
        get;
        init => field = value is null ? null : TextRange.Check(value);
    }

    /// <summary>The folders of the training images, or single images, relative to the current folder; at least one.</summary>
    public required IReadOnlyList<string> TrainingFolders
    {
        get;
        init => field = value.Count > 0 ? [.. value.Select(TextRange.Check)] : throw new ArgumentException("expected at least one folder", nameof(value));
    }

    /// <summary>
    /// The folders of the distorted training images, one for each of <see cref="TrainingFolders"/>, in the same order; null if they are computed. Files are paired
    /// by their names (<see cref="Imaging.DistortedPairs.Match"/>).
    /// </summary>
    public IReadOnlyList<string>? DistortedFolders
    {
        get;
        init => field = value is null ? null : value.Count > 0 ? [.. value.Select(TextRange.Check)] : throw new ArgumentException("expected at least one folder", nameof(value));
    }

    /// <summary>The folder of the distorted validation images; null if they are computed. It requires <see cref="ValidationFolder"/>.</summary>
    public string? ValidationDistortedFolder
    {
        get;
        init => field = value is null ? null : TextRange.Check(value);
    }

    /// <summary>
    /// The program of a task <c>external:command</c>, from the command that the user typed; null if the user typed none, and then such a task is refused. It is
    /// never read from a file: in a file the task is only text.
    /// </summary>
    public ExternalDistortion? Program { get; init; }

    /// <summary>The folder of the validation images, or one image, relative to the current folder; null if training images are held out for validation.</summary>
    public string? ValidationFolder
    {
        get;
        init => field = value is null ? null : TextRange.Check(value);
    }

    /// <summary>The options of the training. Its warm-up and its decay fit its iterations and its learning rate.</summary>
    public required NetworkTrainingOptions Training
    {
        get;
        init
        {
            _ = value.Schedule.PlanLearningRate();
            if (value.Validation.Niqe is { } niqe)
                TextRange.Check(niqe);
            foreach (var measure in value.Validation.Measures ?? [])
                TextRange.Check(measure);
            field = value;
        }
    }

    /// <summary>
    /// The files that the experiment needs and that are not in this repository, and where to get them, as text after "needs"; null if not given. It has no
    /// effect on the training, and is not in the canonical file.
    /// </summary>
    internal string? Needs
    {
        get;
        init => field = value is null ? null : TextRange.Check(value);
    }

    /// <summary>
    /// The plugins that the experiment file lists, by the names that they provide: <c>loss gradient</c> gives <c>own-loss.dll sha256:…</c>. It is text for
    /// messages: nothing is loaded, and it has no effect on the training. The canonical file lists the plugins that are in use now.
    /// </summary>
    internal IReadOnlyDictionary<string, string> Plugins { get; init; } = new Dictionary<string, string>();

    /// <summary>The range of every text in the file: one line, because a line break in a path or a name is a mistake.</summary>
    internal static ValueRange<string> TextRange { get; } = new(
        "one line of text",
        value => !string.IsNullOrWhiteSpace(value) && !value.Any(c => char.IsControl(c) || c is '\u2028' or '\u2029'));

    internal static ValueRange<string> OptionNameRange { get; } = new(
        $"names of small letters, digits and _, beside '{ExperimentFile.NameKey}'",
        value => value != ExperimentFile.NameKey && OptionName().IsMatch(value));

    /// <summary>The place of each key by its path, such as <c>network.name</c>; empty if the experiment was created in code.</summary>
    internal IReadOnlyDictionary<string, Place> Places { get; init; } = new Dictionary<string, Place>();

    /// <summary>Says what the experiment needs, for the message of an error about a missing file.</summary>
    /// <param name="error">The error.</param>
    /// <returns>Text to add to the message; null if the file does not say it, or the error has another cause.</returns>
    internal string? NeedsOf(Exception error)
    {
        return Needs is not null && IsOfMissingFile(error) ? $"; this experiment needs {Needs}: put it there" : null;

        static bool IsOfMissingFile(Exception? error) =>
            error is FileNotFoundException or DirectoryNotFoundException || error is InputException && IsOfMissingFile(error.InnerException);
    }

    /// <summary>The measures of its validations.</summary>
    /// <exception cref="InputException">There is no such measure; the message has the line.</exception>
    internal IReadOnlyList<Evaluation.Measure> ValidationMeasures() => Resolve("validation.measures", () => Training.Validation.Measures is { } names
        ? Evaluation.Measures.Parse(names)
        : Evaluation.Measures.Default(Training.Validation.Niqe is not null));

    /// <summary>Creates an object from the value of a key. If this fails, the message gives the place of the key.</summary>
    /// <param name="key">The key's path, such as <c>task</c> or <c>data.train</c>.</param>
    /// <param name="make">Creates the object. If it throws an <see cref="InputException"/>, the file and the line, or the argument, are added to the message.</param>
    internal T Resolve<T>(string key, Func<T> make)
    {
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(make);
        try
        {
            return make();
        }
        catch (InputException e) when (Places.TryGetValue(key, out var place))
        {
            throw new InputException($"{place}: {e.Message}", e);
        }
    }

    /// <summary>Creates the distortion that the network undoes.</summary>
    /// <param name="cache">The folder in which the results of a program are kept.</param>
    /// <exception cref="InputException">There is no such task, or it is a program that the user did not type; the message has the line.</exception>
    internal Distortion CreateDistortion(string cache)
    {
        if (Program is null || Program.Task != Task)
            return Resolve("task", () => Tasks.ParseForNetwork(Task));
        if (DistortedFolders is not null)
            return Resolve<Distortion>("data.distorted", () => throw new InputException("the task's program makes the damaged pictures: leave data.distorted out, or train on files with 'task: pairs'"));
        return new CachedDistortion(Program, cache);
    }

    /// <summary>Creates the architecture of the network.</summary>
    /// <param name="factor">The upscaling factor of the task; 1 if the size does not change.</param>
    /// <exception cref="InputException">There is no such network, or it has no such factor, option or value; the message has the line.</exception>
    internal NetworkArchitecture CreateArchitecture(int factor)
    {
        Resolve("network.name", () => Create([]));
        foreach (var option in NetworkOptions)
            Resolve($"network.{option.Key}", () => Create([option]));
        return Resolve("network", () => Create(NetworkOptions));

        NetworkArchitecture Create(IEnumerable<KeyValuePair<string, string>> options) =>
            Architectures.Create(NetworkName, factor, new Dictionary<string, string>(options));
    }

    /// <summary>
    /// Writes the canonical file: every key that has an effect, also with a default value, in a fixed order. Reading it gives an equal
    /// experiment. The first line names the version of the program.
    /// </summary>
    public string ToYaml()
    {
        var yaml = new StringBuilder($"# An experiment of mdf {TrainingProgram.CurrentVersion}; every key is written out.\n");
        var section = "";
        foreach (var (key, value) in Entries().Concat(PluginsInUse().Select(entry => ($"{ExperimentFile.PluginsKey}.{entry.Key}", YamlText.From(entry.Value)))))
        {
            if (key.Split('.') is [var inner, var name])
            {
                if (inner != section)
                    yaml.Append(inner).Append(":\n");
                section = inner;
                yaml.Append("  ").Append(name);
            }
            else
            {
                section = "";
                yaml.Append(key);
            }

            yaml.Append(": ").Append(value).Append('\n');
        }

        return yaml.ToString();
    }

    /// <summary>Returns the keys whose values differ in the two canonical files, in their order.</summary>
    /// <param name="other">The other experiment, such as the experiment of a checkpoint.</param>
    internal IReadOnlyList<ExperimentDifference> DifferencesFrom(Experiment other)
    {
        ArgumentNullException.ThrowIfNull(other);
        var (mine, others) = (Entries().ToList(), other.Entries().ToList());
        return
        [
            .. mine.Concat(others)
                .Select(entry => new ExperimentDifference(entry.Key, ValueIn(mine, entry.Key), ValueIn(others, entry.Key)))
                .Where(entry => entry.Value != entry.Other)
                .Distinct(),
        ];

        static string? ValueIn(List<(string Key, string Value)> entries, string key) => entries.Find(entry => entry.Key == key).Value;
    }

    /// <summary>Returns the same experiment with other training options.</summary>
    /// <param name="training">The options.</param>
    public Experiment With(NetworkTrainingOptions training) => new()
    {
        Task = Task,
        NetworkName = NetworkName,
        NetworkOptions = NetworkOptions,
        Loss = Loss,
        Init = Init,
        TrainingFolders = TrainingFolders,
        ValidationFolder = ValidationFolder,
        DistortedFolders = DistortedFolders,
        ValidationDistortedFolder = ValidationDistortedFolder,
        Program = Program,
        Training = training,
        Needs = Needs,
        Plugins = Plugins,
        Places = Places,
    };

    /// <summary>Returns the plugins of the names that the experiment uses: the loaded plugins, or else the plugins that its file lists.</summary>
    internal IReadOnlyDictionary<string, string> PluginsInUse()
    {
        var found = new OrderedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var (kind, name, plugin) in NamesInUse())
        {
            var key = $"{kind} {name}";
            if ((plugin?.ToString() ?? Plugins.GetValueOrDefault(key)) is { } text)
                found.Add(key, text);
        }

        return found;
    }

    /// <summary>Lists the plugins whose files differ from those that an earlier experiment recorded.</summary>
    /// <param name="earlier">The experiment with which the run started.</param>
    /// <returns>One line for each plugin.</returns>
    internal IEnumerable<string> ChangedPlugins(Experiment earlier)
    {
        var now = PluginsInUse();
        return earlier.Plugins.Where(entry => now.TryGetValue(entry.Key, out var text) && text != entry.Value)
            .Select(entry => (Before: PluginFile.Parse(entry.Value), Now: PluginFile.Parse(now[entry.Key]))).Distinct()
            .Select(pair => pair.Now.ChangedFrom(pair.Before.ToString()));
    }

    private IEnumerable<(string Kind, string Name, PluginFile? Plugin)> NamesInUse() =>
    [
        ("task", Task.Split(':')[0], Tasks.Names.PluginOf(Task.Split(':')[0])),
        ("network", NetworkName, Architectures.Kinds.PluginOf(NetworkName)),
        .. Loss.NamesUsed.Select(name => ("loss", name, LossExpression.Kinds.PluginOf(name))),
    ];

    /// <inheritdoc/>
    public bool Equals(Experiment? other) => other is not null && Entries().SequenceEqual(other.Entries());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as Experiment);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        foreach (var entry in Entries())
            hash.Add(entry);
        return hash.ToHashCode();
    }

    /// <summary>Returns every key that has an effect, by its path, with its value in YAML.</summary>
    private IEnumerable<(string Key, string Value)> Entries() => ExperimentKeys.All.SelectMany(key => key.Entries(this));

    [GeneratedRegex(@"\A[a-z][a-z0-9_]*\z")]
    private static partial Regex OptionName();
}

/// <summary>A key to which two experiments give different values.</summary>
/// <param name="Key">The key's path, such as <c>schedule.batch</c>.</param>
/// <param name="Value">Its value in the first experiment, in YAML; null if the key has no effect there, or is an option of a network that is not given.</param>
/// <param name="Other">Its value in the second experiment.</param>
internal sealed record ExperimentDifference(string Key, string? Value, string? Other);

/// <summary>A key of an experiment file.</summary>
/// <param name="Path">Its path, such as <c>data.patch</c>; <c>network.*</c> stands for the options of the network.</param>
/// <param name="Entries">The entries that the canonical file has for it: one with its path, or none if it has no effect in the experiment.</param>
internal sealed record ExperimentKey(string Path, Func<Experiment, IEnumerable<(string Key, string Value)>> Entries)
{
    /// <summary>A key that always has an effect.</summary>
    public ExperimentKey(string path, Func<Experiment, string> value)
        : this(path, experiment => [(path, value(experiment))])
    {
    }

    /// <summary>The section that the key is in; empty if it is in none.</summary>
    public string Section => Path.Split('.') is [var section, _] ? section : "";

    /// <summary>The name of the key in its section.</summary>
    public string Name => Path.Split('.')[^1];
}

/// <summary>The keys of an experiment file. A new key is one line here, and one where <see cref="ExperimentFile"/> reads it into its property.</summary>
internal static class ExperimentKeys
{
    /// <summary>The keys, in the order of the canonical file.</summary>
    public static IReadOnlyList<ExperimentKey> All { get; } =
    [
        new("task", experiment => YamlText.From(experiment.Task)),
        new("network.name", experiment => YamlText.From(experiment.NetworkName)),
        new("network.*", experiment => experiment.NetworkOptions.Select(option => ($"network.{option.Key}", YamlText.FromOption(option.Value)))),
        new("loss", experiment => YamlText.From($"{experiment.Loss}")),
        new("init", experiment => YamlText.From(experiment.Init)),
        new("data.train", experiment => YamlText.From(experiment.TrainingFolders)),
        new("data.distorted", experiment => experiment.DistortedFolders is { } folders ? YamlText.From(folders) : YamlText.From(null as string)),
        new("data.validation", experiment => YamlText.From(experiment.ValidationFolder)),
        new("data.validation_distorted", experiment => YamlText.From(experiment.ValidationDistortedFolder)),
        new("data.patch", experiment => YamlText.From(experiment.Training.Sampling.Patch)),
        new("data.augment", experiment => YamlText.From(experiment.Training.Sampling.Augment)),
        new("data.skip_unreadable", experiment => YamlText.From(experiment.Training.Sampling.SkipUnreadable)),
        new("data.reduce", experiment => YamlText.From(experiment.Training.Sampling.Reduce)),
        new("data.hold_out", experiment => YamlText.From(experiment.Training.Sampling.HoldOut)),
        new("schedule.iterations", experiment => YamlText.From(experiment.Training.Schedule.Iterations)),
        new("schedule.batch", experiment => YamlText.From(experiment.Training.Schedule.Batch)),
        new("schedule.learning_rate", experiment => YamlText.From(experiment.Training.Schedule.LearningRate)),
        new("schedule.decay", experiment => experiment.Training.Schedule.Decay switch
        {
            StepDecay => ExperimentFile.Step,
            CosineDecay => ExperimentFile.Cosine,
            _ => ExperimentFile.Constant,
        }),
        OfDecay<StepDecay>("milestones", decay => YamlText.From(decay.Milestones)),
        OfDecay<StepDecay>("decay_factor", decay => YamlText.From(decay.Factor)),
        OfDecay<CosineDecay>("final_learning_rate", decay => YamlText.From(decay.FinalRate)),
        new("schedule.warmup", experiment => YamlText.From(experiment.Training.Schedule.Warmup)),
        new("schedule.clip_gradient", experiment => experiment.Training.Schedule.ClipGradient is { } norm ? YamlText.From(norm) : YamlText.From(null as string)),
        new("schedule.ema", experiment => YamlText.From(experiment.Training.Schedule.Ema)),
        new("schedule.extend", experiment => YamlText.From(experiment.Training.Schedule.Extensions)),
        new("schedule.betas", experiment => YamlText.From([experiment.Training.Schedule.Betas.Gradient, experiment.Training.Schedule.Betas.Square])),
        new("validation.every", experiment => YamlText.From(experiment.Training.Validation.Every)),
        new("validation.images", experiment => YamlText.From(experiment.Training.Validation.Images)),
        new("validation.niqe", experiment => YamlText.From(experiment.Training.Validation.Niqe)),
        new("validation.measures", experiment => experiment.Training.Validation.Measures is { } measures ? YamlText.From(measures) : YamlText.From(null as string)),
        new("checkpoint_every", experiment => YamlText.From(experiment.Training.CheckpointEvery)),
        new("seed", experiment => YamlText.From(experiment.Training.Seed)),
    ];

    /// <summary>The names of the keys of a section.</summary>
    /// <param name="section">The section; empty for the keys that are in none.</param>
    public static IEnumerable<string> NamesIn(string section) => All.Where(key => key.Section == section).Select(key => key.Name);

    private static ExperimentKey OfDecay<T>(string name, Func<T, string> value)
        where T : LearningRateDecay
    {
        var path = $"schedule.{name}";
        return new(path, experiment => experiment.Training.Schedule.Decay is T decay ? [(path, value(decay))] : []);
    }
}
