using Mdf.Evaluation;
using Mdf.Evaluation.Statistics;

namespace Mdf.Tests.Evaluation.Statistics;

public sealed class SetComparisonTests
{
    private static readonly Measure[] s_measures = [.. Measures.Parse([Measures.PsnrY, "flip"])];

    [Fact]
    public void The_best_row_follows_the_direction_of_the_measure()
    {
        var comparison = SetComparison.Of("Set14", s_measures, [Row("low", 1, (30, 0.2), (31, 0.3), (29, 0.1)), Row("high", 1, (32.01, 0.25), (33, 0.35), (31, 0.151))]);
        Assert.Equal(["low", "high"], comparison.Rows.Select(row => row.Name));
        Assert.Equal(30, comparison.Rows[0].Values[0]!.Mean.Value, 1e-12);
        Assert.Equal([ComparedRank.Worse, ComparedRank.Best], comparison.Rows.Select(row => row.Values[0]!.Rank));
        Assert.Equal([ComparedRank.Best, ComparedRank.Worse], comparison.Rows.Select(row => row.Values[1]!.Rank));
        Assert.Empty(comparison.Notes);
    }

    /// <summary>The best row can be the one that varies most. A row that is clearly behind the second one is then not as good as any.</summary>
    [Fact]
    public void A_row_that_any_other_beats_has_no_tie_with_the_best()
    {
        (double, double)[] Images(Func<int, double> change) => [.. Enumerable.Range(0, 12).Select(image => (30 + image % 5 + change(image), 0.2 + 0.001 * image))];
        var comparison = SetComparison.Of("Set14", s_measures,
        [
            Row("varies", 1, Images(image => 0.02 + (image % 2 == 0 ? 1 : -1))),
            Row("second", 1, Images(_ => 0)),
            Row("third", 1, Images(image => -0.1 - 0.001 * (image % 3))),
        ]);
        Assert.Equal([ComparedRank.Best, ComparedRank.Tied, ComparedRank.Worse], comparison.Rows.Select(row => row.Values[0]!.Rank));
        Assert.Equal([false, false, true], comparison.Pairs.Where(pair => pair.Measure == 0).Select(pair => pair.IsSignificant!.Value));
    }

    [Fact]
    public void The_spread_is_that_of_the_means_of_the_seeds()
    {
        var comparison = SetComparison.Of("Set14", s_measures, [("L1", [Network(1, (30, 0.2), (32, 0.2)), Network(2, (31, 0.2), (35, 0.2))]), Row("one", 1, (30, 0.2), (32, 0.2))]);
        Assert.Equal(Math.Sqrt(2), comparison.Rows[0].Values[0]!.Spread!.Value, 1e-12); // of 31 and 33
        Assert.Null(comparison.Rows[1].Values[0]!.Spread);
        Assert.Equal(2, comparison.Rows[0].Seeds);
    }

    [Fact]
    public void Rows_without_results_and_rows_by_other_rules_are_named_and_left_out()
    {
        var other = Network(1, (1, 1), (2, 2)) with { Sets = [Set("other rules", (1, 1), (2, 2))] };
        var comparison = SetComparison.Of("Set14", s_measures, [Row("L1", 1, (30, 0.2), (32, 0.3)), ("failed", []), ("missing", [Network(1) with { Sets = [] }]), ("other", [other]), Row("L2", 1, (31, 0.2), (32, 0.3))]);
        Assert.Equal([true, false, false, false, true], comparison.Rows.Select(row => row.Values[0] is not null));
        Assert.Contains(comparison.Notes, note => note.StartsWith("missing: 0 of 1 networks have results for Set14", StringComparison.Ordinal));
        Assert.Contains(comparison.Notes, note => note.StartsWith("other: its scores for Set14 are left out", StringComparison.Ordinal));
        Assert.DoesNotContain(comparison.Notes, note => note.StartsWith("failed", StringComparison.Ordinal)); // the caller knows more
        Assert.All(comparison.Pairs, pair => Assert.Equal((0, 4), (pair.First, pair.Second)));
    }

    [Fact]
    public void Only_images_that_all_have_are_compared()
    {
        var comparison = SetComparison.Of("Set14", s_measures, [Row("L1", 1, (30, 0.2), (32, 0.3), (90, 0)), Row("L2", 1, (31, 0.2), (32, 0.3))]);
        Assert.Equal(["image0", "image1"], comparison.Images);
        Assert.Equal(31, comparison.Rows[0].Values[0]!.Mean.Value, 1e-12);
        Assert.Contains("compared on the 2 images that all have; some have 3", Assert.Single(comparison.Notes), StringComparison.Ordinal);
    }

    [Fact]
    public void A_restorer_without_seeds_is_compared_with_every_network()
    {
        var bicubic = Network(null, (29, 0.2), (31, 0.3));
        var comparison = SetComparison.Of("Set14", s_measures, [("L1", [Network(1, (30, 0.2), (32.2, 0.3)), Network(2, (30.1, 0.2), (32.2, 0.3))]), ("bicubic", [bicubic])]);
        Assert.All(comparison.Pairs, pair => Assert.Equal(2, pair.Difference.Seeds));
        Assert.Equal((1 + 1.2 + 1.1 + 1.2) / 4, comparison.Pairs[0].Difference.Mean, 1e-12);
    }

    /// <summary>
    /// Six losses whose networks differ by nothing but chance: of images, of seeds, of both, and of what a loss makes of an image with every seed (<paramref name="ofImages"/>). A
    /// report of any difference at all is an error; its probability may be at most 5 %.
    /// 1,000 draws have a standard error of 0.7 %, so 6.5 % are two of these above.
    /// </summary>
    [Theory]
    [InlineData(1, 0.0, 0.0, false)]
    [InlineData(3, 0.0, 0.0, false)]
    [InlineData(3, 0.1, 0.0, false)]
    [InlineData(3, 1.0, 0.0, false)]
    [InlineData(2, 0.1, 0.0, false)]
    [InlineData(3, 0.1, 0.0, true)]
    [InlineData(3, 1.0, 0.0, true)]
    [InlineData(3, 0.05, 0.3, false)]
    [InlineData(3, 0.3, 0.3, false)]
    [InlineData(2, 0.3, 1.0, false)]
    public void Equal_losses_are_rarely_called_different(int seeds, double ofSeeds, double ofImages, bool lastHasOneSeed)
    {
        var random = new Random(7);
        var wrong = 0;
        for (var draw = 0; draw < 1000; draw++)
        {
            double[] difficulty = [.. Enumerable.Range(0, 14).Select(_ => 30 + 3 * Normal(random))];
            var rows = Enumerable.Range(0, 6).Select(loss =>
            {
                double[] ofLoss = [.. difficulty.Select(value => value + ofImages * Normal(random))];
                return ($"loss {loss}", (IReadOnlyList<NetworkScores>)[.. Enumerable.Range(0, lastHasOneSeed && loss == 5 ? 1 : seeds).Select(seed =>
                {
                    var ofSeed = ofSeeds * Normal(random);
                    return Network(seed, [.. ofLoss.Select(value => (value + ofSeed + 0.1 * Normal(random), 0.2 + 0.01 * Normal(random)))]);
                })]);
            }).ToArray();
            if (SetComparison.Of("Set14", s_measures, rows, resamples: 2).Pairs.Any(pair => pair.IsSignificant == true))
                wrong++;
        }

        Assert.InRange(wrong, 0, 65);
    }

    /// <summary>As in a real comparison: a loss that is 0.4 dB worse on nearly every image, where seeds differ by 0.05 dB. Three seeds are enough to say so in most tables.</summary>
    [Fact]
    public void A_clear_difference_is_found_with_three_seeds()
    {
        var random = new Random(9);
        var found = 0;
        for (var draw = 0; draw < 100; draw++)
        {
            double[] difficulty = [.. Enumerable.Range(0, 14).Select(_ => 30 + 3 * Normal(random))];
            var rows = Enumerable.Range(0, 6).Select(loss =>
            {
                double[] ofLoss = [.. difficulty.Select(value => value + 0.1 * Normal(random) - (loss == 5 ? 0.4 : 0))];
                return ($"loss {loss}", (IReadOnlyList<NetworkScores>)[.. Enumerable.Range(0, 3).Select(seed =>
                {
                    var ofSeed = 0.05 * Normal(random);
                    return Network(seed, [.. ofLoss.Select(value => (value + ofSeed, 0.2 + 0.01 * Normal(random)))]);
                })]);
            }).ToArray();
            if (SetComparison.Of("Set14", s_measures, rows, resamples: 2).Rows[5].Values[0]!.Rank == ComparedRank.Worse)
                found++;
        }

        Assert.InRange(found, 60, 100);
    }

    [Fact]
    public void One_image_and_a_measure_without_direction_are_no_test()
    {
        Measure[] measures = [.. Measures.Parse([Measures.PsnrY, "niqe"])];
        NetworkScores Of(long seed, double psnr) => new("name", seed, null, "key", "settings", [new SetScores("Set14", "rules", [new ImageScores("one", new Dictionary<string, double?> { [Measures.PsnrY] = psnr, ["niqe"] = psnr })])], [], "", null);
        var comparison = SetComparison.Of("Set14", measures, [("low", [Of(1, 30)]), ("high", [Of(1, 32)])]);
        Assert.Equal([ComparedRank.Untested, ComparedRank.Best], comparison.Rows.Select(row => row.Values[0]!.Rank));
        Assert.Equal([ComparedRank.Untested, ComparedRank.Untested], comparison.Rows.Select(row => row.Values[1]!.Rank));
        Assert.All(comparison.Pairs, pair => Assert.Null(pair.IsSignificant));
    }

    [Fact]
    public void Two_losses_of_which_one_has_a_single_seed_are_not_tested()
    {
        var comparison = SetComparison.Of("Set14", s_measures, [("L1", [Network(1, (30, 0.2), (31, 0.2), (29, 0.2)), Network(2, (32, 0.2), (33, 0.2), (31, 0.2))]), ("L2", [Network(1, (29, 0.2), (30, 0.2), (28, 0.2))])]);
        Assert.All(comparison.Pairs, pair => Assert.Null(pair.Difference.PValue));
    }

    [Fact]
    public void A_difference_that_holds_for_every_image_and_seed_is_found()
    {
        var random = new Random(3);
        var comparison = SetComparison.Of("Set14", s_measures, [.. new[] { 0.0, 0.3 }.Select((gain, loss) => ($"loss {loss}", (IReadOnlyList<NetworkScores>)[.. Enumerable.Range(0, 3).Select(seed =>
            Network(seed, [.. Enumerable.Range(0, 14).Select(image => (30 + image + gain + 0.02 * Normal(random), 0.2))]))]))]);
        Assert.True(comparison.Pairs.Single(pair => pair.Measure == 0).IsSignificant!.Value);
        Assert.Equal([ComparedRank.Worse, ComparedRank.Best], comparison.Rows.Select(row => row.Values[0]!.Rank));
        Assert.Equal([ComparedRank.Best, ComparedRank.Best], comparison.Rows.Select(row => row.Values[1]!.Rank));
    }

    private static (string, IReadOnlyList<NetworkScores>) Row(string name, long seed, params (double PsnrY, double Flip)[] images) => (name, [Network(seed, images)]);

    private static NetworkScores Network(long? seed, params (double PsnrY, double Flip)[] images) => new("name", seed, null, "key", "settings", [Set("rules", images)], [], "", null);

    private static SetScores Set(string protocol, params (double PsnrY, double Flip)[] images) => new(
        "Set14", protocol, [.. images.Select((image, i) => new ImageScores($"image{i}", new Dictionary<string, double?> { [Measures.PsnrY] = image.PsnrY, ["flip"] = image.Flip }))]);

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
