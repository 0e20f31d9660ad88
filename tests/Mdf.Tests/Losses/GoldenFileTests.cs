using System.Text.Json;
using Mdf.Losses;
using static TorchSharp.torch;

namespace Mdf.Tests.Losses;

/// <summary>Values and gradients of losses against golden/losses.json, which golden/losses.py computes from the definitions with PyTorch's autograd. It needs no other files.</summary>
public sealed class GoldenFileTests
{
    private static readonly JsonElement[] s_cases =
        [.. JsonDocument.Parse(File.ReadAllText(Path.Combine(Shared.Repository, "tests", "Mdf.Tests", "Losses", "golden", "losses.json"))).RootElement.EnumerateArray()];

    public static TheoryData<string> Losses => [.. s_cases.Select(each => each.GetProperty("loss").GetString()!)];

    [Theory]
    [MemberData(nameof(Losses))]
    public void Values_and_gradients_are_those_of_the_definition(string expression)
    {
        using var scope = NewDisposeScope();
        var golden = s_cases.Single(each => each.GetProperty("loss").GetString() == expression);
        var (exactRestored, exactReference) = Pair(golden.GetProperty("height").GetInt32(), golden.GetProperty("width").GetInt32());
        var (restored, reference) = (exactRestored.to(float32), exactReference.to(float32));
        using var loss = LossExpression.Parse(expression).Create();
        loss.Reduction = Reduction.None;
        var values = loss.call(restored.requires_grad_(), reference);
        values.mean().backward();

        foreach (var (found, expected) in values.data<float>().Zip(Numbers(golden.GetProperty("values"))))
            Assert.InRange(found - expected, -1e-5 * expected - 5e-6, 1e-5 * expected + 5e-6); // 5e-6: similarities near 1, five of them multiplied, are rounded to float32
        var gradient = restored.grad!.flatten().data<float>().ToArray();
        var norm = golden.GetProperty("gradient_norm").GetDouble();
        Assert.InRange(Math.Sqrt(gradient.Sum(value => (double)value * value)) / norm, 1 - 1e-4, 1 + 1e-4);
        // A value of float32 against one of float64: its error is relative to a typical value of the gradient.
        foreach (var entry in golden.GetProperty("gradient").EnumerateObject())
            Assert.InRange(gradient[int.Parse(entry.Name)] - entry.Value.GetDouble(), -1e-3 * norm / Math.Sqrt(gradient.Length), 1e-3 * norm / Math.Sqrt(gradient.Length));
    }

    private static IEnumerable<double> Numbers(JsonElement array) => array.EnumerateArray().Select(value => value.GetDouble());

    /// <summary>The formulas of golden/losses.py: two images and their restored versions, in float64.</summary>
    internal static (Tensor Restored, Tensor Reference) Pair(int height, int width)
    {
        var (restored, reference) = (new double[2 * 3 * height * width], new double[2 * 3 * height * width]);
        var i = 0;
        for (var n = 0; n < 2; n++)
        {
            for (var c = 0; c < 3; c++)
            {
                for (var y = 0; y < height; y++)
                {
                    for (var x = 0; x < width; x++, i++)
                    {
                        var value = 0.5 + 0.3 * Math.Sin(0.37 * x + 0.9 * c + n) * Math.Cos(0.23 * y) + 0.2 * ((7 * x + 13 * y + 5 * c) % 17 / 16.0 - 0.5);
                        reference[i] = value;
                        restored[i] = 0.9 * value + 0.05 + 0.1 * ((3 * x + 5 * y + 11 * c + n) % 7 / 6.0 - 0.5);
                    }
                }
            }
        }

        return (tensor(restored, [2, 3, height, width]), tensor(reference, [2, 3, height, width]));
    }
}
