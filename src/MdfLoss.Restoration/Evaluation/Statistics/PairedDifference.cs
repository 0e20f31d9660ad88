using MathNet.Numerics.Distributions;

namespace Mdf.Evaluation.Statistics;

/// <summary>How much the means of networks vary by their seeds alone, from all losses of a table together.</summary>
/// <param name="Variance">The variance of the mean of one network, without what all losses share.</param>
/// <param name="Freedom">Its degrees of freedom.</param>
internal sealed record SeedVariance(double Variance, int Freedom)
{
    /// <summary>Estimates it: the interaction of losses and seeds in an analysis of variance with two factors.</summary>
    /// <param name="means">For each loss, the mean of the network of each seed. All have the same seeds.</param>
    /// <returns>The estimate; null for fewer than two losses or two seeds.</returns>
    public static SeedVariance? Of(IReadOnlyList<IReadOnlyList<double>> means)
    {
        ArgumentNullException.ThrowIfNull(means);
        if (means.Count < 2 || means[0].Count < 2)
            return null;
        var seeds = Enumerable.Range(0, means[0].Count).Select(seed => means.Average(loss => loss[seed])).ToArray();
        var all = seeds.Average();
        var sum = means.Sum(loss => loss.Select((mean, seed) => mean - loss.Average() - seeds[seed] + all).Sum(rest => rest * rest));
        var freedom = (means.Count - 1) * (seeds.Length - 1);
        return new SeedVariance(sum / freedom, freedom);
    }
}

/// <summary>The difference between two losses in a measure, on the same images and with the same seeds, and the probability of one as large if there were none.</summary>
/// <param name="Mean">The mean difference, first minus second.</param>
/// <param name="PValue">The two-sided p-value, not corrected; null if there are fewer than two images, or a value is not finite.</param>
/// <param name="Images">The number of images.</param>
/// <param name="Seeds">The number of seeds.</param>
/// <remarks>
/// If no loss has a second seed, this is the paired t-test over the images, so it speaks of these two networks only. With more seeds, images and seeds are both random (Clark, "The
/// language-as-fixed-effect fallacy", 1973): the squared standard error of the mean is the sum of that over images and that over seeds. Two or three seeds alone estimate
/// the latter badly: from these two losses alone, 185 of 1,000 drawn tables of six equal losses had a "significant" difference. So the larger of two estimates counts, that of these two
/// losses and that of all losses together (<see cref="SeedVariance"/>). The degrees of freedom of the sum are those of Satterthwaite ("An approximate distribution of estimates of
/// variance components", 1946).
/// </remarks>
internal sealed record PairedDifference(double Mean, double? PValue, int Images, int Seeds)
{
    /// <summary>Compares the scores of two losses.</summary>
    /// <param name="first">The scores of the first: for each seed, one value for each image.</param>
    /// <param name="second">Those of the second, with the same seeds and images in the same order.</param>
    /// <param name="variance">How much networks vary by their seeds; null if only these two say it.</param>
    /// <param name="trained">The number of the two that are trained networks: 2, or fewer if a restorer without seeds is among them.</param>
    /// <exception cref="ArgumentException">The numbers of seeds or images differ, or there are none.</exception>
    public static PairedDifference Of(IReadOnlyList<IReadOnlyList<double>> first, IReadOnlyList<IReadOnlyList<double>> second, SeedVariance? variance = null, int trained = 2)
    {
        ArgumentNullException.ThrowIfNull(first);
        ArgumentNullException.ThrowIfNull(second);
        if (first.Count == 0 || first[0].Count == 0 || first.Count != second.Count || first.Concat(second).Any(seed => seed.Count != first[0].Count))
            throw new ArgumentException("expected the same seeds and images, and at least one of each", nameof(second));
        var (seeds, images) = (first.Count, first[0].Count);
        var differences = first.Zip(second, (one, other) => one.Zip(other, (a, b) => a - b).ToArray()).ToArray();
        var mean = differences.Average(seed => seed.Average());
        if (images < 2 || !double.IsFinite(mean))
            return new PairedDifference(mean, null, images, seeds);
        var error = SquaredError([.. Enumerable.Range(0, images).Select(image => differences.Average(seed => seed[image]))]);
        var freedom = images - 1.0;
        if (trained > 0 && (seeds > 1 || variance is not null))
        {
            var own = seeds < 2 ? 0 : SquaredError([.. differences.Select(seed => seed.Average())]);
            var ofAll = trained * (variance?.Variance ?? 0) / seeds;
            var ofSeeds = Math.Max(own, ofAll);
            var freedomOfSeeds = ofAll >= own && variance is not null ? variance.Freedom : seeds - 1;
            if (ofSeeds > 0)
                freedom = (error + ofSeeds) * (error + ofSeeds) / (error * error / freedom + ofSeeds * ofSeeds / freedomOfSeeds);
            error += ofSeeds;
        }

        return error == 0
            ? new PairedDifference(mean, mean == 0 ? 1 : 0, images, seeds)
            : new PairedDifference(mean, 2 * StudentT.CDF(0, 1, freedom, -Math.Abs(mean) / Math.Sqrt(error)), images, seeds);
    }

    /// <summary>The squared standard error of the mean of values.</summary>
    private static double SquaredError(double[] values)
    {
        var mean = values.Average();
        return values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1) / values.Length;
    }
}
