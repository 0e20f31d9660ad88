using System.Globalization;
using System.Text.Json.Serialization;

namespace Mdf.Evaluation.Statistics;

/// <summary>The value of one row in one measure.</summary>
/// <param name="Mean">The mean over images and seeds, with its 95 % interval over images.</param>
/// <param name="Spread">The standard deviation over seeds of the means over images, with n − 1; null for fewer than two seeds.</param>
/// <param name="Rank">Its place among the rows.</param>
internal sealed record ComparedValue(Estimate Mean, double? Spread, ComparedRank Rank);

/// <summary>The place of a value among the rows.</summary>
internal enum ComparedRank
{
    /// <summary>It could not be tested against the best, or the measure has no better and worse values.</summary>
    Untested,

    /// <summary>No row has a better mean.</summary>
    Best,

    /// <summary>No row is significantly better.</summary>
    Tied,

    /// <summary>Some row is significantly better: the best, or another one, as the best may differ more from seed to seed.</summary>
    Worse,
}

/// <summary>One row: a loss, or another restorer.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Seeds">The number of networks; 1 for another restorer.</param>
/// <param name="Values">One value for each measure; null if there is no result.</param>
internal sealed record ComparedRow(string Name, int Seeds, IReadOnlyList<ComparedValue?> Values);

/// <summary>The difference between two rows in one measure.</summary>
/// <param name="First">The index of the first row.</param>
/// <param name="Second">The index of the second row.</param>
/// <param name="Measure">The index of the measure.</param>
/// <param name="Difference">The difference.</param>
/// <param name="Corrected">The p-value, corrected for the number of all differences of the set; null if there is none.</param>
internal sealed record ComparedPair(int First, int Second, int Measure, PairedDifference Difference, double? Corrected)
{
    /// <summary>Whether the difference is significant at 5 %. Null if it could not be tested.</summary>
    public bool? IsSignificant => Corrected is { } p ? p < SetComparison.Level : null;
}

/// <summary>Compares losses, and other restorers, on one test set: means with intervals, and paired tests of all differences, corrected for their number.</summary>
internal sealed class SetComparison
{
    /// <summary>The probability that any difference is called significant if there is none.</summary>
    public const double Level = 0.05;

    [JsonConstructor]
    private SetComparison(string set, IReadOnlyList<Measure> measures, IReadOnlyList<string> images, IReadOnlyList<ComparedRow> rows, IReadOnlyList<ComparedPair> pairs, IReadOnlyList<string> notes) =>
        (Set, Measures, Images, Rows, Pairs, Notes) = (set, measures, images, rows, pairs, notes);

    /// <summary>The name of the set.</summary>
    public string Set { get; }

    /// <summary>The measures that some row has.</summary>
    public IReadOnlyList<Measure> Measures { get; }

    /// <summary>The images that all rows have. Only these are compared.</summary>
    public IReadOnlyList<string> Images { get; }

    /// <summary>The rows, in the order in which they were given. A row without results has no values.</summary>
    public IReadOnlyList<ComparedRow> Rows { get; }

    /// <summary>The differences between all pairs of rows in all measures that have better and worse values.</summary>
    public IReadOnlyList<ComparedPair> Pairs { get; }

    /// <summary>What could not be compared, one line each.</summary>
    public IReadOnlyList<string> Notes { get; }

    /// <summary>The same with numbers in the place of the names of the images, which may be private.</summary>
    public SetComparison WithoutNames() => new(Set, Measures, [.. Images.Select((_, i) => (i + 1).ToString(CultureInfo.InvariantCulture))], Rows, Pairs, Notes);

    /// <summary>Compares.</summary>
    /// <param name="set">The name of the set.</param>
    /// <param name="measures">The measures, in the order of the columns.</param>
    /// <param name="rows">The name of each row, and the scores of its networks, one for each seed; none for a row without results.</param>
    /// <param name="resamples">The number of resamples for an interval.</param>
    public static SetComparison Of(
        string set, IReadOnlyList<Measure> measures, IReadOnlyList<(string Name, IReadOnlyList<NetworkScores> Networks)> rows, int resamples = MeanInterval.Resamples)
    {
        ArgumentNullException.ThrowIfNull(measures);
        ArgumentNullException.ThrowIfNull(rows);
        var notes = new List<string>();
        var found = rows.Select(row => (row.Name, Networks: (IReadOnlyList<Result>)[.. row.Networks
            .Select(network => (network.Seed, Set: network.Sets.FirstOrDefault(scores => scores.Name == set)))
            .Where(network => network.Set is { Images.Count: > 0 })
            .Select(network => new Result(network.Seed, network.Set!))])).ToArray();
        RequireOneProtocol(set, found, notes);
        var images = CommonImages(set, found, notes);
        foreach (var (row, given) in found.Zip(rows))
        {
            if (row.Networks.Count < given.Networks.Count)
                notes.Add(string.Create(CultureInfo.InvariantCulture, $"{row.Name}: {row.Networks.Count} of {given.Networks.Count} networks have results for {set} that can be compared"));
        }

        Measure[] known = [.. measures.Where(measure => found.Any(row => row.Networks.Any(network => images.Any(image => network[image, measure] is not null))))];
        var tables = known.Select(measure => TableOf(measure, found, images)).ToArray();
        var differences = known.SelectMany((measure, m) => measure.Direction == Direction.None ? [] : Differences(tables[m], m)).ToArray();
        var corrected = HolmCorrection.Adjust([.. differences.Select(pair => pair.Difference.PValue)]);
        ComparedPair[] pairs = [.. differences.Zip(corrected, (pair, p) => pair with { Corrected = p })];
        var values = known.Select((measure, m) => ValuesOf(measure, m, tables[m], pairs, resamples)).ToArray();
        return new SetComparison(
            set, known, images,
            [.. found.Select((row, r) => new ComparedRow(row.Name, row.Networks.Count, [.. values.Select(column => column[r])]))],
            pairs, notes);
    }

    /// <summary>Removes the results by other rules than those of most.</summary>
    private static void RequireOneProtocol(string set, (string Name, IReadOnlyList<Result> Networks)[] rows, List<string> notes)
    {
        if (rows.SelectMany(row => row.Networks).GroupBy(network => network.Scores.Protocol).OrderByDescending(group => group.Count()).FirstOrDefault()?.Key is not { } usual)
            return;
        for (var r = 0; r < rows.Length; r++)
        {
            var other = rows[r].Networks.FirstOrDefault(network => network.Scores.Protocol != usual);
            if (other is null)
                continue;
            notes.Add($"{rows[r].Name}: its scores for {set} are left out, because they were measured by other rules ({other.Scores.Protocol}; the others: {usual})");
            rows[r].Networks = [.. rows[r].Networks.Where(network => network.Scores.Protocol == usual)];
        }
    }

    /// <summary>The images that all networks have. If there is none, those of most networks, and the others are removed.</summary>
    private static string[] CommonImages(string set, (string Name, IReadOnlyList<Result> Networks)[] rows, List<string> notes)
    {
        Result[] all = [.. rows.SelectMany(row => row.Networks)];
        if (all.Length == 0)
            return [];
        var largest = all.Max(network => network.Scores.Images.Count);
        string[] common = [.. all[0].Images.Where(image => all.All(network => network.Has(image)))];
        if (common.Length == 0)
        {
            common = [.. all.GroupBy(network => string.Join('\n', network.Images)).MaxBy(group => group.Count())!.First().Images];
            for (var r = 0; r < rows.Length; r++)
            {
                if (rows[r].Networks.All(network => common.All(network.Has)))
                    continue;
                notes.Add($"{rows[r].Name}: its scores for {set} are left out, because they are of other images");
                rows[r].Networks = [.. rows[r].Networks.Where(network => common.All(network.Has))];
            }
        }
        else if (common.Length < largest)
        {
            notes.Add(string.Create(CultureInfo.InvariantCulture, $"{set}: compared on the {common.Length} images that all have; some have {largest}"));
        }

        return common;
    }

    /// <summary>The scores of all rows in one measure, on the images that have a value in every row that has any.</summary>
    private static IReadOnlyList<Row> TableOf(Measure measure, (string Name, IReadOnlyList<Result> Networks)[] rows, IReadOnlyList<string> images)
    {
        Result[][] with = [.. rows.Select(row => row.Networks.Where(network => images.Any(image => network[image, measure] is not null)).ToArray())];
        string[] defined = [.. images.Where(image => with.All(row => row.All(network => network[image, measure] is not null)))];
        return [.. with.Select(row => defined.Length == 0
            ? new Row([], [])
            : new Row([.. row.Select(network => network.Seed)], [.. row.Select(network => defined.Select(image => network[image, measure]!.Value).ToArray())]))];
    }

    private static IEnumerable<ComparedPair> Differences(IReadOnlyList<Row> rows, int measure)
    {
        // Of the rows that have the seeds that most have.
        var trained = rows.Where(row => row.Seeds.Count > 1).GroupBy(row => string.Join(',', row.Seeds)).MaxBy(group => group.Count());
        var variance = trained is null ? null : SeedVariance.Of([.. trained.Select(row => row.Scores.Select(network => network.Average()).ToArray())]);
        for (var first = 0; first < rows.Count; first++)
        {
            for (var second = first + 1; second < rows.Count; second++)
            {
                if (rows[first].Scores.Count == 0 || rows[second].Scores.Count == 0)
                    continue;
                var (a, b) = Row.Pair(rows[first], rows[second]);
                var count = (rows[first].IsTrained ? 1 : 0) + (rows[second].IsTrained ? 1 : 0);
                var difference = PairedDifference.Of(a, b, variance, count);
                // Seeds matter here, and neither these two losses nor all together say how much.
                if (trained is not null && variance is null && count > 0 && difference.Seeds < 2)
                    difference = difference with { PValue = null };
                yield return new ComparedPair(first, second, measure, difference, null);
            }
        }
    }

    private static ComparedValue?[] ValuesOf(Measure measure, int m, IReadOnlyList<Row> rows, ComparedPair[] pairs, int resamples)
    {
        var means = rows.Select(row => row.Scores.Count == 0 ? null : MeanInterval.Of(row.MeansOfImages(), resamples)).ToArray();
        var sign = measure.Direction == Direction.Lower ? -1 : 1;
        var best = means.Where(mean => mean is not null).Select(mean => sign * mean!.Value).DefaultIfEmpty().Max();
        var bestRow = measure.Direction == Direction.None ? -1 : Array.FindIndex(means, mean => mean is not null && sign * mean.Value == best);
        return [.. rows.Select((row, r) => means[r] is not { } mean ? null : new ComparedValue(mean, row.Spread(), RankOf(r, sign * mean.Value == best)))];

        ComparedRank RankOf(int row, bool isBest)
        {
            if (bestRow < 0)
                return ComparedRank.Untested;
            if (isBest)
                return ComparedRank.Best;
            var others = pairs.Where(pair => pair.Measure == m && (pair.First == row || pair.Second == row)).ToList();
            // The means of the table are over all seeds, those of the test over the common ones.
            if (others.Exists(pair => pair.IsSignificant == true && sign * pair.Difference.Mean * (pair.First == row ? 1 : -1) < 0))
                return ComparedRank.Worse;
            return others.Find(pair => pair.First == bestRow || pair.Second == bestRow)!.IsSignificant is null ? ComparedRank.Untested : ComparedRank.Tied;
        }
    }

    /// <summary>The scores of one network.</summary>
    private sealed class Result(long? seed, SetScores scores)
    {
        private readonly Dictionary<string, IReadOnlyDictionary<string, double?>> _byImage = scores.Images.ToDictionary(image => image.Name, image => image.Scores, StringComparer.Ordinal);

        public long? Seed => seed;

        public SetScores Scores => scores;

        public IEnumerable<string> Images => scores.Images.Select(image => image.Name);

        public double? this[string image, Measure measure] => _byImage.GetValueOrDefault(image)?.GetValueOrDefault(measure.Name);

        public bool Has(string image) => _byImage.ContainsKey(image);
    }

    /// <summary>The scores of one row in one measure: for each network, one value for each image.</summary>
    private sealed record Row(IReadOnlyList<long?> Seeds, IReadOnlyList<double[]> Scores)
    {
        /// <summary>Whether the row has networks that were trained with a seed.</summary>
        public bool IsTrained => Seeds is not [null];

        public double[] MeansOfImages() => [.. Scores[0].Select((_, image) => Scores.Average(network => network[image]))];

        public double? Spread()
        {
            if (Scores.Count < 2)
                return null;
            double[] means = [.. Scores.Select(network => network.Average())];
            var mean = means.Average();
            return Math.Sqrt(means.Sum(value => (value - mean) * (value - mean)) / (means.Length - 1));
        }

        /// <summary>
        /// The networks to compare: those of the seeds that both rows have. A restorer without seeds is compared with every network. Without a common seed, the first networks are
        /// compared.
        /// </summary>
        public static (IReadOnlyList<double[]> First, IReadOnlyList<double[]> Second) Pair(Row first, Row second)
        {
            if (first.Seeds is [null])
                return ([.. second.Scores.Select(_ => first.Scores[0])], second.Scores);
            if (second.Seeds is [null])
                return (first.Scores, [.. first.Scores.Select(_ => second.Scores[0])]);
            (double[], double[])[] common = [.. first.Seeds.Select((seed, i) => (i, Other: second.Seeds.ToList().IndexOf(seed))).Where(pair => pair.Other >= 0).Select(pair => (first.Scores[pair.i], second.Scores[pair.Other]))];
            return common.Length == 0 ? ([first.Scores[0]], [second.Scores[0]]) : ([.. common.Select(pair => pair.Item1)], [.. common.Select(pair => pair.Item2)]);
        }
    }
}
