using CsCheck;
using Mdf.Evaluation;
using Mdf.Runtime;

namespace Mdf.Tests.Evaluation;

public sealed class CorrelationTests
{
    /// <summary>The examples of scipy.stats.spearmanr and scipy.stats.kendalltau in SciPy's documentation.</summary>
    [Fact]
    public void The_coefficients_are_SciPys()
    {
        Assert.Equal(0.82078268166812329, Correlation.Spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]), 12);
        Assert.Equal(-0.47140452079103173, Correlation.Kendall([12, 2, 1, 12, 2], [1, 4, 7, 1, 0]), 12);
    }

    [Fact]
    public void Kendalls_tau_is_that_of_its_definition() =>
        Gen.Select(Gen.Int[0, 6], Gen.Int[0, 6]).Array[2, 30].Sample(points =>
        {
            double[] x = [.. points.Select(point => (double)point.Item1)];
            double[] y = [.. points.Select(point => (double)point.Item2)];
            var (agreement, pairsX, pairsY) = (0, 0, 0);
            for (var i = 0; i < x.Length; i++)
            {
                for (var j = 0; j < i; j++)
                {
                    agreement += Math.Sign(x[i] - x[j]) * Math.Sign(y[i] - y[j]);
                    pairsX += x[i] != x[j] ? 1 : 0;
                    pairsY += y[i] != y[j] ? 1 : 0;
                }
            }

            var expected = agreement / Math.Sqrt((double)pairsX * pairsY);
            var found = Correlation.Kendall(x, y);
            Assert.True(double.IsNaN(expected) ? double.IsNaN(found) : Math.Abs(expected - found) < 1e-12, $"{expected} {found}");
        }, iter: 2000, threads: 1, seed: "0000KOIPZQGR");

    [Fact]
    public void The_logistic_function_is_found_where_there_is_one()
    {
        double[] x = [.. Enumerable.Range(0, 60).Select(i => 20 + i * 0.5)];
        double[] y = [.. x.Select(value => 80 * (0.5 - 1 / (1 + Math.Exp(0.6 * (value - 33)))) - 0.1 * value + 50)];
        double[]? start = null;
        Assert.InRange(Correlation.Pearson(x, y), 0.5, 0.97);
        Assert.Equal(1, LogisticFit.Correlate(x, y, ref start), 6);
        // Neither a falling measure nor its unit changes it.
        start = null;
        Assert.Equal(1, LogisticFit.Correlate([.. x.Select(value => -1e-6 * value)], y, ref start), 6);
    }

    [Fact]
    public void The_fit_is_never_worse_than_a_straight_line()
    {
        for (var seed = 0; seed < 30; seed++)
        {
            var numbers = Enumerable.Range(0, 40).Select(i => Seeds.Derive(seed, i) / (double)uint.MaxValue).ToArray();
            var (x, y) = (numbers[..20], numbers[20..]);
            double[]? start = null;
            Assert.InRange(LogisticFit.Correlate(x, y, ref start), Math.Abs(Correlation.Pearson(x, y)), 1);
        }
    }

    [Fact]
    public void Two_values_can_be_fitted()
    {
        double[]? start = null;
        Assert.Equal(1, LogisticFit.Correlate([0, 0, 0, 1, 1, 1], [2, 2, 2, 5, 5, 5], ref start), 9);
    }

    [Fact]
    public void Measures_are_compared_with_opinions_by_the_quality_that_they_predict()
    {
        var images = Enumerable.Range(0, 24).Select(i => new JudgedImage(new ImagePair($"i{i}", $"r{i % 4}"), i + i * 5 % 3, null)).ToArray();
        double[] good = [.. images.Select(image => Math.Sqrt(image.Opinion))];
        double[] bad = [.. good.Select(value => -value)];
        var result = OpinionCorrelation.Compute(images, isDegradation: false, [("good", good), ("bad", bad)], seed: 1);
        Assert.Equal((24, 4), (result.Images, result.References));
        Assert.Equal([1, -1], result.Measures.Select(measure => Math.Round(measure.Spearman.Value, 9)));
        Assert.Equal([1, -1], result.Measures.Select(measure => Math.Round(measure.Kendall.Value, 9)));
        Assert.All(result.Measures, measure => Assert.InRange(measure.Pearson.Value, 0.99, 1));
        Assert.All(result.Measures, measure => Assert.InRange(measure.Pearson.Low!.Value, 0.9, measure.Pearson.High!.Value));

        var degraded = OpinionCorrelation.Compute(images, isDegradation: true, [("good", good)], seed: 1);
        Assert.Equal(-1, degraded.Measures[0].Spearman.Value, 9);
    }

    [Fact]
    public void Values_without_a_correlation_are_refused()
    {
        var images = Enumerable.Range(0, 10).Select(i => new JudgedImage(new ImagePair($"i{i}", "r"), i, null)).ToArray();
        Assert.Contains("expected different values of 'x', found 3 for every image", Assert.Throws<InputException>(() => Compute(_ => 3)).Message);
        Assert.Contains("'x' of 'i4' is infinite, because the image equals its reference", Assert.Throws<InputException>(() => Compute(i => i == 4 ? double.PositiveInfinity : i)).Message);
        Assert.Null(Compute(i => i).Measures[0].Spearman.Low); // of one reference

        OpinionResult Compute(Func<int, double> value) =>
            OpinionCorrelation.Compute(images, isDegradation: false, [("x", [.. Enumerable.Range(0, 10).Select(value)])], seed: 1);
    }
}
