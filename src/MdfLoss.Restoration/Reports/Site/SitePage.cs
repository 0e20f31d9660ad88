using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mdf.Evaluation;
using Mdf.Evaluation.Statistics;
using Mdf.Runtime;

namespace Mdf.Reports.Site;

/// <summary>Writes the HTML of a site. <c>site.js</c> makes the viewer of the pictures from it, and <c>tests/site</c> tests both in a browser.</summary>
internal static class SitePage
{
    // The number of scores beside a picture of the plain grid.
    private const int PlainScores = 3;

    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        // The default encoder writes "<" as an escape, so that no text can end the script element.
        Encoder = JavaScriptEncoder.Default,
    };

    /// <summary>Writes the page.</summary>
    /// <param name="site">The content.</param>
    /// <returns>The text of <c>index.html</c>.</returns>
    public static string Write(SiteModel site)
    {
        ArgumentNullException.ThrowIfNull(site);
        return Html.Of($"""
            <!DOCTYPE html>
            <html lang="en">
            <head>
            <meta charset="utf-8">
            <meta name="viewport" content="width=device-width, initial-scale=1">
            <meta name="color-scheme" content="light dark">
            <title>{site.Title}</title>
            <link rel="icon" href="data:,">
            <link rel="stylesheet" href="site.css">
            <!-- site.js comes first and without "defer", because it hides the plain grids before they are drawn. -->
            <script src="site.js"></script>
            <script src="img-comparison-slider.js" defer></script>
            </head>
            <body>
            <a class="skip" href="#mdfContent">Skip to the results</a>
            <div class="page">
            <header>
            <h1>{site.Title}</h1>
            <p>{site.About}</p>
            <nav class="tasks" aria-label="Tasks">
            <ul>
            {Html.Lines(site.Tasks.Select(task => (task.Id, task.Title)).Concat(site.Searches.Select(search => (search.Id, search.Title))).Select(part => Html.Of($"""<li><a href="#{part.Id}">{part.Title}</a></li>""")))}
            </ul>
            </nav>
            </header>
            <main id="mdfContent">
            {Html.Lines([.. site.Tasks.Select(Task), .. site.Searches.Select(Search)])}
            </main>
            <footer>
            <p>Made by mdf {Training.TrainingProgram.CurrentVersion}. The page needs no server and no network; it can be copied with its folder.</p>
            </footer>
            </div>
            <script type="application/json" id="mdfData">{Html.Finished(JsonSerializer.Serialize(new { MapColours = ErrorMaps.Colours.Select(Colour), Tasks = site.Tasks.Select(DataOf) }, s_json))}</script>
            </body>
            </html>

            """).ToString();
    }

    private static string Colour(IReadOnlyList<double> colour) => "#" + string.Concat(colour.Select(channel => ((int)Math.Round(255 * channel)).ToString("x2", CultureInfo.InvariantCulture)));

    private static Html Task(SiteTask task) => Parts(task.Id, task.Title, task.Summary,
    [
        ("pictures", "Pictures", Pictures(task)),
        ("results", "Results", Results(task)),
        ("plots", "Plots", Plots(task.Id, task.Plots)),
        ("cost", "Cost", Cost(task)),
        ("repeat", "Reproduce", Repeat(task.Commands)),
        ("problems", "Problems", Problems(task.Problems)),
    ]);

    private static Html Search(SiteSearch search)
    {
        var chosen = search.Settings.Any(setting => setting.IsChosen);
        var table = Html.Of($"""
            {Table(
                $"{search.Title}: settings",
                "Setting",
                [.. search.Measures.Select(Column), ("Networks", Direction.None)],
                search.Settings.Select(setting => (Name(setting.Name), setting.Values.Zip(search.Measures, (value, measure) => value is var (mean, deviation) ? Value(mean, deviation, measure, setting.IsChosen) : Nothing).Append(Number(setting.Networks, "F0")))))}
            <p class="legend">Small type: the standard deviation over seeds. {(chosen ? "Bold: the setting that was chosen." : "")} All values are of the validation images by which the settings were compared, so the best value is optimistic.</p>
            """);
        return Parts(search.Id, search.Title, search.Summary, [("results", "Results", table), ("plots", "Plots", Plots(search.Id, search.Plots)), ("problems", "Problems", Problems(search.Problems))]);
    }

    /// <summary>The section of a task or a search, with links to its parts. Empty parts are left out.</summary>
    private static Html Parts(string id, string title, string summary, IReadOnlyList<(string Part, string Title, Html Content)> all)
    {
        var parts = all.Where(part => !part.Content.IsEmpty).ToList();
        return Html.Of($"""
            <section class="task" id="{id}" aria-labelledby="{id}-title">
            <h2 id="{id}-title">{title}</h2>
            <p>{summary}</p>
            <nav class="parts" aria-label="Parts of {title}">
            <ul>
            {Html.Lines(parts.Select(part => Html.Of($"""<li{Html.Finished(part.Part == "problems" ? " class=\"notice\"" : "")}><a href="#{id}-{part.Part}">{part.Title}</a></li>""")))}
            </ul>
            </nav>
            {Html.Lines(parts.Select(part => Html.Of($"""
                <section class="part-{part.Part}" id="{id}-{part.Part}">
                <h3>{part.Title}</h3>
                {part.Content}
                </section>
                """)))}
            </section>
            """);
    }

    /// <summary>The place of the viewer, which the script fills, and the plain grid, which readers without the script have.</summary>
    private static Html Pictures(SiteTask task) => task.Shown.Count == 0 ? Html.Empty : Html.Of($"""
        <div class="viewer" data-task="{task.Id}"></div>
        <details class="all-pictures" open>
        <summary>All pictures in a plain grid</summary>
        {Html.Lines(task.Shown.Select(picture => Html.Of($"""
            <article data-picture="{picture.Id}">
            <h4>{Name(picture.Title)} <small>{picture.Credit}</small></h4>
            {(About(task, picture) is { Length: > 0 } about ? Html.Of($"""<p class="note">{about}</p>""") : Html.Empty)}
            <div class="figures">
            {Html.Lines([
                Figure(task, picture, picture.Original, "Reference", []),
                Figure(task, picture, picture.Distorted, "Distorted input", InputScores(task, picture) ?? []),
                .. task.Rows.Select((row, r) => row.IsInput ? Html.Empty : Figure(task, picture, picture.Restored[r], row.Name, picture.Scores[r]))])}
            </div>
            </article>
            """)))}
        </details>
        """);

    private static Html Figure(SiteTask task, ShownPicture picture, string? file, string title, IReadOnlyList<string?>? scores)
    {
        var image = file is null ? Html.Empty : Html.Of($"""<img loading="lazy" width="{picture.Width}" height="{picture.Height}" alt="{picture.Title}: {title}" src="{picture.FolderOf(task.Id)}{file}">""");
        // No line ends inside of a score.
        var text = file is null ? "no result" : string.Join(", ", task.PictureMeasures.Zip(scores ?? []).Where(score => score.Second is not null).Take(PlainScores)
            .Select(score => $"{score.First.Title} {score.Second}".Replace(' ', '\u00A0')));
        return Html.Of($"<figure>{image}<figcaption>{Name(title)} <small>{text}</small></figcaption></figure>");
    }

    /// <summary>The scores of the distorted input; null if they are not known.</summary>
    private static IReadOnlyList<string?>? InputScores(SiteTask task, ShownPicture picture) => task.Rows.Zip(picture.Scores).FirstOrDefault(row => row.First.IsInput).Second;

    /// <summary>Says which part of a picture is shown, and of which networks.</summary>
    private static string About(SiteTask task, ShownPicture picture)
    {
        var isPart = picture.Width < picture.WholeWidth || picture.Height < picture.WholeHeight;
        return (isPart ? string.Create(CultureInfo.InvariantCulture, $"{picture.Width} × {picture.Height} of {picture.WholeWidth} × {picture.WholeHeight} pixels{(picture.Restored.Count(file => file is not null) > 1 ? ", where the results differ most" : "")}. Scores are of the whole picture. ") : "")
            + (task.PictureSeed is { } seed ? string.Create(CultureInfo.InvariantCulture, $"Networks of seed {seed}.") : "");
    }

    private static Html Results(SiteTask task) => task.Sets.Count == 0 ? Html.Empty : Html.Of($"""
        {Html.Lines(task.Sets.Zip(SiteTables.NamesOf(task), (set, name) => Html.Of($"""
            <h4>{Name(set.Set)} <small>{Counted(set.Images.Count, "image", "images")}{(set.Images.Count == 1 ? ": nothing was tested" : "")}</small></h4>
            {Table(
                $"{task.Title}: results on {set.Set}",
                "Loss",
                [.. set.Measures.Select(Column)],
                set.Rows.Zip(task.Rows, (values, row) => (RowName(row), values.Values.Select((value, m) => value is null ? Nothing : Cell(value, set.Measures[m], row)))))}
            <p class="downloads">Download {Html.Join(SiteTables.Formats.Select(format => Html.Of($"""<a href="{SiteTables.Folder}/{name}{format.Extension}">{format.Title}</a> """)))}</p>
            """)))}
        {Legend(task)}
        <details class="measures">
        <summary>Measures</summary>
        <dl>
        {Html.Lines(task.Sets.SelectMany(set => set.Measures).DistinctBy(measure => measure.Name).Select(measure => Html.Of($"<div><dt>{measure.Title}</dt><dd>{measure.Meaning}</dd></div>")))}
        </dl>
        </details>
        """);

    /// <summary>The name of a row, and below it the expression of its loss if this says more.</summary>
    private static Html RowName(SiteRow row) => row.Expression is { } expression && !string.Equals(expression, row.Name, StringComparison.OrdinalIgnoreCase)
        ? Html.Of($"{Name(row.Name)} <small>{expression}</small>")
        : Name(row.Name);

    private static Html Legend(SiteTask task)
    {
        var hasSeeds = task.Rows.Any(row => row.Networks > 1);
        var isTrainedOn = task.Sets.Any(set => set.Measures.Any(measure => task.Rows.Any(row => row.TrainedMeasures.Contains(measure.Name))));
        var best = Html.Of($"""<span class="mark" aria-hidden="true">●</span><strong>Bold with a filled dot</strong>: the best of its column.""");
        var trained = isTrainedOn ? Html.Of($"""<span class="mark" aria-hidden="true">†</span>Trained with this measure: a good value says little about the loss.""") : Html.Empty;
        return task.Sets.All(set => set.Images.Count < 2)
            ? Html.Of($"""<p class="legend">{best} {trained} These are results for one image: for another, the order may be different.</p>""")
            : Html.Of($"""
                <p class="legend">{best}
                <span class="mark" aria-hidden="true">○</span>Open dot: no other is significantly better. It does not mean that the losses are equal.
                {trained}
                The tests are paired, over images{(hasSeeds ? " and seeds" : "")}, at 5 %, with Holm's correction for all pairs and measures of a table ({Html.Listed(task.Sets.Select(set => Html.Of($"{set.Pairs.Count(pair => pair.Corrected is not null)}")))}).
                {(hasSeeds ? "± is the standard deviation over seeds. " : "")}The second line is the 95 % interval of the mean over images. Rows share the images, so these intervals do not say which row is better: the tests do.
                {(hasSeeds && task.Rows.Any(row => row.Networks == 1 && row.Steps is not null) ? "Where a loss has one seed, a difference can come from the seed." : "")}</p>
                """);
    }

    private static Html Plots(string part, IReadOnlyList<SitePlot> plots) => plots.Count == 0 ? Html.Empty : Html.Of($"""
        <div class="plots">
        {Html.Lines(plots.Select(plot => Html.Of($"""
            <figure>
            <a href="{plot.FileOf(part)}"><img loading="lazy" width="{plot.Width}" height="{plot.Height}" alt="{plot.Alternative}" src="{plot.FileOf(part)}"></a>
            <figcaption>{plot.Caption}</figcaption>
            </figure>
            """)))}
        </div>
        """);

    private static Html Cost(SiteTask task)
    {
        SiteRow[] trained = [.. task.Rows.Where(row => row.StepMilliseconds is not null)];
        if (trained.Length == 0)
            return Html.Empty;
        var unit = Math.Max(double.Epsilon, trained[0].StepMilliseconds!.Value);
        return Html.Of($"""
            {Table(
                $"{task.Title}: cost",
                "Loss",
                [("Time per step (ms)", Direction.Lower), ("Relative", Direction.Lower), ("Steps", Direction.None), ("One training (min)", Direction.Lower), ("Networks", Direction.None)],
                trained.Select(row => (Name(row.Name), (IEnumerable<Html>)
                [
                    Number(row.StepMilliseconds!.Value, "F1"), Number(row.StepMilliseconds.Value / unit, "F1"), Number(row.Steps ?? 0, "N0"), Number(row.StepMilliseconds.Value * (row.Steps ?? 0) / 60_000, "F1"),
                    Number(row.Networks, "F0"),
                ])))}
            <p class="legend">Relative to {Name(trained[0].Name)}. The median time of a step of the first seed's training{(task.Threads is { } threads ? $", on {Counted(threads, "thread", "threads")}" : "")}, without validations. Other work on the machine makes it longer.</p>
            """);
    }

    private static Html Repeat(IReadOnlyList<SiteCommands> all) => Html.Lines(all.Select(commands => Html.Of($"""
        <details class="repeat">
        <summary>{Name(commands.Title)}</summary>
        <div><pre class="commands" tabindex="0">{string.Join('\n', commands.Lines)}</pre></div>
        </details>
        """)));

    private static Html Problems(IReadOnlyList<SiteProblem> problems) => problems.Count == 0 ? Html.Empty : Html.Of($"""
        <ul class="problems">
        {Html.Lines(problems.Select(problem => Html.Of($"<li>{(problem.Subject is null ? Html.Empty : Html.Of($"<strong>{Name(problem.Subject)}</strong>: "))}{problem.Text}</li>")))}
        </ul>
        """);

    /// <summary>A table that the script lets readers sort. Its own element scrolls, so that the page never does.</summary>
    private static Html Table(string title, string first, IReadOnlyList<(string Title, Direction Better)> columns, IEnumerable<(Html Name, IEnumerable<Html> Cells)> rows) => Html.Of($"""
        <div class="scroll" role="group" aria-label="{title}" tabindex="0">
        <table class="results">
        <thead>
        <tr>
        <th scope="col">{first}</th>
        {Html.Lines(columns.Select(column => column.Better switch
    {
        Direction.Higher => Html.Of($"""<th scope="col" data-better="high">{column.Title} <span aria-hidden="true">↑</span><span class="visually-hidden">(higher is better)</span></th>"""),
        Direction.Lower => Html.Of($"""<th scope="col" data-better="low">{column.Title} <span aria-hidden="true">↓</span><span class="visually-hidden">(lower is better)</span></th>"""),
        _ => Html.Of($"""<th scope="col">{column.Title}</th>"""),
    }))}
        </tr>
        </thead>
        <tbody>
        {Html.Lines(rows.Select(row => Html.Of($"""<tr><th scope="row">{row.Name}</th>{Html.Join(row.Cells)}</tr>""")))}
        </tbody>
        </table>
        </div>
        """);

    private static Html Nothing => Html.Of($"""<td class="none">no result</td>""");

    private static Html Number(double value, string format) => Html.Of($"""<td data-value="{value}"><span class="mean">{value.ToString(format, CultureInfo.InvariantCulture)}</span></td>""");

    private static Html Value(double mean, double? deviation, Measure measure, bool isChosen)
    {
        var small = deviation is { } spread ? Html.Of($"<small>± {PlainNumber.Format(spread, measure.Format)}</small>") : Html.Empty;
        return Html.Of($"""<td data-value="{mean}"{Html.Finished(isChosen ? " class=\"best\"" : "")}><span class="mean">{PlainNumber.Format(mean, measure.Format)}</span>{small}</td>""");
    }

    private static (string Title, Direction Better) Column(Measure measure) => (measure.Heading.TrimEnd('↑', '↓', ' '), measure.Direction);

    private static Html Cell(ComparedValue value, Measure measure, SiteRow row)
    {
        var mark = value.Rank switch
        {
            ComparedRank.Best => Mark("●", "best"),
            ComparedRank.Tied => Mark("○", "no other is significantly better"),
            _ => Html.Empty,
        };
        var trained = row.TrainedMeasures.Contains(measure.Name) ? Mark("†", "trained with this measure") : Html.Empty;
        var spread = value.Spread is { } deviation ? Html.Of($"<small>± {deviation.ToString(measure.Format, CultureInfo.InvariantCulture)}</small>") : Html.Empty;
        var interval = value.Mean is { Low: { } low, High: { } high } ? Html.Of($"""<small class="interval">{Text(low)} to {Text(high)}</small>""") : Html.Empty;
        return Html.Of($"""<td data-value="{value.Mean.Value}"{Html.Finished(value.Rank == ComparedRank.Best ? " class=\"best\"" : "")}><span class="mean">{Text(value.Mean.Value)}</span>{spread}<span class="marks">{mark}{trained}</span>{interval}</td>""");

        string Text(double number) => PlainNumber.Format(number, measure.Format);

        static Html Mark(string sign, string words) => Html.Of($"""<span class="mark" aria-hidden="true">{sign}</span><span class="visually-hidden"> ({words})</span>""");
    }

    /// <summary>A name that a user chose. A name that is written from right to left does not change the order of the text around it.</summary>
    private static Html Name(string name) => Html.Of($"<bdi>{name}</bdi>");

    private static string Counted(int count, string one, string more) => string.Create(CultureInfo.InvariantCulture, $"{count} {(count == 1 ? one : more)}");

    /// <summary>The data of the viewer.</summary>
    private static object DataOf(SiteTask task) => new
    {
        task.Id,
        task.Title,
        Rows = task.Rows.Where(row => !row.IsInput).Select(row => new { row.Id, row.Name }),
        Measures = task.PictureMeasures.Select(measure => new { Id = SafeName.Of([measure.Name])[0], measure.Title }),
        Maps = task.Shown.SelectMany(picture => picture.Maps).DistinctBy(map => map.Id).Select(map => new { map.Id, map.Name }),
        Pictures = task.Shown.Select(picture => new
        {
            picture.Id,
            picture.Title,
            picture.Credit,
            picture.Width,
            picture.Height,
            picture.Crop,
            Folder = picture.FolderOf(task.Id),
            Reference = picture.Original,
            picture.Distorted,
            // The script makes the names of the files from those of the rows and maps: with many pictures, the names would be most of the page.
            Images = WithResult(task, picture.Restored),
            Maps = picture.Maps.ToDictionary(map => map.Id, map => MapOf(task, picture, map)),
            Scores = new OrderedDictionary<string, IReadOnlyList<string?>>(
                task.Rows.Zip(picture.Scores).Where(row => row.Second is not null && !row.First.IsInput).Select(row => KeyValuePair.Create(row.First.Id, row.Second!))),
            InputScores = InputScores(task, picture),
        }),
    };

    /// <summary>The data of a map. Without a list of rows it has those of the picture.</summary>
    private static object MapOf(SiteTask task, ShownPicture picture, ShownMaps map)
    {
        var rows = WithResult(task, map.Files).ToList();
        return new
        {
            map.Brightest,
            Rows = rows.SequenceEqual(WithResult(task, picture.Restored)) ? null : rows,
            HasInput = task.Rows.Zip(map.Files).Any(row => row.First.IsInput && row.Second is not null) ? true : (bool?)null,
        };
    }

    private static IEnumerable<string> WithResult(SiteTask task, IReadOnlyList<string?> files) => task.Rows.Zip(files).Where(row => row.Second is not null && !row.First.IsInput).Select(row => row.First.Id);
}
