using Mdf.Discriminators;
using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Losses;

/// <summary>
/// The losses against upstream's and pytorch-msssim's own numbers (computed with PyTorch 1.13; see the README of the
/// reference folder): values to 1e-5, gradients to 1e-4 in relative norm where nothing else is said.
/// </summary>
[Collection(nameof(OneAtATime))] // 2.6 GB
public sealed class GoldenLossTests
{
    // Of the gradient, the golden file and float64 differ by up to 2.4e-3: where an activation lies within float32's rounding of leaky ReLU's
    // kink, the reference took one side and another order of summation takes the other. So the pixels that such an activation sees are
    // compared apart.
    [Theory]
    [InlineData("SISR", "mdf_sisr", false)]
    [InlineData("JPEG", "mdf_jpeg", false)]
    [InlineData("SISR", "mdf_sisr", true)]
    [InlineData("JPEG", "mdf_jpeg", true)]
    public void Mdf_loss_equals_upstream(string weights, string golden, bool isPlain)
    {
        using var scope = NewDisposeScope();
        var expected = Golden.Read(golden);
        foreach (var (scales, ascending) in new[] { (8, true), (3, true), (3, false) })
        {
            var stack = DiscriminatorStack.Load(Shared.Path("reference", "upstream", $"Ds_{weights}.pth"));
            using var loss = new MdfLoss(stack, scales, ascending) { IsPlain = isPlain };
            var restored = expected["restored"].clone().requires_grad_(true);
            var value = loss.call(restored, expected["reference"]);
            value.backward();
            var key = $"scales{scales}_{(ascending ? "ascending" : "descending")}";
            Assert.InRange(Golden.RelativeError(value, expected[$"loss_{key}"][0]), 0, 1e-5);

            var (found, wanted) = (restored.grad!, expected[$"grad_{key}"]);
            var clear = AwayFromKinks(Enumerable.Range(0, scales).Select(k => stack[ascending ? k : stack.Count - 1 - k].Fold()), expected["restored"]);
            Assert.InRange(clear.mean().item<double>(), 0.8, 1);
            Assert.InRange(Golden.RelativeError(found * clear, wanted * clear), 0, 1e-5);
            Assert.InRange(Golden.RelativeError(found, wanted), 0, 3e-3);
        }
    }

    /// <summary>1 for pixels seen by no activation that is nearly zero, else 0; shape <c>(N, 1, H, W)</c>.</summary>
    private static Tensor AwayFromKinks(IEnumerable<FoldedDiscriminator> discriminators, Tensor image)
    {
        const double nearly = 4e-6; // of the layer's root mean square
        var seen = zeros([image.shape[0], 1, image.shape[2], image.shape[3]], dtype: float64);
        foreach (var discriminator in discriminators)
        {
            var features = image.to(float64);
            foreach (var (layer, index) in discriminator.Layers.SkipLast(1).Select((layer, index) => (layer, index)))
            {
                features = nn.functional.conv2d(features, tensor(layer.Weight).view(layer.Outputs, layer.Inputs, 3, 3), tensor(layer.Bias));
                var near = (features.abs() < features.Square().mean().sqrt().Mul(nearly)).any(1, keepdim: true).to(float64);
                var size = 2 * index + 3; // what the layer sees of the image
                seen = maximum(seen, nn.functional.max_pool2d(nn.functional.pad(near, [size - 1, size - 1, size - 1, size - 1]), [size, size], [1, 1]));
                features = features.LeakyRelu(0.2);
            }
        }

        return seen.SubFrom(1);
    }

    [Theory]
    [InlineData("SISR", "mdf_sisr")]
    [InlineData("JPEG", "mdf_jpeg")]
    public void Features_equal_upstream(string weights, string golden)
    {
        using var scope = NewDisposeScope();
        var expected = Golden.Read(golden);
        using var stack = DiscriminatorStack.Load(Shared.Path("reference", "upstream", $"Ds_{weights}.pth"));
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
        var similarity = loss.call(expected["restored"], expected["reference"]).SubFrom(1);
        Assert.InRange(Golden.RelativeError(similarity, expected[key]), 0, 1e-5);
    }
}
