namespace Mdf.Evaluation;

/// <summary>The agreement of a measure with the votes of people.</summary>
/// <param name="Measure">The name of the measure.</param>
/// <param name="Votes">
/// The mean, over the pairs, of the share of votes for the version that the measure prefers. It is the chance that the measure agrees with one voter. If the measure has
/// the same value for both versions, the share is a half.
/// </param>
/// <param name="Majority">The share of the pairs in which the measure prefers the version that most people prefer. Equal values and equal votes count a half.</param>
/// <param name="Gain"><paramref name="Votes"/> minus that of the first measure, in the same resamples; null for the first measure.</param>
internal sealed record MeasureAgreement(string Measure, Estimate Votes, Estimate Majority, Estimate? Gain);

/// <summary>The result of a comparison with votes.</summary>
/// <param name="Measures">The measures, in the given order.</param>
/// <param name="Best">The agreement of the majority of the voters themselves: no measure can reach more.</param>
/// <param name="Pairs">The number of pairs. Each counts 1, for any number of votes.</param>
/// <param name="References">The number of references.</param>
/// <param name="Votes">The number of votes.</param>
internal sealed record VoteResult(IReadOnlyList<MeasureAgreement> Measures, Estimate Best, int Pairs, int References, long Votes);

/// <summary>Compares measures with the votes of people for one of two versions of an image.</summary>
internal static class VoteAgreement
{
    private const int Resamples = 10_000;

    /// <summary>Computes the agreement of every measure, with intervals from <see cref="ReferenceBootstrap"/>.</summary>
    /// <param name="pairs">The votes; at least one pair.</param>
    /// <param name="names">The names of the measures.</param>
    /// <param name="distances">For each image, a distance for each measure; lower is better.</param>
    /// <param name="seed">The seed of the resamples.</param>
    public static VoteResult Compute(IReadOnlyList<VotedPair> pairs, IReadOnlyList<string> names, IReadOnlyDictionary<ImagePair, double[]> distances, int seed)
    {
        var byReference = pairs.GroupBy(pair => pair.A.Reference).Select(group => group.ToArray()).ToArray();
        var draws = ReferenceBootstrap.Draw(byReference.Length, Resamples, seed).ToArray();
        var counts = byReference.Select(group => (double)group.Length).ToArray();
        var measures = new List<MeasureAgreement>();
        double[]? first = null;
        var firstValue = 0.0;
        for (var i = 0; i < names.Count; i++)
        {
            var index = i;
            var (value, resampled) = Mean(pair => Share(pair, Sign(pair, index)));
            var (majority, resampledMajority) = Mean(pair => Agree(Sign(pair, index), Math.Sign(pair.VotesA - pair.VotesB)));
            var gain = first is null ? null : ReferenceBootstrap.Interval(value - firstValue, resampled.Zip(first, (own, other) => own - other));
            measures.Add(new MeasureAgreement(names[i], ReferenceBootstrap.Interval(value, resampled), ReferenceBootstrap.Interval(majority, resampledMajority), gain));
            if (first is null)
                (first, firstValue) = (resampled, value);
        }

        var (best, resampledBest) = Mean(pair => Share(pair, Math.Sign(pair.VotesA - pair.VotesB)));
        return new VoteResult(measures, ReferenceBootstrap.Interval(best, resampledBest), pairs.Count, byReference.Length, pairs.Sum(pair => (long)pair.VotesA + pair.VotesB));

        // 1 if the measure prefers the first version, −1 if the second, 0 if neither.
        int Sign(VotedPair pair, int measure) => Math.Sign(distances[pair.B][measure].CompareTo(distances[pair.A][measure]));

        (double Value, double[] Resampled) Mean(Func<VotedPair, double> of)
        {
            var sums = byReference.Select(group => group.Sum(of)).ToArray();
            return (sums.Sum() / counts.Sum(), [.. draws.Select(drawn => drawn.Sum(i => sums[i]) / drawn.Sum(i => counts[i]))]);
        }
    }

    private static double Share(VotedPair pair, int preferred) => preferred switch
    {
        > 0 => (double)pair.VotesA / (pair.VotesA + (double)pair.VotesB),
        < 0 => (double)pair.VotesB / (pair.VotesA + (double)pair.VotesB),
        _ => 0.5,
    };

    private static double Agree(int own, int other) => own * other == 0 ? 0.5 : own == other ? 1 : 0;
}
