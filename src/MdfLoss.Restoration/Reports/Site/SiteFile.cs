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
    private const int LongestPlot = 1 << 26;
    private const int LargestSide = 1 << 16;

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

    /// <summary>Writes the file.</summary>
    /// <param name="folder">The folder of the page.</param>
    /// <param name="site">The content, with the files of its pictures.</param>
    public static void Write(string folder, SiteModel site) => AtomicFile.Write(Path.Combine(folder, Name), JsonSerializer.Serialize(new Content(Version, site), s_json) + "\n");

    /// <summary>Reads the file, and the plots.</summary>
    /// <param name="folder">The folder of the page.</param>
    /// <returns>The content. Its tasks and searches have this page as their source.</returns>
    /// <exception cref="InputException">The file is missing or is something else, or a plot is missing.</exception>
    public static SiteModel Read(string folder)
    {
        var path = Path.Combine(folder, Name);
        var site = JsonFile.Read<Content>(path, LongestFile, s_json, content => content.Version != Version || IsUsable(content.Page), "expected the content of a page, found something else: make the page again from its runs") is { Version: Version } content
            ? content.Page
            : throw new InputException($"'{path}': expected version {Version} of the content of a page, found another one: use the version of the program that wrote it");
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
                return new FileInfo(file).Length <= LongestPlot ? plot with { Content = File.ReadAllBytes(file) } : throw new InputException($"cannot read '{file}': it is too large for a plot");
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
        All(site.Tasks, IsUsable) && All(site.Searches, IsUsable) && AreIds([.. site.Tasks.Select(task => task.Id), .. site.Searches.Select(search => search.Id)]);

    private static bool IsUsable(SiteTask task) =>
        All(task.Rows, row => All(row.TrainedMeasures, _ => true)) && AreIds(task.Rows.Select(row => row.Id))
        && All(task.Sets, set => IsUsable(set, task.Rows.Count))
        && AreMeasures(task.PictureMeasures)
        && All(task.Shown, picture => IsUsable(picture, task.Rows.Count)) && AreIds(task.Shown.Select(picture => picture.Id))
        && ArePlots(task.Plots)
        && All(task.Commands, commands => All(commands.Lines, _ => true))
        && All(task.Problems, _ => true);

    private static bool IsUsable(SetComparison set, int rows) =>
        AreMeasures(set.Measures) && All(set.Images, _ => true) && All(set.Notes, _ => true)
        && All(set.Rows, row => row.Values.Count == set.Measures.Count) && set.Rows.Count == rows
        && All(set.Pairs, pair => IsBelow(pair.First, rows) && IsBelow(pair.Second, rows) && IsBelow(pair.Measure, set.Measures.Count));

    private static bool IsUsable(ShownPicture picture, int rows) =>
        IsSide(picture.Width) && IsSide(picture.Height) && IsSide(picture.WholeWidth) && IsSide(picture.WholeHeight)
        && IsSide(picture.Crop.Width) && IsSide(picture.Crop.Height) && IsBelow(picture.Crop.X, picture.Width) && IsBelow(picture.Crop.Y, picture.Height)
        && picture.Restored.Count == rows && picture.Scores.Count == rows
        && All(picture.Maps, map => map.Files.Count == rows) && AreIds(picture.Maps.Select(map => map.Id))
        && picture.Files.All(file => PictureName().IsMatch(file));

    private static bool IsUsable(SiteSearch search) =>
        AreMeasures(search.Measures) && All(search.Settings, setting => setting.Values.Count == search.Measures.Count) && ArePlots(search.Plots) && All(search.Problems, _ => true);

    private static bool ArePlots(IReadOnlyList<SitePlot> plots) => All(plots, plot => PlotName().IsMatch(plot.Name) && IsSide(plot.Width) && IsSide(plot.Height));

    // The names are headings of tables, together with others that are made from them.
    private static bool AreMeasures(IReadOnlyList<Measure> measures) =>
        All(measures, measure => MeasureName().IsMatch(measure.Name) && NumberFormat().IsMatch(measure.Format))
        && measures.SelectMany(measure => SiteTables.KeysOf(measure.Name)).GroupBy(key => key).All(group => group.Count() == 1);

    private static bool AreIds(IEnumerable<string> ids) => ids.All(id => Id().IsMatch(id)) && ids.Distinct().Count() == ids.Count();

    private static bool IsBelow(int index, int count) => index >= 0 && index < count;

    private static bool IsSide(int pixels) => pixels is >= 1 and <= LargestSide;

    // The serializer does not check the elements of lists for null.
    private static bool All<T>(IReadOnlyList<T> list, Func<T, bool> isUsable) => list.All(element => element is not null && isUsable(element));

    // See SafeName.
    [GeneratedRegex("^[a-z0-9][a-z0-9-]{0,99}$")]
    private static partial Regex Id();

    [GeneratedRegex(@"^[a-z0-9][a-z0-9-]{0,99}(/[a-z0-9][a-z0-9-]{0,99})?\.webp$")]
    private static partial Regex PictureName();

    [GeneratedRegex(@"^[A-Za-z0-9_][A-Za-z0-9_-]{0,99}\.(svg|png)$")]
    private static partial Regex PlotName();

    [GeneratedRegex("^[A-Za-z0-9_.:-]{1,100}$")]
    private static partial Regex MeasureName();

    [GeneratedRegex("^[EFGNP][0-9]{0,2}$")]
    private static partial Regex NumberFormat();

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
