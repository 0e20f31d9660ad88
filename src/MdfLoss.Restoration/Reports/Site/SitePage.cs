using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using Mdf.Evaluation;
using Mdf.Evaluation.Statistics;
using Mdf.Runtime;

namespace Mdf.Reports.Site;

/// <summary>Writes the HTML of a site. <c>site.js</c> makes the viewer of the pictures from it, and <c>tests/site</c> tests both in a browser.</summary>
internal static class SitePage
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        // The default encoder writes "<" as an escape, so that no text can end the script element.
        Encoder = JavaScriptEncoder.Default,
    };

    /// <summary>Writes the page.</summary>
    /// <param name="site">The content.</param>
    /// <param name="pictures">The files of the pictures of each task.</param>
    /// <returns>The text of <c>index.html</c>.</returns>
    public static string Write(SiteModel site, IReadOnlyList<IReadOnlyList<ShownPicture>> pictures)
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
            {Html.Lines([.. site.Tasks.Zip(pictures, Task), .. site.Searches.Select(Search)])}
            </main>
            <footer>
            <p>Made by mdf {Training.TrainingProgram.CurrentVersion}. The page needs no server and no network; it can be copied with its folder.</p>
            </footer>
            </div>
            <script type="application/json" id="mdfData">{Html.Finished(JsonSerializer.Serialize(new { Tasks = site.Tasks.Zip(pictures, DataOf) }, s_json))}</script>
            </body>
            </html>

            """).ToString();
    }

    private static Html Task(SiteTask task, IReadOnlyList<ShownPicture> pictures) => Parts(task.Id, task.Title, task.Summary,
    [
        ("pictures", "Pictures", Pictures(task, pictures)),
        ("results", "Results", Results(task)),
        ("plots", "Plots", Plots(task.Id, task.Plots)),
        ("cost", "Cost", Cost(task)),
        ("repeat", "How to repeat it", Repeat(task)),
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
                search.Settings.Select(setting => (setting.Name, setting.Values.Zip(search.Measures, (value, measure) => value is var (mean, deviation) ? Value(mean, deviation, measure, setting.IsChosen) : Nothing).Append(Number(setting.Networks, "F0")))))}
            <p class="legend">Small type: the standard deviation over seeds. {(chosen ? "Bold: the setting that was chosen." : "")} All values are those of validation images, on which the settings were compared: the value of the best one is a little too good.</p>
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
    private static Html Pictures(SiteTask task, IReadOnlyList<ShownPicture> pictures) => pictures.Count == 0 ? Html.Empty : Html.Of($"""
        <div class="viewer" data-task="{task.Id}"></div>
        <details class="all-pictures" open>
        <summary>All pictures in a plain grid</summary>
        {Html.Lines(pictures.Select(picture => Html.Of($"""
            <article data-picture="{picture.Id}">
            <h4>{Name(picture.Title)} <small>{picture.Credit}</small></h4>
            <div class="figures">
            {Html.Lines([
                Figure(picture, picture.Original, "Reference", ""),
                Figure(picture, picture.Distorted, "Distorted input", ""),
                .. task.Rows.Select((row, r) => Figure(picture, picture.Restored[r], row.Name, picture.Scores[r]))])}
            </div>
            </article>
            """)))}
        </details>
        """);

    private static Html Figure(ShownPicture picture, string? file, string title, string? scores)
    {
        var image = file is null ? Html.Empty : Html.Of($"""<img loading="lazy" width="{picture.Width}" height="{picture.Height}" alt="{picture.Title}: {title}" src="{picture.Folder}{file}">""");
        return Html.Of($"<figure>{image}<figcaption>{Name(title)} <small>{(file is null ? "no result" : scores)}</small></figcaption></figure>");
    }

    private static Html Results(SiteTask task) => task.Sets.Count == 0 ? Html.Empty : Html.Of($"""
        {Html.Lines(task.Sets.Select(set => Html.Of($"""
            <h4>{Name(set.Set)} <small>{Counted(set.Images.Count, "image", "images")}{(set.Images.Count == 1 ? ": nothing was tested" : "")}</small></h4>
            {Table(
                $"{task.Title}: results on {set.Set}",
                "Loss",
                [.. set.Measures.Select(Column)],
                set.Rows.Select(row => (row.Name, row.Values.Select((value, m) => value is null ? Nothing : Cell(value, set.Measures[m])))))}
            """)))}
        {Legend(task)}
        """);

    private static Html Legend(SiteTask task)
    {
        var hasSeeds = task.Rows.Any(row => row.Networks > 1);
        var best = Html.Of($"""<span class="mark" aria-hidden="true">●</span><strong>Bold with a filled dot</strong>: the best of its column.""");
        return task.Sets.All(set => set.Images.Count < 2)
            ? Html.Of($"""<p class="legend">{best} These are results for one image: for another, the order may be different.</p>""")
            : Html.Of($"""
                <p class="legend">{best}
                <span class="mark" aria-hidden="true">○</span>Open dot: not significantly worse than the best, by a paired test over images{(hasSeeds ? " and seeds" : "")}, corrected for the number of all differences of the table (5 %).
                Small type: the 95 % interval of the mean over images{(hasSeeds ? ", and ± the standard deviation over seeds" : "")}.
                {(task.Rows.Any(row => row.Networks == 1 && row.Steps is not null) ? "With one seed, a difference is one between two networks, not between two losses." : "")}</p>
                """);
    }

    private static Html Plots(string part, IReadOnlyList<SitePlot> plots) => plots.Count == 0 ? Html.Empty : Html.Of($"""
        <div class="plots">
        {Html.Lines(plots.Select(plot => Html.Of($"""
            <figure>
            <img loading="lazy" width="{plot.Width}" height="{plot.Height}" alt="{plot.Alternative}" src="{plot.FileOf(part)}">
            <figcaption>{plot.Caption}</figcaption>
            </figure>
            """)))}
        </div>
        """);

    private static Html Cost(SiteTask task)
    {
        SiteRow[] trained = [.. task.Rows.Where(row => row.StepMilliseconds is not null)];
        return trained.Length == 0 ? Html.Empty : Table(
            $"{task.Title}: cost",
            "Loss",
            [("Time per step (ms)", Direction.Lower), ("Steps", Direction.None), ("One training (min)", Direction.Lower), ("Networks", Direction.None)],
            trained.Select(row => (row.Name, (IEnumerable<Html>)
            [
                Number(row.StepMilliseconds!.Value, "F1"), Number(row.Steps ?? 0, "N0"), Number(row.StepMilliseconds.Value * (row.Steps ?? 0) / 60_000, "F1"), Number(row.Networks, "F0"),
            ])));
    }

    private static Html Repeat(SiteTask task) => Html.Lines(task.Rows.Where(row => row.Commands.Count > 0).Select(row => Html.Of($"""
        <details class="repeat">
        <summary>{Name(row.Name)}</summary>
        <div><pre class="commands" tabindex="0">{string.Join('\n', row.Commands)}</pre></div>
        </details>
        """)));

    private static Html Problems(IReadOnlyList<SiteProblem> problems) => problems.Count == 0 ? Html.Empty : Html.Of($"""
        <ul class="problems">
        {Html.Lines(problems.Select(problem => Html.Of($"<li>{(problem.Subject is null ? Html.Empty : Html.Of($"<strong>{Name(problem.Subject)}</strong>: "))}{problem.Text}</li>")))}
        </ul>
        """);

    /// <summary>A table that the script lets readers sort. Its own element scrolls, so that the page never does.</summary>
    private static Html Table(string title, string first, IReadOnlyList<(string Title, Direction Better)> columns, IEnumerable<(string Name, IEnumerable<Html> Cells)> rows) => Html.Of($"""
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
        {Html.Lines(rows.Select(row => Html.Of($"""<tr><th scope="row">{Name(row.Name)}</th>{Html.Join(row.Cells)}</tr>""")))}
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

    private static Html Cell(ComparedValue value, Measure measure)
    {
        var (sign, words) = value.Rank switch
        {
            ComparedRank.Best => ("●", "best"),
            ComparedRank.Tied => ("○", "not significantly worse than the best"),
            _ => ("", ""),
        };
        var mark = sign.Length == 0 ? Html.Empty : Html.Of($"""<span class="mark" aria-hidden="true">{sign}</span><span class="visually-hidden"> ({words})</span>""");
        var interval = value.Mean is { Low: { } low, High: { } high } ? $"{Text(low)} – {Text(high)}" : "";
        var spread = value.Spread is { } deviation ? $" ± {deviation.ToString(measure.Format, CultureInfo.InvariantCulture)}" : "";
        var small = interval.Length + spread.Length == 0 ? Html.Empty : Html.Of($"<small>{interval}{spread}</small>");
        return Html.Of($"""<td data-value="{value.Mean.Value}"{Html.Finished(value.Rank == ComparedRank.Best ? " class=\"best\"" : "")}><span class="mean">{Text(value.Mean.Value)}</span>{small}{mark}</td>""");

        string Text(double number) => PlainNumber.Format(number, measure.Format);
    }

    /// <summary>A name that a user chose. A name that is written from right to left does not change the order of the text around it.</summary>
    private static Html Name(string name) => Html.Of($"<bdi>{name}</bdi>");

    private static string Counted(int count, string one, string more) => string.Create(CultureInfo.InvariantCulture, $"{count} {(count == 1 ? one : more)}");

    /// <summary>The data of the viewer.</summary>
    private static object DataOf(SiteTask task, IReadOnlyList<ShownPicture> pictures) => new
    {
        task.Id,
        task.Title,
        Rows = task.Rows.Select(row => new { row.Id, row.Name }),
        Maps = pictures.SelectMany(picture => picture.Maps).DistinctBy(map => map.Id).Select(map => new { map.Id, map.Name }),
        Pictures = pictures.Select(picture => new
        {
            picture.Id,
            picture.Title,
            picture.Credit,
            picture.Width,
            picture.Height,
            picture.Crop,
            picture.Folder,
            Reference = picture.Original,
            picture.Distorted,
            // The script makes the names of the files from those of the rows and maps: with many pictures, the names would be most of the page.
            Images = WithResult(task, picture.Restored),
            Maps = picture.Maps.ToDictionary(map => map.Id, map => WithResult(task, map.Files)),
            Scores = new OrderedDictionary<string, string>(
                task.Rows.Zip(picture.Scores).Where(row => row.Second is not null).Select(row => KeyValuePair.Create(row.First.Id, row.Second!))),
        }),
    };

    private static IEnumerable<string> WithResult(SiteTask task, IReadOnlyList<string?> files) => task.Rows.Zip(files).Where(row => row.Second is not null).Select(row => row.First.Id);
}
