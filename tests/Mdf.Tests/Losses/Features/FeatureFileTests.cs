using System.Text.Json;
using Mdf.Losses;
using Mdf.Losses.Features;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Tests.Losses.Features;

/// <summary>
/// Values and gradients of losses against golden/features.json, which golden/features.py computes from the definitions with PyTorch's autograd, with weights that a formula gives.
/// In float64, so that no activation takes another side of ReLU's kink.
/// </summary>
public sealed class FeatureFileTests
{
    private static readonly JsonElement[] s_cases = [.. JsonDocument.Parse(
        File.ReadAllText(Path.Combine(Shared.Repository, "tests", "Mdf.Tests", "Losses", "Features", "golden", "features.json"))).RootElement.EnumerateArray()];

    public static TheoryData<string> Losses => [.. s_cases.Select(each => each.GetProperty("loss").GetString()!)];

    [Theory]
    [MemberData(nameof(Losses))]
    public void Values_and_gradients_are_those_of_the_definition(string expression)
    {
        using var scope = NewDisposeScope();
        var golden = s_cases.Single(each => each.GetProperty("loss").GetString() == expression);
        var (restored, reference) = GoldenFileTests.Pair(golden.GetProperty("height").GetInt32(), golden.GetProperty("width").GetInt32());
        using var loss = Create(expression);
        loss.Reduction = Reduction.None;
        var values = loss.call(restored.requires_grad_(), reference);
        values.mean().backward();

        foreach (var (found, expected) in values.data<double>().Zip(golden.GetProperty("values").EnumerateArray().Select(value => value.GetDouble())))
            Assert.Equal(1, found / expected, 1e-6);
        var gradient = restored.grad!.flatten().data<double>().ToArray();
        var norm = golden.GetProperty("gradient_norm").GetDouble();
        Assert.Equal(1, Math.Sqrt(gradient.Sum(value => value * value)) / norm, 1e-6);
        foreach (var entry in golden.GetProperty("gradient").EnumerateObject())
            Assert.InRange(gradient[int.Parse(entry.Name)] - entry.Value.GetDouble(), -1e-5 * norm / Math.Sqrt(gradient.Length), 1e-5 * norm / Math.Sqrt(gradient.Length));
    }

    private static ReconstructionLoss Create(string expression) => expression switch
    {
        "vgg19" => Vgg19("conv1_2:0.1,conv2_2:0.1,conv3_4:1,conv4_4:1,conv5_4:1"),
        "vgg19?layers=relu2_2:0.5,conv3_1:2&criterion=l2&style=3" => Vgg19("conv3_1:2,relu2_2:0.5", FeatureCriterion.L2, 3),
        "vgg19?layers=relu1_1&criterion=charbonnier&style=0.5" => Vgg19("relu1_1", FeatureCriterion.Charbonnier, 0.5),
        "dists" => new DistsLoss(FormulaWeights.Trunk(Trunks.DistsVgg16, DistsLoss.Layers), Factors(Math.Sin), Factors(Math.Cos)),
        "resnet18" => new ResNet18Loss(FormulaWeights.Trunk(Trunks.ResNet18, ResNet18Loss.Layers)),
        "resnet18?normalize=unit" => new ResNet18Loss(FormulaWeights.Trunk(Trunks.ResNet18, ResNet18Loss.Layers), unit: true),
        _ => throw new ArgumentException(expression),
    };

    private static Vgg19Loss Vgg19(string layers, FeatureCriterion criterion = FeatureCriterion.L1, double style = 0)
    {
        var read = Vgg19Layer.Read(layers)!;
        return new Vgg19Loss(FormulaWeights.Trunk(Trunks.Vgg19, Vgg19Loss.Names(read)), read, criterion, style);
    }

    private static Tensor Factors(Func<double, double> wave) => tensor(Enumerable.Range(0, 1475).Select(k => (float)(0.1 + 0.05 * wave(k))).ToArray(), [1, 1475, 1, 1]);

    [Theory]
    [InlineData("")]
    [InlineData("conv9_1")]
    [InlineData("pool1")]
    [InlineData("conv1_1:0")]
    [InlineData("conv1_1:-1")]
    [InlineData("conv1_1:nan")]
    [InlineData("conv1_1:1:1")]
    [InlineData("conv1_1,conv1_1:2")]
    public void Layers_that_do_not_exist_are_refused(string text) => Assert.Null(Vgg19Layer.Read(text));
}
