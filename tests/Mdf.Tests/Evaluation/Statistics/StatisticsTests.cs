using Mdf.Evaluation.Statistics;

namespace Mdf.Tests.Evaluation.Statistics;

public sealed class StatisticsTests
{
    private static readonly double[][] s_first = [[31.2, 29.8, 33.1, 28.4], [31.3, 29.7, 33.4, 28.1], [31.1, 29.9, 33.2, 28.6]];
    private static readonly double[][] s_second = [[31.0, 29.9, 32.6, 28.1], [31.1, 29.5, 32.9, 28.0], [30.8, 29.6, 32.8, 28.2]];

    /// <summary>The value is that of <c>scipy.stats.ttest_rel</c> (scipy 1.10.1).</summary>
    [Fact]
    public void With_one_seed_the_test_is_the_paired_t_test()
    {
        var difference = PairedDifference.Of([[31.2, 29.8, 33.1, 28.4, 30.0, 27.7, 35.2]], [[31.0, 29.9, 32.6, 28.1, 29.6, 27.5, 34.9]]);
        Assert.Equal(0.25714285714285723, difference.Mean, 1e-12);
        Assert.Equal(0.011695963639272704, difference.PValue!.Value, 1e-9);
        Assert.Equal((7, 1), (difference.Images, difference.Seeds));
    }

    /// <summary>Worked out with numpy: t = mean / √(0.004884 + 0.001458), and <c>scipy.stats.t.sf</c> with Satterthwaite's 4.462 degrees of freedom.</summary>
    [Fact]
    public void With_more_seeds_images_and_seeds_are_random()
    {
        var difference = PairedDifference.Of(s_first, s_second);
        Assert.Equal(0.275, difference.Mean, 1e-12);
        Assert.Equal(0.021816142301566876, difference.PValue!.Value, 1e-9);
    }

    /// <summary>A third loss that varies more with its seeds. The numbers are of numpy and scipy.</summary>
    [Fact]
    public void All_losses_together_say_how_much_seeds_matter()
    {
        double[] offsets = [0.5, -0.4, 0.1];
        var third = s_second.Select((seed, s) => seed.Select(value => value + offsets[s]).ToArray()).ToArray();
        var variance = SeedVariance.Of([.. new[] { s_first, s_second, third }.Select(loss => loss.Select(seed => seed.Average()).ToArray())])!;
        Assert.Equal(0.07048611111111079, variance.Variance, 1e-12);
        Assert.Equal(4, variance.Freedom);
        Assert.Equal(0.28332288291276714, PairedDifference.Of(s_first, s_second, variance).PValue!.Value, 1e-9);
        Assert.Null(SeedVariance.Of([[1, 2]]));
        Assert.Null(SeedVariance.Of([[1], [2]]));
    }

    [Fact]
    public void The_sign_of_a_difference_changes_with_the_order_and_its_probability_does_not()
    {
        var (one, other) = (PairedDifference.Of(s_first, s_second), PairedDifference.Of(s_second, s_first));
        Assert.Equal(one.Mean, -other.Mean);
        Assert.Equal(one.PValue, other.PValue);
    }

    [Fact]
    public void A_difference_of_the_seeds_alone_is_not_significant()
    {
        // On every image alike, but with another sign for every seed.
        double[][] first = [[1, 2, 3, 4], [3, 4, 5, 6]];
        double[][] second = [[2, 3, 4, 5], [2.2, 3.2, 4.2, 5.2]];
        Assert.True(PairedDifference.Of(first, second).PValue > 0.5);
        Assert.Equal(0, PairedDifference.Of([first[0]], [second[0]]).PValue);
    }

    [Theory]
    [InlineData(new[] { 1.0 }, new[] { 2.0 })]
    [InlineData(new[] { 1.0, double.PositiveInfinity }, new[] { 2.0, 3.0 })]
    public void One_image_or_an_infinite_score_has_no_probability(double[] first, double[] second) => Assert.Null(PairedDifference.Of([first], [second]).PValue);

    [Fact]
    public void Equal_scores_have_the_probability_1() => Assert.Equal(1, PairedDifference.Of(s_first, s_first).PValue);

    /// <summary>All 5⁵ samples of 1, 2, 4, 8, 16: the quantiles of their means are those of numpy, at Φ(−√(5/4) · 2.776) = 0.000954 in each tail (scipy).</summary>
    [Fact]
    public void The_interval_of_a_few_values_is_that_of_all_samples()
    {
        var estimate = MeanInterval.Of([1, 2, 4, 8, 16]);
        Assert.Equal(6.2, estimate.Value, 1e-12);
        Assert.Equal(1.2, estimate.Low!.Value, 1e-12);
        Assert.Equal(14.4, estimate.High!.Value, 1e-12);
    }

    /// <summary>For many values, the interval is near that of the normal distribution.</summary>
    [Fact]
    public void The_interval_of_many_values_is_near_that_of_their_standard_error()
    {
        var random = new Random(1);
        double[] values = [.. Enumerable.Range(0, 400).Select(_ => Normal(random))];
        var estimate = MeanInterval.Of(values);
        var error = Math.Sqrt(values.Sum(value => Math.Pow(value - values.Average(), 2)) / 399 / 400);
        Assert.Equal(estimate.Value - 1.96 * error, estimate.Low!.Value, 0.1 * error);
        Assert.Equal(estimate.Value + 1.96 * error, estimate.High!.Value, 0.1 * error);
        Assert.Equal(estimate, MeanInterval.Of(values));
    }

    [Fact]
    public void Four_values_have_no_interval() => Assert.Null(MeanInterval.Of([3, 4, 5, 6]).Low);

    /// <summary>For 14 images, as in Set14, the interval contains the mean in 95 % of draws, give or take two standard errors of 2,000 draws.</summary>
    [Fact]
    public void The_interval_of_fourteen_images_contains_the_mean_in_95_percent_of_draws()
    {
        var random = new Random(4);
        var inside = Enumerable.Range(0, 2000).Count(_ => MeanInterval.Of([.. Enumerable.Range(0, 14).Select(_ => Normal(random))], resamples: 1000) is { Low: <= 0, High: >= 0 });
        Assert.InRange(inside, 0.935 * 2000, 0.965 * 2000);
    }

    /// <summary>The values are those of <c>statsmodels.stats.multitest.multipletests(method="holm")</c>, and easy to work out by hand.</summary>
    [Fact]
    public void Holm_multiplies_the_smallest_by_the_number_and_never_lets_a_larger_one_pass()
    {
        var adjusted = HolmCorrection.Adjust([0.01, 0.04, null, 0.03, 0.005]);
        Assert.Equal(5, adjusted.Count);
        foreach (var (expected, found) in new double?[] { 0.03, 0.06, null, 0.06, 0.02 }.Zip(adjusted))
            Assert.Equal(expected ?? -1, found ?? -1, 1e-12);
        Assert.Equal([1.0, 1.0], HolmCorrection.Adjust([0.7, 0.9]).Select(value => value!.Value));
    }

    private static double Normal(Random random) => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
