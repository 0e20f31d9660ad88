using Mdf.Distortions;
using Mdf.Losses;
using Mdf.Runtime;
using Mdf.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Training;

public sealed class LossCalibrationTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData("ssim+mse", "jpeg:10")]
    [InlineData("3*l1+mse+ssim", "denoise:25")]
    [InlineData("l1+mse", "sisr:2")]
    public void The_weights_that_are_found_give_the_wanted_shares(string expression, string task)
    {
        var found = Calibrate(expression, task);
        var given = LossExpression.Parse(expression).ToString();
        Assert.Equal(1, found.Sum(term => term.Wanted), 9);
        Assert.Equal(1, found.Sum(term => term.GivenShare), 9);
        Assert.Contains(found, term => Math.Abs(term.GivenShare - term.Wanted) > 0.1);
        var again = Calibrate(LossCalibration.ToExpression(found), task);
        Assert.Equal(found.Select(term => term.Expression), again.Select(term => term.Expression));
        foreach (var (first, second) in found.Zip(again))
            Assert.Equal(first.Wanted, second.GivenShare, 0.005); // the weights have three digits
        Assert.Equal(given.Split('*')[0] == "3" ? 3 : 1, found[0].Weight);
    }

    [Fact]
    public void A_term_without_a_gradient_is_refused()
    {
        var images = TrainingImages.FromTensors([zeros(1, 3, 48, 48)], new SamplingOptions { Patch = 32 });
        var sampler = new PatchSampler(images, Tasks.ParseForNetwork("jpeg:10"), new SamplingOptions { Patch = 32 }, batch: 2, seed: 1);
        using var loss = (WeightedSum)LossExpression.Parse("l1+mse").Create();
        var error = Assert.Throws<InputException>(() => LossCalibration.Run(loss, sampler, batches: 1, CPU));
        Assert.Contains("expected a gradient of every term, found the norm 0 for 'l1'", error.Message);
    }

    private static IReadOnlyList<CalibratedTerm> Calibrate(string expression, string task)
    {
        var sampling = new SamplingOptions { Patch = 32 };
        var images = TrainingImages.FromTensors([rand([1, 3, 64, 64], generator: Draws)], sampling);
        using var loss = (WeightedSum)LossExpression.Parse(expression).Create();
        return LossCalibration.Run(loss, new PatchSampler(images, Tasks.ParseForNetwork(task), sampling, batch: 4, seed: 1), batches: 2, CPU);
    }
}
