using System.Text;
using System.Text.RegularExpressions;
using Mdf.Distortions;
using Mdf.Losses;
using Mdf.Networks;
using Mdf.Runtime;
using Mdf.Training;

namespace Mdf.Experiments;

/// <summary>
/// Reads experiment files: YAML, one experiment in a file. A file with an unknown key, or with a value of the wrong kind or out of range, is refused. The
/// message has the line and, for a key, the nearest known key. <c>docs/experiment.md</c> describes the keys.
/// </summary>
/// <remarks>The file is not trusted. Only values, lists and mappings of YAML are read. Nothing in a file names a type or is executed.</remarks>
public static partial class ExperimentFile
{
    /// <summary>The largest file that is read, in bytes.</summary>
    internal const int MaximumLength = 1 << 20;

    internal const string Constant = "constant";
    internal const string Step = "step";
    internal const string Cosine = "cosine";

    /// <summary>The one key of a network that is not an option.</summary>
    internal const string NameKey = "name";

    /// <summary>The section that lists the plugins of the names in the experiment.</summary>
    internal const string PluginsKey = "plugins";

    private static readonly string[] s_stepKeys = ["milestones", "decay_factor"];
    private static readonly string[] s_cosineKeys = ["final_learning_rate"];

    /// <summary>The keys of the file (under an empty name) and of its sections. The options of a network are not listed here, because each network has its own.</summary>
    internal static IReadOnlyDictionary<string, IReadOnlyList<string>> Keys { get; } = new Dictionary<string, IReadOnlyList<string>>
    {
        [""] = [.. ExperimentKeys.All.Select(key => key.Path.Split('.')[0]).Distinct(), "needs", PluginsKey],
        ["data"] = [.. ExperimentKeys.NamesIn("data")],
        ["schedule"] = [.. ExperimentKeys.NamesIn("schedule")],
        ["validation"] = [.. ExperimentKeys.NamesIn("validation")],
    };

    private static ValueRange<string> PluginKeyRange { get; } = new("names that a plugin adds, such as 'loss gradient'", value => PluginKey().IsMatch(value));

    /// <summary>Reads an experiment file. Does not open the files that it names.</summary>
    /// <param name="path">The file.</param>
    /// <param name="overrides">
    /// Settings that override the file, each <c>path.of.key=value</c> with the value as in YAML, such as <c>schedule.iterations=200</c>
    /// or <c>data.train=[a, b]</c>. If a key is set twice, the last value counts.
    /// </param>
    /// <param name="task">The task that the user typed; it replaces the task of the file. Only this task can be a program. Null: the task of the file.</param>
    /// <exception cref="InputException">The file cannot be read or is not an experiment, or an override is invalid.</exception>
    public static Experiment Load(string path, IReadOnlyList<string>? overrides = null, Distortion? task = null) => Load(path, overrides, task, ExperimentArguments.InCode);

    /// <summary>Reads an experiment file for a caller that has its own names for overrides and task; otherwise as <see cref="Load(string, IReadOnlyList{string}?, Distortion?)"/>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="overrides">As above.</param>
    /// <param name="task">As above.</param>
    /// <param name="names">The names of both in messages.</param>
    internal static Experiment Load(string path, IReadOnlyList<string>? overrides, Distortion? task, ExperimentArguments names)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Parse(ReadText(path), path, overrides, task, names);
    }

    /// <summary>Reads an experiment from a text in memory; otherwise as <see cref="Load(string, IReadOnlyList{string}?, Distortion?)"/>.</summary>
    /// <param name="text">The text of an experiment file.</param>
    /// <param name="name">The name of the text in messages.</param>
    /// <param name="overrides">As for <see cref="Load(string, IReadOnlyList{string}?, Distortion?)"/>.</param>
    /// <param name="task">As for <see cref="Load(string, IReadOnlyList{string}?, Distortion?)"/>.</param>
    /// <exception cref="InputException">The text is not an experiment, or an override is invalid.</exception>
    public static Experiment Parse(string text, string name, IReadOnlyList<string>? overrides = null, Distortion? task = null) =>
        Parse(text, name, overrides, task, ExperimentArguments.InCode);

    private static Experiment Parse(string text, string name, IReadOnlyList<string>? overrides, Distortion? task, ExperimentArguments names)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(name);
        var root = ReadSettings(text, name);
        foreach (var setting in overrides ?? [])
            Override(root, setting, names.Setting);
        return Create(root, task, names);
    }

    /// <summary>Reads the keys of an experiment file, and does not check them.</summary>
    /// <param name="text">The text of the file.</param>
    /// <param name="name">The name of the text in messages.</param>
    /// <exception cref="InputException">The text is not a mapping of YAML.</exception>
    internal static SettingMap ReadSettings(string text, string name)
    {
        var file = new Place($"'{name}'", 0);
        return SettingReader.Read(text.TrimStart('\uFEFF'), line => file with { Line = line }) switch
        {
            SettingMap map => map with { Place = file },
            { IsNull: true } => new SettingMap(file, []),
            var other => throw new InputException($"{other.Place}: expected the keys of an experiment, such as 'task: sisr:4', found {other.Kind}"),
        };
    }

    /// <summary>Creates an experiment from its keys.</summary>
    /// <param name="root">The keys. The task is set in them if it is given.</param>
    /// <param name="task">The task that the user typed; it replaces the task of the file. Null: the task of the file.</param>
    /// <param name="names">The name of the typed task in messages.</param>
    /// <exception cref="InputException">A key or a value cannot be used; the message has its place.</exception>
    internal static Experiment Create(SettingMap root, Distortion? task, ExperimentArguments names)
    {
        if (task is not null)
            root.Entries["task"] = (new Place(names.Task, 0), new SettingText(new Place(names.Task, 0), task.Task, IsQuoted: true));
        return ReadExperiment(Section.Open(root.Place, root, Keys[""]), PlacesOf(root), task as ExternalDistortion);
    }

    /// <summary>Refuses to resume a run that needs a plugin that is not loaded.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <exception cref="InputException">The run was started with a plugin that is not loaded.</exception>
    internal static void RequirePlugins(RunFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (!folder.IsBegun || Missing(folder.Description) is not { } missing)
            return;
        throw new InputException($"cannot resume '{folder.Path}': {missing}").With(Remedy.LoadPlugin);

        // The run itself handles a corrupt description.
        static string? Missing(string path)
        {
            try
            {
                var root = SettingReader.Read(ReadText(path), line => new Place($"'{path}'", line)) as SettingMap;
                return (root?.Entries.GetValueOrDefault(PluginsKey).Value as SettingMap)?.Entries
                    .Select(entry => (Key: entry.Key.Split(' '), File: (entry.Value.Value as SettingText)?.Text))
                    .Where(entry => entry is { Key.Length: 2, File: not null } && !IsKnown(entry.Key[0], entry.Key[1]))
                    .Select(entry => PluginFile.Parse(entry.File!).Hint(entry.Key[0], entry.Key[1]))
                    .FirstOrDefault();
            }
            catch (InputException)
            {
                return null;
            }
        }
    }

    private static bool IsKnown(string kind, string name) => kind switch
    {
        "task" => Tasks.Names.Find(name) is not null,
        "network" => Architectures.Kinds.Find(name) is not null,
        _ => LossExpression.Kinds.Find(name) is not null,
    };

    /// <summary>Refuses to resume a run that needs a program that the user did not type.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <exception cref="InputException">The run was started with a typed program.</exception>
    internal static void RequireNoProgram(RunFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (folder.IsBegun && TaskOf(folder.Description) is { } task && ExternalDistortion.IsNameOf(task))
            throw new InputException($"cannot resume '{folder.Path}': it was begun with the program {Untrusted.Quote(task)}, and no file can start a program; type it again").With(Remedy.TypeTask);

        // The run itself handles a corrupt description.
        static string? TaskOf(string path)
        {
            try
            {
                return Load(path).Task;
            }
            catch (InputException)
            {
                return null;
            }
        }
    }

    /// <summary>Reads the text of a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InputException">The file cannot be read, is too large, or is not text in UTF-8.</exception>
    internal static string ReadText(string path)
    {
        RegularFile.Require(path, "an experiment file");
        try
        {
            using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
            if (stream.Length > MaximumLength)
                throw new InputException($"cannot read '{path}': expected an experiment file of at most {MaximumLength} bytes, found {stream.Length}");
            var content = new byte[stream.Length];
            stream.ReadExactly(content);
            return new UTF8Encoding(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true).GetString(content);
        }
        catch (DecoderFallbackException e)
        {
            throw new InputException($"cannot read '{path}': expected an experiment file, which is text in UTF-8, found other bytes at {e.Index}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new InputException($"cannot read '{path}': {e.Message}", e);
        }
    }

    private static void Override(SettingMap root, string setting, string name)
    {
        if (setting.Split('=', 2) is not [var path, var text] || path.Split('.').Contains(""))
            throw new InputException($"{name}: expected key=value, such as schedule.iterations=200, found {Untrusted.Quote(setting)}");
        var place = new Place($"{name} {path}", 0);
        var value = SettingReader.Read(text, _ => place);
        if (value is SettingMap)
            throw new InputException($"{place}: expected a value or a list, found {value.Kind}; set one key at a time, and put text with ': ' or {{ in single quotes");
        Set(root, path, place, value);
    }

    /// <summary>Sets a key, and creates its section if there is none.</summary>
    /// <param name="root">The keys of the experiment.</param>
    /// <param name="path">The key's path, such as <c>schedule.batch</c>.</param>
    /// <param name="place">The place of the setting.</param>
    /// <param name="value">The value.</param>
    /// <exception cref="InputException">The section is a value.</exception>
    internal static void Set(SettingMap root, string path, Place place, Setting value)
    {
        string[] keys = path.Split('.');
        var (sections, key) = (keys[..^1], keys[^1]);
        var map = root;
        for (var depth = 0; depth < sections.Length; depth++)
        {
            if (!map.Entries.TryGetValue(sections[depth], out var entry) || entry.Value.IsNull)
                map.Entries[sections[depth]] = entry = (place, new SettingMap(place, new(StringComparer.Ordinal)));
            map = entry.Value as SettingMap
                ?? throw new InputException($"{place}: {Untrusted.Quote(string.Join('.', sections[..(depth + 1)]))} has no keys of its own ({entry.Value.Place})");
        }

        map.Entries[key] = (place, value);
    }

    private static Dictionary<string, Place> PlacesOf(SettingMap root)
    {
        var places = new Dictionary<string, Place>(StringComparer.Ordinal);
        Add("", root);
        return places;

        void Add(string prefix, SettingMap map)
        {
            foreach (var (key, entry) in map.Entries)
            {
                // A value may be below its key. The place of a section is the place of its first key, so the place of the entry is used.
                places[prefix + key] = entry.Value is SettingMap ? entry.Place : entry.Value.Place;
                if (entry.Value is SettingMap inner)
                    Add($"{prefix}{key}.", inner);
            }
        }
    }

    private static Experiment ReadExperiment(Section root, Dictionary<string, Place> places, ExternalDistortion? program)
    {
        var network = root.Inner("network");
        var data = root.Inner("data", Keys["data"]);
        var schedule = root.Inner("schedule", Keys["schedule"]);
        var validation = root.Inner("validation", Keys["validation"]);
        var text = Experiment.TextRange;
        var plugins = root.Inner(PluginsKey).Rest(known: null, PluginKeyRange, text);
        RequirePlugins(plugins, root.Text("task", text), network.Text(NameKey, text), root.Text("loss", text), places);
        return new Experiment
        {
            Task = root.Text("task", text) ?? throw root.Missing("task", "the task that the network is trained for, such as sisr:4").With(Remedy.TypeTask),
            NetworkName = network.Text(NameKey, text) ?? throw network.Missing(NameKey, "the name of a network, such as edsr"),
            NetworkOptions = network.Rest(NameKey, Experiment.OptionNameRange, text),
            Loss = ReadLoss(root.Text("loss", text) ?? throw root.Missing("loss", "a loss, such as l1"), places["loss"]),
            Init = root.Text("init", text),
            TrainingFolders = data.Texts("train", text) ?? throw data.Missing("train", "a folder of images, or a list of folders"),
            ValidationFolder = data.Text("validation", text)
                ?? (data.Integer("hold_out", SamplingOptions.HoldOutRange) > 0 ? null : throw data.Missing("validation", "a folder of images, or set 'data.hold_out'")),
            DistortedFolders = ReadDistorted(data),
            ValidationDistortedFolder = ReadValidationDistorted(data),
            Training = ReadTraining(root, data, schedule, validation),
            Needs = root.Text("needs", text),
            Plugins = plugins,
            Program = program,
            Places = places,
        };
    }

    /// <summary>Refuses an experiment with an unknown name that, according to its file, comes from a plugin.</summary>
    private static void RequirePlugins(IReadOnlyDictionary<string, string> plugins, string? task, string? network, string? loss, Dictionary<string, Place> places)
    {
        foreach (var (key, file) in plugins)
        {
            var (kind, name) = (key.Split(' ')[0], key.Split(' ')[1]);
            var used = kind switch
            {
                "task" => task?.Split(':')[0] == name,
                "network" => network == name,
                _ => loss?.Contains(name, StringComparison.Ordinal) == true,
            };
            if (used && !IsKnown(kind, name))
                throw new InputException($"{places[kind == "network" ? $"network.{NameKey}" : kind]}: {PluginFile.Parse(file).Hint(kind, name)}").With(Remedy.LoadPlugin);
        }
    }

    private static IReadOnlyList<string>? ReadDistorted(Section data)
    {
        var folders = data.Texts("distorted", Experiment.TextRange);
        if (folders is not null && data.Integer("reduce", SamplingOptions.ReduceRange) > 1)
            throw data.Refused("reduce", "'data.reduce' would reduce the damage of the files in 'data.distorted', too; leave it out, or reduce the clean pictures before they are damaged");
        return folders;
    }

    private static string? ReadValidationDistorted(Section data)
    {
        if (data.Text("validation", Experiment.TextRange) is null)
            data.Exclude(["validation_distorted"], "has an effect with 'data.validation' only (pictures that are set aside take theirs from 'data.distorted')");
        return data.Text("validation_distorted", Experiment.TextRange);
    }

    private static LossExpression ReadLoss(string text, Place place)
    {
        try
        {
            return LossExpression.Parse(text);
        }
        catch (InputException e)
        {
            throw new InputException($"{place}: {e.Message}", e);
        }
    }

    private static NetworkTrainingOptions ReadTraining(Section root, Section data, Section schedule, Section validation)
    {
        var (sampling, validating) = (new SamplingOptions(), new ValidationOptions());
        var standard = new NetworkTrainingOptions { Schedule = ReadSchedule(schedule) };
        return standard with
        {
            Sampling = new SamplingOptions
            {
                Patch = data.Integer("patch", SamplingOptions.PatchRange) ?? sampling.Patch,
                Augment = data.Flag("augment") ?? sampling.Augment,
                SkipUnreadable = data.Flag("skip_unreadable") ?? sampling.SkipUnreadable,
                Reduce = data.Integer("reduce", SamplingOptions.ReduceRange) ?? sampling.Reduce,
                HoldOut = data.Integer("hold_out", SamplingOptions.HoldOutRange) ?? sampling.HoldOut,
            },
            Validation = new ValidationOptions
            {
                Every = validation.Integer("every", ValidationOptions.EveryRange) ?? validating.Every,
                Images = validation.Integer("images", ValidationOptions.ImagesRange) ?? validating.Images,
                Niqe = validation.Text("niqe", Experiment.TextRange),
                Measures = validation.Texts("measures", Experiment.TextRange),
            },
            CheckpointEvery = root.Integer("checkpoint_every", NetworkTrainingOptions.CheckpointEveryRange) ?? standard.CheckpointEvery,
            Seed = root.Integer("seed", new ValueRange<long>("a whole number", _ => true)) ?? standard.Seed,
        };
    }

    private static ScheduleOptions ReadSchedule(Section section)
    {
        var range = ScheduleOptions.IterationsRange;
        var standard = new ScheduleOptions { Iterations = section.Integer("iterations", range) ?? throw section.Missing("iterations", range.Words) };
        var schedule = standard with
        {
            Batch = section.Integer("batch", ScheduleOptions.BatchRange) ?? standard.Batch,
            LearningRate = section.Number("learning_rate", ValueRange.Positive) ?? standard.LearningRate,
            Warmup = section.Integer("warmup", LearningRateSchedule.WarmupRange(standard.Iterations)) ?? standard.Warmup,
            ClipGradient = section.Number("clip_gradient", ValueRange.Positive),
            Ema = section.Number("ema", ValueRange.Fraction) ?? standard.Ema,
            Extensions = section.Numbers("extend", ScheduleOptions.ExtensionRange) switch
            {
                null => standard.Extensions,
                { } steps when ScheduleOptions.ExtensionsRange.Contains(steps) => steps,
                _ => throw section.Refused("extend", $"expected 'schedule.extend' to be {ScheduleOptions.ExtensionsRange.Words}, found more"),
            },
            Betas = section.Numbers("betas", ValueRange.Fraction) switch
            {
                null => standard.Betas,
                [var gradient, var square] => (gradient, square),
                { Count: var count } => throw section.Refused("betas", $"expected 'schedule.betas' to be two numbers, found {count}"),
            },
        };
        return schedule with { Decay = ReadDecay(section, schedule) };
    }

    private static LearningRateDecay ReadDecay(Section section, ScheduleOptions schedule)
    {
        var decay = section.Word("decay", [Constant, Step, Cosine]) ?? Cosine;
        if (decay != Step)
            section.Exclude(s_stepKeys, $"has an effect with 'decay: {Step}' only, and the decay is {decay}");
        if (decay != Cosine)
            section.Exclude(s_cosineKeys, $"has an effect with 'decay: {Cosine}' only, and the decay is {decay}");
        return decay switch
        {
            Step => new StepDecay
            {
                Milestones = ReadMilestones(section, StepDecay.MilestoneRange(schedule.Iterations, schedule.Warmup)),
                Factor = section.Number("decay_factor", StepDecay.FactorRange) ?? StepDecay.DefaultFactor,
            },
            Cosine => new CosineDecay
            {
                FinalRate = section.Number("final_learning_rate", CosineDecay.FinalRateRange(schedule.LearningRate))
                    ?? Math.Min(CosineDecay.DefaultFinalRate, schedule.LearningRate),
            },
            _ => new ConstantDecay(),
        };
    }

    private static IReadOnlyList<int> ReadMilestones(Section section, ValueRange<int> range)
    {
        const string Key = "milestones";
        var milestones = section.Numbers(Key, range) ?? throw section.Missing(Key, $"a list of iterations, such as [1000, 1500], since the decay is {Step}");
        if (milestones.Count == 0)
            throw section.Refused(Key, $"expected at least one iteration in 'schedule.{Key}', found an empty list; for a rate that stays write 'decay: {Constant}'");
        for (var i = 1; i < milestones.Count; i++)
        {
            if (milestones[i] <= milestones[i - 1])
                throw section.Refused(Key, $"expected 'schedule.{Key}' to ascend, found {milestones[i]} after {milestones[i - 1]}");
        }

        return milestones;
    }

    [GeneratedRegex(@"\A(loss|task|network) [a-z0-9-]+\z")]
    private static partial Regex PluginKey();
}
