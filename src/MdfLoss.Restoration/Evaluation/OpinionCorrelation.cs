using Mdf.Runtime;

namespace Mdf.Evaluation;

/// <summary>The correlations of a measure with the scores of people. +1 is full agreement: the signs are those of the quality that the measure predicts.</summary>
/// <param name="Measure">The name of the measure.</param>
/// <param name="Spearman">Spearman's ρ.</param>
/// <param name="Kendall">Kendall's τ-b.</param>
/// <param name="Pearson">Pearson's r after <see cref="LogisticFit"/>; it has no sign.</param>
internal sealed record MeasureCorrelation(string Measure, Estimate Spearman, Estimate Kendall, Estimate Pearson);

/// <summary>The result of a comparison with scores.</summary>
/// <param name="Measures">The measures.</param>
/// <param name="Images">The number of images.</param>
/// <param name="References">The number of references.</param>
internal sealed record OpinionResult(IReadOnlyList<MeasureCorrelation> Measures, int Images, int References);

/// <summary>Compares measures with the mean opinion scores of people.</summary>
internal static class OpinionCorrelation
{
    // Each resample has its own fit, so there are fewer than for votes.
    private const int Resamples = 1000;

    /// <summary>Computes the correlations of every measure, with intervals from <see cref="ReferenceBootstrap"/>.</summary>
    /// <param name="images">The scores of people.</param>
    /// <param name="isDegradation">Whether a higher score of people means a worse image (DMOS).</param>
    /// <param name="qualities">For each measure its name and, in the order of the images, its values; higher is better.</param>
    /// <param name="seed">The seed of the resamples.</param>
    /// <param name="progress">Takes a report for every resample of every measure.</param>
    /// <param name="cancellationToken">Stops the work between two resamples.</param>
    /// <exception cref="InputException">A measure has the same value for all images, or an infinite value.</exception>
    public static OpinionResult Compute(
        IReadOnlyList<JudgedImage> images, bool isDegradation, IReadOnlyList<(string Name, double[] Values)> qualities, int seed,
        IProgress<ProgressUpdate>? progress = null, CancellationToken cancellationToken = default)
    {
        foreach (var (name, values) in qualities)
        {
            if (Array.FindIndex(values, value => !double.IsFinite(value)) is >= 0 and var odd)
                throw new InputException($"'{name}' of '{images[odd].Pair.Image}' is infinite, because the image equals its reference; remove its row");
            if (values.Distinct().Take(2).Count() < 2)
                throw new InputException($"expected different values of '{name}', found {values[0]:R} for every image; no correlation is defined");
        }

        var opinions = images.Select(image => isDegradation ? -image.Opinion : image.Opinion).ToArray();
        var byReference = Enumerable.Range(0, images.Count).GroupBy(i => images[i].Pair.Reference).Select(group => group.ToArray()).ToArray();
        var draws = ReferenceBootstrap.Draw(byReference.Length, Resamples, seed).Select(drawn => drawn.SelectMany(reference => byReference[reference]).ToArray()).ToArray();
        var meter = new ProgressMeter(progress, "resampling", qualities.Count * draws.Length);
        var done = 0;
        return new OpinionResult([.. qualities.Select(quality => Measure(quality.Name, quality.Values))], images.Count, byReference.Length);

        MeasureCorrelation Measure(string name, double[] values)
        {
            double[]? parameters = null;
            var whole = Coefficients(values, opinions, ref parameters);
            var resampled = new List<double[]>();
            foreach (var drawn in draws)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var start = parameters; // the fit of the whole sample is near
                resampled.Add(Coefficients([.. drawn.Select(i => values[i])], [.. drawn.Select(i => opinions[i])], ref start));
                meter.Report(++done);
            }

            return new MeasureCorrelation(name, Interval(0), Interval(1), Interval(2));

            Estimate Interval(int coefficient) => ReferenceBootstrap.Interval(whole[coefficient], resampled.Select(each => each[coefficient]));
        }
    }

    private static double[] Coefficients(double[] values, double[] opinions, ref double[]? start) =>
        [Correlation.Spearman(values, opinions), Correlation.Kendall(values, opinions), LogisticFit.Correlate(values, opinions, ref start)];
}
