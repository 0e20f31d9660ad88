using Mdf.Evaluation;

namespace Mdf.Tests.Evaluation;

public sealed class VoteAgreementTests
{
    /// <summary>Two references with two and one pair: the numbers are worked out by hand.</summary>
    [Fact]
    public void The_agreement_is_the_mean_share_of_votes_for_the_preferred_version()
    {
        VotedPair[] pairs = [Pair("r", "a", "b", 8, 2), Pair("r", "a", "c", 1, 3), Pair("s", "d", "e", 5, 5)];
        // The first measure prefers a, c, d; the second prefers b, neither, e.
        var distances = Distances(("r", "a", 1, 2), ("r", "b", 2, 1), ("r", "c", 0.5, 2), ("s", "d", 0, 1), ("s", "e", 1, 0));
        var result = VoteAgreement.Compute(pairs, ["first", "second"], distances, seed: 1);
        Assert.Equal((3, 2, 24L), (result.Pairs, result.References, result.Votes));
        Assert.Equal((0.8 + 0.75 + 0.5) / 3, result.Measures[0].Votes.Value, 12);
        Assert.Equal((0.2 + 0.5 + 0.5) / 3, result.Measures[1].Votes.Value, 12);
        Assert.Equal((1 + 1 + 0.5) / 3, result.Measures[0].Majority.Value, 12);
        Assert.Equal((0 + 0.5 + 0.5) / 3, result.Measures[1].Majority.Value, 12);
        Assert.Equal((0.8 + 0.75 + 0.5) / 3, result.Best.Value, 12);
        Assert.Null(result.Measures[0].Gain);
        Assert.Equal((1.2 - 2.05) / 3, result.Measures[1].Gain!.Value, 12);
        // A quarter of the resamples has the first reference twice, a quarter the second.
        Assert.Equal((0.5, 0.775), (result.Measures[0].Votes.Low!.Value, Math.Round(result.Measures[0].Votes.High!.Value, 12)));
    }

    [Fact]
    public void A_better_value_is_infinite_for_the_reference_itself()
    {
        var distances = Distances(("r", "r", double.NegativeInfinity, 0), ("r", "a", -30, 1));
        var result = VoteAgreement.Compute([Pair("r", "a", "r", 1, 9)], ["psnr", "l1"], distances, seed: 1);
        Assert.Equal([0.9, 0.9], result.Measures.Select(measure => measure.Votes.Value));
    }

    [Fact]
    public void One_reference_has_no_interval()
    {
        var distances = Distances(("r", "a", 1, 1), ("r", "b", 2, 1));
        var result = VoteAgreement.Compute([Pair("r", "a", "b", 3, 1)], ["first", "second"], distances, seed: 1);
        Assert.Equal(new Estimate(0.75), result.Measures[0].Votes);
        Assert.Equal(new Estimate(0.5), result.Measures[1].Votes);
    }

    [Fact]
    public void Equal_seeds_give_equal_intervals_and_the_interval_covers_the_value()
    {
        var pairs = Enumerable.Range(0, 40).Select(i => Pair($"r{i % 8}", $"a{i}", $"b{i}", i * 7 % 11, 11 - i * 7 % 11)).ToArray();
        var distances = pairs.SelectMany((pair, i) => new[] { (pair.A, (double)(i * 3 % 5)), (pair.B, i * 2 % 7) }).ToDictionary(entry => entry.Item1, entry => new[] { entry.Item2 });
        var (first, again, other) = (Compute(1), Compute(1), Compute(2));
        Assert.Equal(first, again);
        Assert.NotEqual(first, other);
        Assert.InRange(first.Value, first.Low!.Value, first.High!.Value);
        Assert.Equal(first.Low.Value, other.Low!.Value, 0.02);

        Estimate Compute(int seed) => VoteAgreement.Compute(pairs, ["x"], distances, seed).Measures[0].Votes;
    }

    private static VotedPair Pair(string reference, string a, string b, int votesA, int votesB) =>
        new(new ImagePair(a, reference), new ImagePair(b, reference), votesA, votesB);

    private static Dictionary<ImagePair, double[]> Distances(params (string Reference, string Image, double First, double Second)[] images) =>
        images.ToDictionary(image => new ImagePair(image.Image, image.Reference), image => new[] { image.First, image.Second });
}
