using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Mdf.Evaluation;
using Mdf.Evaluation.Statistics;
using Mdf.Runtime;

namespace Mdf.Reports.Site;

/// <summary>The content of a page, in a file beside it. From it the page can be made again, and joined with others, when the folders of the trainings are gone.</summary>
internal static partial class SiteFile
{
    /// <summary>The name of the file.</summary>
    public const string Name = "site.json";

    private const int Version = 1;

    private const int LongestFile = 1 << 28;
    private const int LongestPlot = 1 << 24;
    private const int LargestSide = 1 << 16;
    private const int LongestName = 1000; // of a measure, which may be an expression
    private const int MostPlots = 1000;

    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        IndentSize = 1,
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        RespectRequiredConstructorParameters = true,
        RespectNullableAnnotations = true,
        AllowDuplicateProperties = false,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false), new MeasureConverter() },
    };

    /// <summary>Whether a folder has a page.</summary>
    /// <param name="folder">The folder.</param>
    public static bool IsIn(string folder) => File.Exists(Path.Combine(folder, Name));

    /// <summary>Writes the file. The names of the test images are not in it: a page shows only their number.</summary>
    /// <param name="folder">The folder of the page.</param>
    /// <param name="site">The content, with the files of its pictures.</param>
    public static void Write(string folder, SiteModel site)
    {
        site = site with { Tasks = [.. site.Tasks.Select(task => task with { Sets = [.. task.Sets.Select(set => set.WithoutNames())] })] };
        AtomicFile.Write(Path.Combine(folder, Name), JsonSerializer.Serialize(new Content(Version, site), s_json) + "\n");
    }

    /// <summary>Reads the file and the plots, and checks that all pictures are there.</summary>
    /// <param name="folder">The folder of the page.</param>
    /// <returns>The content. Its tasks and searches have this page as their source.</returns>
    /// <exception cref="InputException">The file is missing or is something else, a plot or picture is missing, or a plot is more than a drawing.</exception>
    public static SiteModel Read(string folder)
    {
        const string Mistake = "expected the content of a page, found something else: make the page again from its runs";
        var path = Require(folder, Name);
        // The version first: the content of another one has another form.
        if (JsonFile.Read<AnyVersion>(path, LongestFile, s_json, _ => true, Mistake).Version != Version)
            throw new InputException($"'{path}': expected version {Version} of the content of a page, found another one: use the version of the program that wrote it");
        var site = JsonFile.Read<Content>(path, LongestFile, s_json, content => IsUsable(content.Page), Mistake).Page;
        foreach (var file in site.Tasks.SelectMany(task => task.Shown.SelectMany(picture => picture.Files.Select(file => picture.FolderOf(task.Id) + file))))
            Require(folder, file);
        return site with
        {
            Tasks = [.. site.Tasks.Select(task => task with { Source = new SitePart(folder, task.Id), Plots = WithContent(task.Id, task.Plots) })],
            Searches = [.. site.Searches.Select(search => search with { Source = new SitePart(folder, search.Id), Plots = WithContent(search.Id, search.Plots) })],
        };

        IReadOnlyList<SitePlot> WithContent(string part, IReadOnlyList<SitePlot> plots) => [.. plots.Select(plot =>
        {
            var file = Require(folder, plot.FileOf(part));
            try
            {
                if (new FileInfo(file).Length > LongestPlot)
                    throw new InputException($"cannot read '{file}': it is too large for a plot");
                var content = File.ReadAllBytes(file);
                return SvgDrawing.IsSafe(content) || !plot.Name.EndsWith(".svg", StringComparison.Ordinal)
                    ? plot with { Content = content }
                    : throw new InputException($"cannot use '{file}': expected a drawing, found scripts, links, or no SVG; make the page again from its runs");
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new InputException($"cannot read '{file}': {e.Message}", e);
            }
        })];
    }

    /// <summary>Copies a file of a page.</summary>
    /// <param name="folder">The folder of the page.</param>
    /// <param name="name">The file, relative to it.</param>
    /// <param name="target">The new file.</param>
    /// <exception cref="InputException">The file is missing, or leads out of the folder.</exception>
    public static void Copy(string folder, string name, string target)
    {
        var file = Require(folder, name);
        AtomicFile.Write(target, stream =>
        {
            using var content = File.OpenRead(file);
            content.CopyTo(stream);
        });
    }

    // A link could show a private file on a page that is then published.
    private static string Require(string folder, string name)
    {
        var file = Path.Combine(folder, name);
        RegularFile.Require(file, "a file of a page");
        return RealPath.Comparer.Equals(RealPath.Resolve(file), Path.Combine(RealPath.Resolve(folder), name.Replace('/', Path.DirectorySeparatorChar)))
            ? file
            : throw new InputException($"cannot read '{file}': expected a file of a page, found a link; copy the file");
    }

    // The file is not trusted: no name may lead out of the folder, all lists have the expected lengths, and no text is a format that fails.
    private static bool IsUsable(SiteModel site) =>
        site.Tasks.Count + site.Searches.Count > 0 && All(site.Tasks, IsUsable) && All(site.Searches, IsUsable) && AreIds([.. site.Tasks.Select(task => task.Id), .. site.Searches.Select(search => search.Id)]);

    private static bool IsUsable(SiteTask task) =>
        All(task.Rows, row => All(row.TrainedMeasures, _ => true)) && AreIds(task.Rows.Select(row => row.Id))
        && All(task.Sets, set => IsUsable(set, task.Rows))
        && AreMeasures(task.PictureMeasures)
        && All(task.Shown, picture => IsUsable(picture, task.Rows)) && AreIds(task.Shown.Select(picture => picture.Id))
        && ArePlots(task.Plots)
        && All(task.Commands, commands => All(commands.Lines, _ => true))
        && All(task.Problems, _ => true);

    private static bool IsUsable(SetComparison set, IReadOnlyList<SiteRow> rows) =>
        AreMeasures(set.Measures) && All(set.Images, _ => true) && All(set.Notes, _ => true)
        && All(set.Rows, row => row.Values.Count == set.Measures.Count) && set.Rows.Select(row => row.Name).SequenceEqual(rows.Select(row => row.Name))
        && All(set.Pairs, pair => IsBelow(pair.First, rows.Count) && IsBelow(pair.Second, rows.Count) && IsBelow(pair.Measure, set.Measures.Count));

    // The script of the page makes the names of the files from those of the rows.
    private static bool IsUsable(ShownPicture picture, IReadOnlyList<SiteRow> rows)
    {
        return IsSide(picture.Width) && IsSide(picture.Height) && IsSide(picture.WholeWidth) && IsSide(picture.WholeHeight)
            && IsSide(picture.Crop.Width) && IsSide(picture.Crop.Height) && IsBelow(picture.Crop.X, picture.Width) && IsBelow(picture.Crop.Y, picture.Height)
            && picture.Original == ShownPicture.ReferenceFile && picture.Distorted == ShownPicture.InputFile
            && picture.Scores.Count == rows.Count && AreOf(picture.Restored, ShownPicture.FileOf)
            && All(picture.Maps, map => double.IsFinite(map.Brightest) && AreOf(map.Files, row => ShownMaps.FileOf(map.Id, row))) && AreIds(picture.Maps.Select(map => map.Id));

        bool AreOf(IReadOnlyList<string?> files, Func<SiteRow, string> expected) => files.Count == rows.Count && files.Zip(rows).All(entry => entry.First is null || entry.First == expected(entry.Second));
    }

    private static bool IsUsable(SiteSearch search) =>
        AreMeasures(search.Measures) && All(search.Settings, setting => setting.Values.Count == search.Measures.Count) && ArePlots(search.Plots) && All(search.Problems, _ => true);

    private static bool ArePlots(IReadOnlyList<SitePlot> plots) => plots.Count <= MostPlots && All(plots, plot => PlotName().IsMatch(plot.Name) && IsSide(plot.Width) && IsSide(plot.Height));

    private static bool AreMeasures(IReadOnlyList<Measure> measures) =>
        All(measures, measure => measure.Name.Length is > 0 and <= LongestName && !measure.Name.Any(char.IsControl) && NumberFormat().IsMatch(measure.Format))
        && SiteTables.HaveDifferentKeys(measures);

    private static bool AreIds(IEnumerable<string> ids) => ids.All(id => Id().IsMatch(id)) && ids.Distinct().Count() == ids.Count();

    private static bool IsBelow(int index, int count) => index >= 0 && index < count;

    private static bool IsSide(int pixels) => pixels is >= 1 and <= LargestSide;

    // The serializer does not check the elements of lists for null.
    private static bool All<T>(IReadOnlyList<T> list, Func<T, bool> isUsable) => list.All(element => element is not null && isUsable(element));

    // See SafeName.
    [GeneratedRegex(@"^[a-z0-9][a-z0-9-]{0,99}\z")]
    private static partial Regex Id();

    [GeneratedRegex(@"^[\p{L}\p{Nd}_.-]{1,400}\.(svg|png)\z")]
    private static partial Regex PlotName();

    [GeneratedRegex(@"^([EFNP][0-9]{0,2}|G([1-9]|1[0-5])?)\z")]
    private static partial Regex NumberFormat();

    private sealed record AnyVersion(int? Version);

    private sealed record Content(int Version, SiteModel Page);

    /// <summary>Writes of a measure what a page needs. It may be of a plugin, or of another version of the program.</summary>
    private sealed class MeasureConverter : JsonConverter<Measure>
    {
        public override Measure Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
        {
            var stored = JsonSerializer.Deserialize<Stored>(ref reader, options) ?? throw new JsonException();
            return new Measure(stored.Name, stored.Title, stored.Direction, stored.Format, stored.Meaning) { Unit = stored.Unit };
        }

        public override void Write(Utf8JsonWriter writer, Measure value, JsonSerializerOptions options) =>
            JsonSerializer.Serialize(writer, new Stored(value.Name, value.Title, value.Direction, value.Format, value.Meaning, value.Unit), options);

        private sealed record Stored(string Name, string Title, Direction Direction, string Format, string Meaning, string? Unit);
    }
}
