using Mdf.Evaluation;
using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Evaluation;

[Collection(nameof(OneAtATime))]
public sealed class PixelRecoveryTests
{
    [Fact]
    public void A_picture_is_recovered_from_noise()
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(1);
        var (reference, noise) = (rand([1, 3, 24, 24], generator: random), rand([1, 3, 24, 24], generator: random));
        using var loss = new MseLoss();
        using var result = PixelRecovery.Run(loss, reference, noise, steps: 60, learningRate: 0.05);
        Assert.Equal(60, result.PsnrPerStep.Count);
        Assert.Equal(Psnr.Compute(noise, reference), result.PsnrPerStep[0]);
        Assert.True(Psnr.Compute(result.Restored, reference) > result.PsnrPerStep[0] + 15);
        Assert.True(result.LossPerStep[^1] < result.LossPerStep[0] / 10);
    }

    [Fact]
    public void Three_hundred_optimizer_steps_leave_no_tensor_behind_and_no_memory()
    {
        using var reference = rand(1, 3, 64, 64, generator: Draws);
        using var noise = rand(1, 3, 64, 64, generator: Draws);
        using var loss = Losses.ReconstructionLossTests.Make("mdf");
        using var watch = new LeakWatch(first: 45, window: 10);
        PixelRecovery.Run(loss, reference, noise, steps: 300, learningRate: 0.01, watch).Dispose();
        watch.AssertNothingIsLeft(windows: 25, bytesPerStep: 1000);
    }

    [Fact]
    public void Psnr_of_a_known_error_is_known()
    {
        using var scope = NewDisposeScope();
        var black = zeros(1, 3, 8, 8);
        Assert.Equal(20, Psnr.Compute(black.Add(0.1), black), 1e-5); // 10·log₁₀(1 / 0.01)
        Assert.Equal(0, Psnr.Compute(black.Add(7), black), 1e-9); // clamped to 1
        Assert.Equal(double.PositiveInfinity, Psnr.Compute(black, black));
    }
}
