using Mdf.Evaluation;
using Mdf.Experiments.Sweeps;

namespace Mdf.Tests.Experiments.Sweeps;

public sealed class BestRuleTests
{
    private sealed record Candidate(string Name, double? Psnr, double? Flip);

    private static readonly Candidate[] s_candidates = [new("sharp", 28.9, 0.10), new("exact", 29.2, 0.14), new("near", 29.15, 0.12), new("none", null, 0.01), new("wrong", double.NaN, 0.01)];

    [Theory]
    [InlineData("psnr", "exact")]
    [InlineData("flip", "wrong")]
    [InlineData("flip within 0.1 dB of the best psnr", "near")]
    [InlineData("flip within 0.3dB of the best psnr", "sharp")]
    [InlineData("flip within 0 of the best psnr", "exact")]
    [InlineData("psnr within 0.02 of the best flip", "near")]
    public void The_best_is_chosen_by_one_measure_among_those_that_lose_little_of_another(string rule, string expected)
    {
        // A single measure has no NaN among its candidates; NaN of the other measure excludes a candidate.
        var candidates = rule == "flip" ? [s_candidates[^1]] : s_candidates;
        Assert.Equal(expected, BestRule.Parse(rule).Choose(candidates, (candidate, measure) => measure.Name == Measures.Psnr ? candidate.Psnr : candidate.Flip)?.Name);
    }

    [Fact]
    public void Nothing_is_chosen_among_candidates_without_values() =>
        Assert.Null(BestRule.Parse("psnr").Choose([new Candidate("none", null, null)], (candidate, _) => candidate.Psnr));

    [Fact]
    public void A_rule_reads_back_as_its_text()
    {
        foreach (var rule in new[] { "psnr_y", "resnet18 within 0.1 dB of the best psnr_y", "psnr within 0.02 of the best flip" })
            Assert.Equal(rule, BestRule.Parse(rule).ToString());
    }
}
