using Mdf.Losses;
using static TorchSharp.torch;

namespace Mdf.Tests.Losses;

/// <summary>
/// The losses against upstream's and pytorch-msssim's own numbers (computed with PyTorch 1.13; see the README of the
/// reference folder): values to 1e-5, gradients to 1e-4 in relative norm.
/// </summary>
public sealed class GoldenLossTests
{
    [Theory]
    [InlineData("SISR", "mdf_sisr")]
    [InlineData("JPEG", "mdf_jpeg")]
    public void Mdf_loss_equals_upstream(string weights, string golden)
    {
        using var scope = NewDisposeScope();
        var expected = Golden.Read(golden);
        foreach (var (scales, ascending) in new[] { (8, true), (3, true), (3, false) })
        {
            var expression = $"mdf:{Shared.Path("reference", "upstream", $"Ds_{weights}.pth")}?num_scales={scales}&ascending={ascending}";
            using var loss = LossExpression.Parse(expression).Create();
            var restored = expected["restored"].clone().requires_grad_(true);
            var value = loss.call(restored, expected["reference"]);
            value.backward();
            var key = $"scales{scales}_{(ascending ? "ascending" : "descending")}";
            Assert.InRange(Golden.RelativeError(value, expected[$"loss_{key}"][0]), 0, 1e-5);
            Assert.InRange(Golden.RelativeError(restored.grad!, expected[$"grad_{key}"]), 0, 1e-4);
        }
    }

    [Theory]
    [InlineData("SISR", "mdf_sisr")]
    [InlineData("JPEG", "mdf_jpeg")]
    public void Features_equal_upstream(string weights, string golden)
    {
        using var scope = NewDisposeScope();
        var expected = Golden.Read(golden);
        using var stack = Mdf.Discriminators.DiscriminatorStack.Load(Shared.Path("reference", "upstream", $"Ds_{weights}.pth"));
        foreach (var scale in new[] { 0, 7 })
        {
            var features = stack[scale].Features(expected["restored"]);
            foreach (var (feature, layer) in features.Zip(["head", "body", "tail"]))
            {
                // The golden file keeps the first image and at most eight channels.
                var wanted = expected[$"features_restored_scale{scale}_{layer}"];
                Assert.InRange(Golden.RelativeError(feature[..1, ..(int)wanted.shape[1]], wanted), 0, 1e-5);
            }
        }
    }

    [Theory]
    [InlineData("ssim-upstream", "ssim")]
    [InlineData("ms-ssim-upstream", "msssim")]
    public void Upstream_ssim_equals_upstream(string name, string key)
    {
        using var scope = NewDisposeScope();
        var expected = Golden.Read("ssim");
        using var loss = LossExpression.Parse(name).Create();
        var restored = expected["restored"].clone().requires_grad_(true);
        var value = loss.call(restored, expected["reference"]);
        value.backward();
        Assert.InRange(Golden.RelativeError(value, expected[$"loss_{key}"][0]), 0, 1e-5);
        Assert.InRange(Golden.RelativeError(restored.grad!, expected[$"grad_{key}"]), 0, 1e-4);
    }

    [Theory]
    [InlineData("ssim", "vainf_ssim_range1")]
    [InlineData("ms-ssim", "vainf_msssim_range1")]
    public void Ssim_equals_pytorch_msssim(string name, string key)
    {
        using var scope = NewDisposeScope();
        var expected = Golden.Read("ssim");
        using var loss = LossExpression.Parse(name).Create();
        loss.Reduction = Reduction.None;
        var similarity = 1 - loss.call(expected["restored"], expected["reference"]);
        Assert.InRange(Golden.RelativeError(similarity, expected[key]), 0, 1e-5);
    }
}
