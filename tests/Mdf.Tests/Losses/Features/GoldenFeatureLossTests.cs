using Mdf.Losses;
using Mdf.Losses.Features;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Tests.Losses.Features;

/// <summary>
/// The VGG-16 loss and LPIPS against the numbers of their authors' code, with weights that a formula gives (computed with PyTorch 1.13; see the README of the reference
/// folder): values to 1e-4, gradients to 1e-4 in relative norm.
/// </summary>
public sealed class GoldenFeatureLossTests
{
    [Theory]
    [InlineData(false, "native")]
    [InlineData(true, "resize224")]
    public void Vgg16_equals_upstream(bool resize, string key)
    {
        using var scope = NewDisposeScope();
        var expected = Golden.Read("vgg16_formula_weights");
        using var loss = new Vgg16Loss(FormulaWeights.Trunk(Trunks.Vgg16, Vgg16Loss.Layers), resize);
        Compare(loss, expected, $"loss_{key}", $"grad_{key}");
    }

    [Theory]
    [InlineData(LpipsNetwork.Alex, "alex")]
    [InlineData(LpipsNetwork.Vgg, "vgg")]
    [InlineData(LpipsNetwork.Squeeze, "squeeze")]
    public void Lpips_equals_the_authors(LpipsNetwork network, string key)
    {
        using var scope = NewDisposeScope();
        var expected = Golden.Read("lpips_formula_weights");
        using var published = PretrainedContent.Open(Shared.Path("reference", "upstream", "lpips_v0.1", $"{key}.pth"), PretrainedFiles.All);
        Assert.Equal((LpipsLoss.NameOf(network), true), (published.Published.Name, published.IsPublished));
        var heads = published.Published.Weights.Select(published.Read).ToArray();
        Assert.All(heads.Select((head, i) => (head, i)), each => Assert.True(Golden.AreEqual(each.head, expected[$"lin_{key}.{each.i}"])));
        var (trunk, _, layers) = LpipsLoss.Architecture(network);
        using var loss = new LpipsLoss(network, FormulaWeights.Trunk(trunk, layers), heads);
        Compare(loss, expected, $"lpips_{key}", $"grad_{key}");
    }

    private static void Compare(ReconstructionLoss loss, Dictionary<string, Tensor> expected, string valueKey, string gradientKey)
    {
        var gradientErrors = new List<double>();
        foreach (var type in new[] { float64, float32 })
        {
            var restored = expected["restored"].to(type).clone().requires_grad_(true);
            var value = loss.call(restored, expected["reference"].to(type));
            value.backward();
            var (valueError, gradientError) = (Golden.RelativeError(value, expected[valueKey][0]), Golden.RelativeError(restored.grad!, expected[gradientKey]));
            TestContext.Current.SendDiagnosticMessage("{0}, {1}: value {2:e1}, gradient {3:e1}", loss.Expression, type, valueError, gradientError);
            Assert.InRange(valueError, 0, 1e-4);
            gradientErrors.Add(gradientError);
        }

        // Where an activation lies within rounding of ReLU's kink, or two values of a pooling are equal within rounding, another order of summation takes the other side. The
        // golden gradient took one side; it is that of float32 or that of float64, and the other differs by up to 2.4e-3.
        Assert.InRange(gradientErrors.Min(), 0, 1e-4);
        Assert.InRange(gradientErrors.Max(), 0, 5e-3);
    }
}
