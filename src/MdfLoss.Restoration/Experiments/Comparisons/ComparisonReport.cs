using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Mdf.Evaluation;
using Mdf.Evaluation.Statistics;
using Mdf.Experiments.Sweeps;
using Mdf.Losses;
using Mdf.Reports;
using Mdf.Reports.Site;
using Mdf.Runtime;

namespace Mdf.Experiments.Comparisons;

/// <summary>A folder that a report reads.</summary>
/// <param name="Folder">The folder.</param>
/// <param name="Kind">Its content.</param>
internal sealed record ReportPart(string Folder, ReportPartKind Kind);

/// <summary>The content of a folder that a report reads.</summary>
internal enum ReportPartKind
{
    /// <summary>A task of a comparison.</summary>
    Task,

    /// <summary>A sweep.</summary>
    Sweep,

    /// <summary>A page that was made before.</summary>
    Page,
}

/// <summary>The networks of one loss, to train again.</summary>
/// <param name="Experiment">The name of the file of the experiment.</param>
/// <param name="Folder">A name for their folder.</param>
/// <param name="Loss">The loss expression.</param>
/// <param name="Seeds">Their seeds.</param>
/// <param name="Threads">The number of threads of a training.</param>
internal sealed record RepeatedLoss(string Experiment, string Folder, string Loss, IReadOnlyList<long> Seeds, int Threads);

/// <summary>Makes the content of a site from the folders of comparisons and sweeps. Unfinished and failed runs are named, and left out.</summary>
internal static partial class ComparisonReport
{
    // The measures that say how an image looks, the first ones first.
    private static readonly string[] s_perception = ["lpips_alex", "resnet18", "flip", "dists"];

    // The losses that contain a measure of another name.
    private static readonly (string Measure, string Loss)[] s_sameAs = [(Measures.Psnr, "mse"), (Measures.MsSsim, "ms-ssim-l1"), (Measures.PsnrChroma, "chroma")];

    private const string UsualAbout =
        "These networks differ only in their training loss. The page shows the same pictures under each loss, and which differences are more than chance. Press the number keys to flip between losses in place.";

    private const string ExperimentExtension = ".yaml";

    // An experiment has fewer lines.
    private const int MostLines = 1000;

    /// <summary>Finds the tasks and searches in folders that a user has given.</summary>
    /// <param name="folders">Folders of comparisons, of single tasks, of sweeps, or of pages.</param>
    /// <exception cref="InputException">A folder has neither a task nor a sweep nor a page.</exception>
    public static IReadOnlyList<ReportPart> Parts(IReadOnlyList<string> folders)
    {
        ArgumentNullException.ThrowIfNull(folders);
        return [.. folders.SelectMany(folder =>
        {
            if (string.IsNullOrWhiteSpace(folder))
                throw new InputException("expected a folder with results, found an empty path");
            ReportPart[] parts =
            [
                .. IsTask(folder) ? [new ReportPart(folder, ReportPartKind.Task)] : Directory.Exists(folder) ? Directory.EnumerateDirectories(folder).Where(IsTask).OrderBy(task => TaskDescription.Read(task).Order).Select(task => new ReportPart(task, ReportPartKind.Task)) : [],
                .. File.Exists(Path.Combine(folder, SweepDescription.FileName)) ? [new ReportPart(folder, ReportPartKind.Sweep)] : (ReportPart[])[],
            ];
            // A page may have been written into the folder of its run: the run counts.
            if (parts.Length == 0 && SiteFile.IsIn(folder))
                parts = [new ReportPart(folder, ReportPartKind.Page)];
            return parts.Length > 0 ? parts : throw new InputException(
                Directory.Exists(Path.Combine(folder, SweepFolder.CellsName)) ? $"'{folder}' has the trainings of a sweep, and no results yet: run the sweep again"
                : File.Exists(Path.Combine(folder, "index.html")) ? $"'{folder}' has a page without {SiteFile.Name}, as older versions wrote it: make it again from its runs"
                : $"'{folder}' has no results to show: expected the folder of a comparison, of one of its tasks, of a sweep, or of a page");
        })];

        static bool IsTask(string folder) => File.Exists(Path.Combine(folder, TaskDescription.FileName));
    }

    /// <summary>Reads the results of all tasks and searches.</summary>
    /// <param name="parts">The folders, in the order of the page. Searches come after all tasks.</param>
    /// <param name="train">The commands that train the networks of a loss.</param>
    /// <param name="measure">The command that measures the networks in a folder, for a task by measures, on the folder <c>TEST-SET</c>.</param>
    /// <exception cref="InputException">The description of a task, a search or a page is corrupt.</exception>
    public static SiteModel Read(IReadOnlyList<ReportPart> parts, Func<RepeatedLoss, IEnumerable<string>> train, Func<string, string, IReadOnlyList<string>, string> measure)
    {
        ArgumentNullException.ThrowIfNull(parts);
        var titles = new List<string>();
        string? about = null;
        // Each with the name that it would like to have as its anchor.
        var tasks = new List<(string Name, Func<string, SiteTask> Create)>();
        var searches = new List<(string Name, Func<string, SiteSearch> Create)>();
        foreach (var (folder, kind) in parts)
        {
            switch (kind)
            {
                case ReportPartKind.Task:
                    var task = TaskDescription.Read(folder);
                    titles.Add(task.Comparison);
                    about ??= task.About;
                    tasks.Add((task.Id, id => TaskOf(folder, task, id, train, measure)));
                    break;
                case ReportPartKind.Sweep:
                    var sweep = SweepDescription.Read(folder);
                    searches.Add(("search " + sweep.Name, id => SearchOf(sweep, id)));
                    break;
                default:
                    var page = SiteFile.Read(folder);
                    if (page.Tasks.Count > 0)
                    {
                        titles.Add(page.Title);
                        about ??= page.About == UsualAbout ? null : page.About;
                    }

                    tasks.AddRange(page.Tasks.Select(shown => (shown.Id, (Func<string, SiteTask>)(id => shown with { Id = id, Commands = [.. shown.Commands.Select(commands => Renamed(commands, shown.Id, id))] }))));
                    searches.AddRange(page.Searches.Select(shown => (shown.Id, (Func<string, SiteSearch>)(id => shown with { Id = id }))));
                    break;
            }
        }

        var ids = SafeName.Of([.. tasks.Select(task => task.Name), .. searches.Select(search => search.Name)]);
        return new SiteModel(
            tasks.Count > 0 ? string.Join(" · ", titles.Distinct()) : "Searches",
            about ?? (tasks.Count > 0 ? UsualAbout : "These networks differ only in the settings of their trainings."),
            [.. tasks.Select((task, i) => task.Create(ids[i]))])
        {
            Searches = [.. searches.Select((search, i) => search.Create(ids[tasks.Count + i]))],
        };
    }

    private static SiteSearch SearchOf(SweepDescription sweep, string id)
    {
        var measures = sweep.KnownMeasures().ToList();
        var chosen = sweep.Rule is null ? "No rule chooses a setting." : sweep.Chosen is null ? $"The rule is: {sweep.Rule.Text}. Nothing is chosen yet." : $"Chosen by the rule: {sweep.Rule.Text}.";
        return new SiteSearch(id, $"Search: {sweep.Name}", string.Create(CultureInfo.InvariantCulture,
            $"Task {sweep.Task ?? "different in each setting"}, network {sweep.Network ?? "different in each setting"}, {(sweep.Steps is { } steps ? $"{steps} steps" : "different numbers of steps")}. {chosen}"))
        {
            Measures = [.. measures.Select(entry => entry.Measure)],
            Settings = [.. sweep.Settings.Select((setting, i) => new SiteSetting(
                sweep.NameOf(setting), setting.Networks, i == sweep.Chosen, [.. measures.Select(entry => setting.Values[entry.Index] is { } value ? new SiteValue(value.Mean, value.Deviation) : null)]))],
            Plots = [.. new SweepFigures(sweep).All().Select(plot => SitePlot.OfSvg(plot.Name, plot.Svg(), plot.Alternative, plot.Caption))],
            Problems =
            [
                .. sweep.Problems.Select(problem => new SiteProblem(null, problem)),
                .. sweep.Measures.Index().Where(entry => measures.All(known => known.Index != entry.Index)).Select(entry => UnknownMeasure(entry.Item)),
            ],
        };
    }

    private static SiteProblem UnknownMeasure(string name) => new(null, $"The measure {Untrusted.Quote(name)} is not known here, and is left out.");

    private static SiteTask TaskOf(
        string folder, TaskDescription task, string id, Func<RepeatedLoss, IEnumerable<string>> train, Func<string, string, IReadOnlyList<string>, string> measure)
    {
        var problems = new List<SiteProblem>();
        var results = task.Rows.Select(row => (Row: row, Networks: (IReadOnlyList<(DescribedResult Result, NetworkScores Scores)>)[.. row.Results
            .Select(result => (Result: result, Scores: ScoresOf(folder, task, row, result, problems)))
            .Where(result => result.Scores is not null).Select(result => (result.Result, result.Scores!))])).ToArray();
        var measures = Known(task.Measures, problems);
        SetComparison[] sets = [.. task.Sets.Select(set => SetComparison.Of(set, measures, [.. results.Select(row => (row.Row.Name, (IReadOnlyList<NetworkScores>)[.. row.Networks.Select(network => network.Scores)]))]))];
        problems.AddRange(sets.SelectMany(set => set.Notes).Select(note => new SiteProblem(null, note + ".")));
        var ids = SafeName.Of(task.Rows.Select(row => row.Name));
        var input = results.Index().Where(row => row.Item.Row is { Loss: null, Restorer: Restorers.Identity }).Select(row => (int?)row.Index).FirstOrDefault();
        SiteRow[] rows = [.. results.Select((row, r) => RowOf(folder, row.Row, ids[r], row.Networks.Count, r == input, measures))];
        int[] seeds = [.. results.Where(row => row.Row.Loss is not null && row.Networks.Count > 0).Select(row => row.Networks.Count).Distinct().Order()];
        var networks = seeds switch
        {
            [] => "",
            [1] => " One network for each loss: differences are between these networks, and can come from the seed.",
            [var count] => $" {count} networks for each loss, which differ in their seeds.",
            _ => $" {seeds[0]} to {seeds[^1]} networks for each loss, which differ in their seeds.",
        };
        return new SiteTask(id, task.Title, string.Create(CultureInfo.InvariantCulture,
            $"Task: {task.Task}. Network: {task.Network}.{(task.Training is { } training ? $" Training: {training}." : "")}{networks}"))
        {
            Rows = rows,
            Sets = sets,
            PictureSize = task.PictureSize,
            Pictures = PicturesOf(folder, task, [.. results.Select(FirstOf)], measures),
            PictureMeasures = measures,
            PictureSeed = results.Max(row => row.Row.Results.Count) > 1 && results.Where(row => row.Row.Loss is not null).Select(row => row.Row.Results[0].Seed).Distinct().ToList() is [var seed] ? seed : null,
            Threads = results.Any(row => row.Row.Loss is not null) ? task.Threads : null,
            Commands = CommandsOf(folder, task, id, ids, train, measure),
            Plots = [.. PlanesOf(task, sets, results, measures), .. CurvesOf(folder, results)],
            Problems = problems,
        };
    }

    /// <summary>The scores of a network; null, with a problem, if it has none.</summary>
    private static NetworkScores? ScoresOf(string folder, TaskDescription task, DescribedRow row, DescribedResult result, List<SiteProblem> problems)
    {
        var subject = row.Results.Count > 1 ? string.Create(CultureInfo.InvariantCulture, $"{row.Name}, seed {result.Seed}") : row.Name;
        try
        {
            var path = Path.Combine(folder, result.Folder);
            if (NetworkScores.Read(new ResultFolder(path).Scores) is { } scores)
            {
                if (scores.Settings != task.Settings || scores.Name != row.Name)
                {
                    problems.Add(new SiteProblem(subject, "its scores are of other test images or measures: run the comparison again."));
                    return null;
                }

                if (task.Pictures.Count > 0 && scores.PicturesSettings != task.PicturesSettings)
                    problems.Add(new SiteProblem(subject, "its pictures are of another gallery, or are not made yet, and are left out: run the comparison again."));
                return scores;
            }

            var record = row.Loss is null ? null : SweepFolder.ReadRecord(path);
            problems.Add(new SiteProblem(subject, record switch
            {
                { State: CellState.Failed } => $"the training failed: {record.Message}.",
                { State: CellState.Unfinished } => "the training is unfinished.",
                not null => "the network is not measured yet.",
                null => row.Loss is null ? "it is not measured yet." : "the training has not started.",
            }));
        }
        catch (InputException e)
        {
            problems.Add(new SiteProblem(subject, e.Message + "."));
        }

        return null;
    }

    private static List<Measure> Known(IReadOnlyList<string> names, List<SiteProblem> problems)
    {
        problems.AddRange(names.Where(name => Measures.Known(name) is null).Select(UnknownMeasure));
        return [.. names.Select(Measures.Known).OfType<Measure>().DistinctBy(measure => measure.Name)];
    }

    private static SiteRow RowOf(string folder, DescribedRow row, string id, int networks, bool isInput, IReadOnlyList<Measure> measures)
    {
        var log = row.Loss is null || row.Results.Count == 0 ? [] : TrainingLog.Read(new RunFolder(Path.Combine(folder, row.Results[0].Folder)));
        double[] times = [.. log.Select(entry => Number(entry["train"]?["ms_per_step"])).OfType<double>().Order()];
        return new SiteRow(id, row.Name)
        {
            StepMilliseconds = times.Length == 0 ? null : times[times.Length / 2],
            Steps = log.Select(entry => (int?)Number(entry["iteration"])).Max(),
            Networks = networks,
            Expression = row.Loss is { } loss ? Folder().Replace(loss, "") : row.Restorer,
            IsInput = isInput,
            TrainedMeasures = [.. measures.Where(measure => IsTrainedWith(row.Loss, measure)).Select(measure => measure.Name)],
        };
    }

    // The folder of the file that a loss names, with and without quotes.
    [GeneratedRegex(@"(?<=:')[^']*[/\\]|(?<=:)[^'?+*]*[/\\]")]
    private static partial Regex Folder();

    private static bool IsTrainedWith(string? loss, Measure measure)
    {
        try
        {
            string[] used = loss is null ? [] : [.. LossExpression.Parse(loss).NamesUsed];
            return loss == measure.Name || used.Contains(measure.Name.Replace('_', '-')) || s_sameAs.Any(same => same.Measure == measure.Name && used.Contains(same.Loss));
        }
        catch (InputException)
        {
            return false; // of a plugin that is not loaded
        }
    }

    /// <summary>The experiments of the losses, which differ in little else than the loss, and the commands that train and measure their networks.</summary>
    private static IReadOnlyList<SiteCommands> CommandsOf(
        string folder, TaskDescription task, string id, IReadOnlyList<string> ids, Func<RepeatedLoss, IEnumerable<string>> train, Func<string, string, IReadOnlyList<string>, string> measure)
    {
        (DescribedRow Row, string Id, string[] Experiment)[] losses = [.. task.Rows.Zip(ids).Where(row => row.First.Loss is not null)
            .Select(row => (row.First, row.Second, ExperimentOf(Path.Combine(folder, row.First.Results[0].Folder)))).Where(row => row.Item3.Length > 0)];
        var experiments = losses.GroupBy(loss => string.Join('\n', loss.Experiment.Where(line => !line.StartsWith("loss:", StringComparison.Ordinal) && !line.StartsWith("seed:", StringComparison.Ordinal))))
            .Select((group, g) => (File: string.Create(CultureInfo.InvariantCulture, $"{id}{(g == 0 ? "" : $"-{g + 1}")}{ExperimentExtension}"), Losses: group.ToList())).ToList();
        // NIQE needs a file, whose path is not known here.
        string[] measures = [.. task.Measures.Where(name => Measures.Known(name) is { Source: not MeasureSource.Niqe })];
        return losses.Length == 0 ? [] :
        [
            .. experiments.Select(experiment => new SiteCommands(experiment.File, experiment.Losses[0].Experiment)),
            new SiteCommands("Commands that train and measure, with your folder of test images as TEST-SET",
            [
                .. experiments.SelectMany(experiment => experiment.Losses.SelectMany(loss => train(new RepeatedLoss(
                    experiment.File, $"{id}/{loss.Id}", loss.Row.Loss!, [.. loss.Row.Results.Select(result => result.Seed).OfType<long>()], task.Threads)))),
                measure(id, task.Task, measures),
            ]),
        ];

        static string[] ExperimentOf(string run)
        {
            var file = new RunFolder(run).Description;
            return File.Exists(file) ? [.. File.ReadLines(file).Take(MostLines).Where(line => !line.StartsWith('#'))] : [];
        }
    }

    /// <summary>The commands of a task that has another name on this page: two tasks must not share a file or folder.</summary>
    private static SiteCommands Renamed(SiteCommands commands, string from, string to)
    {
        if (from == to)
            return commands;
        // The names of the experiments and of the folders, as CommandsOf writes them.
        var name = new Regex($@"(?<![\w./-]){Regex.Escape(from)}(?=(-\d+)?{Regex.Escape(ExperimentExtension)}|/)");
        return commands.Title.EndsWith(ExperimentExtension, StringComparison.Ordinal)
            ? commands with { Title = name.Replace(commands.Title, to) }
            : commands with { Lines = [.. commands.Lines.Select(line => name.Replace(line, to))] };
    }

    private static IReadOnlyList<SitePicture> PicturesOf(string folder, TaskDescription task, IReadOnlyList<(DescribedResult Result, NetworkScores Scores)?> rows, IReadOnlyList<Measure> measures)
    {
        var ids = SafeName.Of(task.Pictures.Select(picture => picture.Name));
        return [.. task.Pictures.Select((picture, i) => (picture, Id: ids[i]))
            .Where(entry => File.Exists(ComparisonFolder.Original(folder, entry.picture.Name)) && File.Exists(ComparisonFolder.Distorted(folder, entry.picture.Name)))
            .Select(entry =>
            {
                var found = rows.Select(row => row is var (result, scores) && scores.PicturesSettings == task.PicturesSettings && new ResultFolder(Path.Combine(folder, result.Folder)).Picture(entry.picture.Name) is var file && File.Exists(file)
                    ? (File: file, Texts: Texts(scores, entry.picture.Name))
                    : ((string File, IReadOnlyList<string?>? Texts)?)null).ToArray();
                return new SitePicture(
                    entry.Id, entry.picture.Name, entry.picture.Credit, ComparisonFolder.Original(folder, entry.picture.Name), ComparisonFolder.Distorted(folder, entry.picture.Name),
                    [.. found.Select(result => result?.File)], [.. found.Select(result => result?.Texts)]);
            })];

        IReadOnlyList<string?>? Texts(NetworkScores scores, string name) => scores.Pictures?.Images.FirstOrDefault(image => image.Name == name) is { } image
            ? [.. measures.Select(measure => image.Scores.GetValueOrDefault(measure.Name) is { } score ? measure.Text(score) : null)]
            : null;
    }

    /// <summary>The distortion–perception planes of the first test set: a point for each row; or, for the first seed, the curve from the baseline's network to that of the loss.</summary>
    private static IEnumerable<SitePlot> PlanesOf(
        TaskDescription task, IReadOnlyList<SetComparison> sets, IReadOnlyList<(DescribedRow Row, IReadOnlyList<(DescribedResult Result, NetworkScores Scores)> Networks)> rows, IReadOnlyList<Measure> measures)
    {
        if (measures.FirstOrDefault(measure => measure.Name == Measures.PsnrY) is not { } distortion || sets.FirstOrDefault(set => set.Images.Count > 0) is not { } set)
            yield break;
        var start = rows.Where(row => row.Row.Name == task.Baseline).Select(row => FirstOf(row)?.Scores).FirstOrDefault();
        var hasCurves = start is not null && rows.Any(row => FirstOf(row)?.Scores.Between.Count > 0);
        foreach (var perception in s_perception.Select(name => measures.FirstOrDefault(measure => measure.Name == name)).OfType<Measure>().Take(2))
        {
            PlaneCurve[] curves = hasCurves
                ? [.. rows.Where(row => FirstOf(row) is not null).Select(row => Curve(row.Row.Name, FirstOf(row)!.Value.Scores, perception)).Where(curve => curve.Points.Count > 0)]
                : [.. set.Rows.Where(row => MeanOf(row, distortion) is not null && MeanOf(row, perception) is not null).Select(row => new PlaneCurve(row.Name, [(MeanOf(row, distortion)!.Value, MeanOf(row, perception)!.Value, row.Name)]) { Errors = (SpreadOf(row, distortion), SpreadOf(row, perception)) })];
            if (curves.Length > 0)
            {
                yield return SitePlot.OfSvg(
                    $"plane-{perception.Name}",
                    Plots.Svg(new PlanePlot($"{task.Title}: {set.Set}", distortion, perception, curves)),
                    $"Each loss in the plane of {distortion.Title} and {perception.Title}; the numbers are in the table of results.",
                    hasCurves
                        ? $"{distortion.Title} and {perception.Title} on {set.Set}, first seed. A curve interpolates the weights from the network of {task.Baseline} (0) to that of a loss (1), at 0, 0.25, 0.5, 0.75 and 1, without training."
                        : $"{distortion.Title} and {perception.Title} on {set.Set}{(set.Rows.Any(row => row.Seeds > 1) ? ", means over seeds; the bars are standard deviations over seeds" : "")}.");
            }
        }

        double? SpreadOf(ComparedRow row, Measure measure) => set.Measures.Zip(row.Values).FirstOrDefault(entry => entry.First == measure).Second?.Spread;

        double? MeanOf(ComparedRow row, Measure measure) => set.Measures.Select((known, m) => (known, row.Values[m])).FirstOrDefault(entry => entry.known == measure).Item2?.Mean.Value is { } mean && double.IsFinite(mean) ? mean : null;

        PlaneCurve Curve(string name, NetworkScores scores, Measure perception)
        {
            (IReadOnlyList<SetScores> Sets, string Label)[] points =
            [
                .. scores.Between.Count > 0 && start is not null ? [(start.Sets, "")] : ((IReadOnlyList<SetScores>, string)[])[],
                .. scores.Between.OrderBy(between => between.Position).Select(between => (between.Sets, "")),
                (scores.Sets, name),
            ];
            return new(name, [.. points.Select(point => (Mean(point.Sets, distortion), Mean(point.Sets, perception), point.Label)).Where(point => double.IsFinite(point.Item1) && double.IsFinite(point.Item2))]);
        }

        double Mean(IReadOnlyList<SetScores> scores, Measure measure)
        {
            var images = scores.FirstOrDefault(other => other.Name == set.Set)?.Images.Where(image => set.Images.Contains(image.Name)).ToList();
            return images is null || images.Count < set.Images.Count || images.Any(image => image.Scores.GetValueOrDefault(measure.Name) is null)
                ? double.NaN
                : images.Average(image => image.Scores[measure.Name]!.Value);
        }
    }

    /// <summary>A measure of the validations over the steps, for the first seed.</summary>
    private static IEnumerable<SitePlot> CurvesOf(string folder, IReadOnlyList<(DescribedRow Row, IReadOnlyList<(DescribedResult Result, NetworkScores Scores)> Networks)> rows)
    {
        var series = rows.Where(row => row.Row.Loss is not null && FirstOf(row) is not null).Select(row =>
        {
            JsonObject[] entries = [.. TrainingLog.Read(new RunFolder(Path.Combine(folder, FirstOf(row)!.Value.Result.Folder))).Where(entry => Number(entry[TrainingLog.ValidationGroup]?[Measures.PsnrY]) is not null)];
            return new CurveSeries(Plots.Short(row.Row.Name), [.. entries.Select(entry => Number(entry["iteration"]) ?? 0)], [.. entries.Select(entry => Number(entry[TrainingLog.ValidationGroup]![Measures.PsnrY])!.Value)]);
        }).Where(curve => curve.X.Count > 1).ToArray();
        if (series.Length > 0)
        {
            yield return SitePlot.OfSvg(
                "training", Plots.Svg(new CurvePlot("PSNR-Y of the validation images", "step", "PSNR-Y (dB) ↑", series)),
                "A curve of PSNR-Y on the validation images over the steps of the training, for each loss.", "PSNR-Y on the validation images during the trainings of the first seed.");
        }
    }

    /// <summary>The network of the first seed, or the restorer; null if it has no scores. Pictures and curves are of this seed only.</summary>
    private static (DescribedResult Result, NetworkScores Scores)? FirstOf((DescribedRow Row, IReadOnlyList<(DescribedResult Result, NetworkScores Scores)> Networks) row)
    {
        var found = row.Networks.Where(network => network.Result == row.Row.Results[0]).ToList();
        return found.Count > 0 ? found[0] : null;
    }

    private static double? Number(JsonNode? node) => node is JsonValue value && value.TryGetValue<double>(out var number) && double.IsFinite(number) ? number : null;
}
