using System.Globalization;
using Mdf.Evaluation;
using Mdf.Evaluation.Statistics;
using Mdf.Runtime;

namespace Mdf.Reports.Site;

/// <summary>The tables beside a page: for programs with all numbers, for documents with the means.</summary>
internal static class SiteTables
{
    private const string LossKey = "loss";
    private const string NetworksKey = "networks";

    /// <summary>The folder of the tables, relative to the page.</summary>
    public const string Folder = "tables";

    /// <summary>The endings of the files of a test set, and their names for people. No name of a set has a dot, so no two files have one name.</summary>
    public static IReadOnlyList<(string Extension, string Title)> Formats { get; } = [(".csv", "CSV"), (".json", "JSON"), (".md", "Markdown"), (".tex", "LaTeX"), (".pairs.csv", "all pairs (CSV)")];

    /// <summary>The files of a task, one for each test set, without endings, relative to <see cref="Folder"/>.</summary>
    /// <param name="task">The task.</param>
    public static IEnumerable<string> NamesOf(SiteTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        return SafeName.Of(task.Sets.Select(set => set.Set)).Select(name => $"{task.Id}/{name}");
    }

    /// <summary>Whether no two columns of the files for programs have the same key.</summary>
    /// <param name="measures">The measures.</param>
    public static bool HaveDifferentKeys(IReadOnlyList<Measure> measures)
    {
        string[] keys = [LossKey, NetworksKey, .. measures.SelectMany(measure => KeysOf(measure.Name))];
        return keys.Distinct().Count() == keys.Length;
    }

    // The keys of the columns of a measure in the files for programs.
    private static string[] KeysOf(string measure) => [measure, $"{measure}_low", $"{measure}_high", $"{measure}_sd", $"{measure}_best"];

    /// <summary>Writes the files of a task.</summary>
    /// <param name="folder">The folder of the page.</param>
    /// <param name="task">The task.</param>
    public static void Write(string folder, SiteTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        foreach (var (set, name) in task.Sets.Zip(NamesOf(task)))
        {
            foreach (var (extension, _) in Formats)
            {
                var table = extension switch { ".csv" or ".json" => AllOf(task, set), ".md" or ".tex" => SummaryOf(task, set), _ => PairsOf(task, set) };
                table.Save(Path.Combine(folder, Folder, name + extension));
            }
        }
    }

    /// <summary>The table of one test set for people: a mean in each cell, with the standard deviation over seeds. The best of a column is bold.</summary>
    private static ResultTable SummaryOf(SiteTask task, SetComparison set)
    {
        var isTrainedOn = task.Rows.Any(row => set.Measures.Any(measure => row.TrainedMeasures.Contains(measure.Name)));
        var isTested = set.Rows.Any(row => row.Values.Any(value => value?.Rank is ComparedRank.Tied or ComparedRank.Worse));
        return new ResultTable(
            string.Create(CultureInfo.InvariantCulture, $"{task.Title}: {set.Set}, {set.Images.Count} images{(set.Rows.Any(row => row.Seeds > 1) ? "; ± over seeds" : "")}{(isTested ? "; ○ no other is significantly better" : "")}{(isTrainedOn ? "; † trained with this measure" : "")}"),
            [new ResultColumn(LossKey), .. set.Measures.Select(measure => new ResultColumn(measure.Heading, null, Alignment.Right) { Key = measure.Name })],
            set.Rows.Zip(task.Rows, (values, row) => values.Values.Select((value, m) => value is null ? null : (object?)Cell(value, set.Measures[m], row)).Prepend(row.Name)))
        {
            Bold = set.Rows.SelectMany((row, r) => row.Values.Select((value, m) => (value, r, m))).Where(entry => entry.value?.Rank == ComparedRank.Best).Select(entry => (entry.r, entry.m + 1)).ToHashSet(),
        };

        static string Cell(ComparedValue value, Measure measure, SiteRow row) =>
            PlainNumber.Format(value.Mean.Value, measure.Format)
                + (value.Spread is { } spread ? $" ± {spread.ToString(measure.Format, CultureInfo.InvariantCulture)}" : "")
                + (value.Rank == ComparedRank.Tied ? " ○" : "")
                + (row.TrainedMeasures.Contains(measure.Name) ? " †" : "");
    }

    /// <summary>The table of one test set with all numbers, for programs.</summary>
    private static ResultTable AllOf(SiteTask task, SetComparison set)
    {
        return new ResultTable(
            string.Create(CultureInfo.InvariantCulture, $"{task.Title}: {set.Set}, {set.Images.Count} images"),
            [
                new ResultColumn(LossKey), ResultColumn.Number(NetworksKey, "D"),
                .. set.Measures.SelectMany(measure => new[]
                {
                    ResultColumn.Of(measure),
                    Column(measure, 1, "95 % from"),
                    Column(measure, 2, "to"),
                    Column(measure, 3, "± seeds"),
                    new ResultColumn($"{measure.Title}: best") { Key = KeysOf(measure.Name)[4] },
                }),
            ],
            set.Rows.Select(row => (IEnumerable<object?>)
            [
                row.Name, row.Seeds, .. row.Values.SelectMany(value => value is null ? new object?[5] :
                    [value.Mean.Value, value.Mean.Low, value.Mean.High, value.Spread, value.Rank == ComparedRank.Untested ? null : value.Rank.ToString().ToLowerInvariant()]),
            ]));

        static ResultColumn Column(Measure measure, int key, string title) => new($"{measure.Title} {title}", measure.Format, Alignment.Right) { Key = KeysOf(measure.Name)[key] };
    }

    /// <summary>The table of the differences between all pairs of losses on one test set, for files.</summary>
    private static ResultTable PairsOf(SiteTask task, SetComparison set) => new(
            $"{task.Title}: {set.Set}, differences of pairs, and their p-values, corrected for their number (Holm)",
            [
                new ResultColumn("measure"), new ResultColumn("first"), new ResultColumn("second"), ResultColumn.Number("first − second", "G4") with { Key = "difference" },
                ResultColumn.Number("p", "G3"), ResultColumn.Number("p corrected", "G3") with { Key = "p_corrected" }, ResultColumn.Number("images", "D"), ResultColumn.Number("seeds", "D"),
            ],
            set.Pairs.Select(pair => (IEnumerable<object?>)
            [
                set.Measures[pair.Measure].Name, set.Rows[pair.First].Name, set.Rows[pair.Second].Name, pair.Difference.Mean, pair.Difference.PValue, pair.Corrected, pair.Difference.Images, pair.Difference.Seeds,
            ]));
}
