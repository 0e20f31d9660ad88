using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Losses;

/// <summary>
/// FSIM, GMSD and HaarPSI against piq's numbers, and FLIP against its authors' code (PyTorch 1.13; see the README of the reference folder), for two blurred and two
/// noisy images.
/// </summary>
public sealed class GoldenPerceptualLossTests
{
    [Theory]
    [InlineData("fsim", "fsim")]
    [InlineData("fsimc", "fsimc")]
    [InlineData("gmsd", "gmsd")]
    [InlineData("haarpsi", "haarpsi")]
    [InlineData("flip", "flip_mean")]
    public void Values_equal_the_reference_implementations(string name, string key)
    {
        using var scope = NewDisposeScope();
        var expected = Golden.Read("perceptual_metrics");
        using var loss = LossExpression.Parse(name).Create();
        loss.Reduction = Reduction.None;
        foreach (var distortion in new[] { "blurred", "noisy" })
        {
            var wanted = expected[$"{key}_{distortion}"];
            if (name is not ("gmsd" or "flip"))
                wanted = wanted.SubFrom(1);
            var found = loss.call(expected[distortion], expected["reference"]);
            Assert.InRange(Golden.RelativeError(found, wanted), 0, 1e-4);
        }
    }

    // FSIM's gradient for the blurred images acts mostly where the median responses lie, and float32's rounding decides where that is: piq in float64 is 4.6e-3 from piq
    // in float32. TranscribedLossTests compares the gradient in float64.
    [Theory]
    [InlineData("fsim", "blurred", 6e-3)]
    [InlineData("fsim", "noisy", 1e-3)]
    [InlineData("fsimc", "blurred", 6e-3)]
    [InlineData("fsimc", "noisy", 1e-3)]
    [InlineData("gmsd", "blurred", 1e-4)]
    [InlineData("gmsd", "noisy", 1e-4)]
    [InlineData("haarpsi", "blurred", 1e-4)]
    [InlineData("haarpsi", "noisy", 1e-4)]
    public void Gradients_have_the_length_of_the_reference_implementations(string name, string distortion, double tolerance)
    {
        using var scope = NewDisposeScope();
        var expected = Golden.Read("perceptual_metrics");
        using var loss = LossExpression.Parse(name).Create();
        var restored = expected[distortion].clone().requires_grad_(true);
        loss.call(restored, expected["reference"]).backward();
        var found = Golden.RelativeError(restored.grad!.norm(), expected[$"{name}_{distortion}_grad_norm"][0]);
        Assert.InRange(found, 0, tolerance);
    }
}
