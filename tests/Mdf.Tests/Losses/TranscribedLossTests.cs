using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Losses;

/// <summary>
/// Losses against a second, independent text of the same definitions: <c>transcriptions/losses.py</c>, whose output these numbers are (PyTorch 1.13, float64).
/// </summary>
public sealed class TranscribedLossTests
{
    private const int Height = 80;
    private const int Width = 97;

    [Theory]
    [InlineData("gradient", 0.0637422381265, 0.01376391853, 1.274029662)]
    [InlineData("chroma", 0.0252844742208, 0.005136392308, 0.5005875967)]
    [InlineData("focal-frequency", 0.000907794934579, 0.0003697597192, 0.03575827848)]
    [InlineData("focal-frequency?alpha=0.5", 0.00104047709716, 0.0003949411489, 0.0405910644)]
    [InlineData("ms-ssim-l1", 0.158899273981, 0.07666619534, 5.410771375)]
    [InlineData("gmsd", 0.00796166524564, 0.04072031414, 0.2418539962)]
    [InlineData("haarpsi", 0.0440032542953, 0.07582879953, 1.277764623)]
    [InlineData("flip", 0.103263758691, 0.04012959428, 1.09764577)]
    [InlineData("flip?ppd=30", 0.204335817145, 0.04372159361, 2.79643785)]
    [InlineData("fsim", 0.0288364335736, 0.03640827082, 0.95377465)]
    [InlineData("fsimc", 0.0340804717767, 0.03702992116, 1.157433003)]
    public void Value_and_gradient_equal_the_transcription(string name, double value, double length, double product)
    {
        using var scope = NewDisposeScope();
        using var loss = LossExpression.Parse(name).Create();
        var (reference, direction) = (Image(Reference), Image(Direction));
        var restored = Image((c, y, x) => Reference(c, y, x) + 0.05 * Direction(c, y, x) + 0.01 * Math.Cos(0.19 * x + c)).requires_grad_(true);
        var found = loss.call(restored, reference);
        found.backward();
        // Of FLIP, the powers of the smallest differences are straight lines here.
        var tolerance = name.StartsWith("flip", StringComparison.Ordinal) ? 1e-6 : 1e-9;
        Assert.Equal(1, found.Number() / value, tolerance);
        Assert.Equal(1, restored.grad!.norm().Number() / length, 100 * tolerance);
        Assert.Equal(1, (restored.grad! * direction).sum().Number() / product, 100 * tolerance);
    }

    /// <summary>The weights of the focal frequency loss are constants, so its gradient is that of a square: in the direction of the error, twice the value.</summary>
    [Theory]
    [InlineData("focal-frequency")]
    [InlineData("focal-frequency?alpha=2.5")]
    public void The_gradient_of_the_focal_frequency_loss_leaves_out_its_weights(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = LossExpression.Parse(name).Create();
        var reference = Image(Reference);
        var restored = reference.Add(Image(Direction), 0.1).requires_grad_(true);
        var value = loss.call(restored, reference);
        value.backward();
        Assert.Equal(1, (restored.grad! * (restored - reference)).sum().Number() / (2 * value.Number()), 1e-12);
    }

    private static double Reference(int c, int y, int x) => 0.5 + 0.3 * Math.Sin(0.11 * (c + 1) * y + 0.07 * x) + 0.15 * Math.Cos(0.023 * x * y + c);

    private static double Direction(int c, int y, int x) => Math.Sin(1.3 * y + 0.7 * x + 2 * c) + 0.3 * Math.Sin(0.9 * x * y + c);

    private static Tensor Image(Func<int, int, int, double> value)
    {
        var samples = from c in Enumerable.Range(0, 3) from y in Enumerable.Range(0, Height) from x in Enumerable.Range(0, Width) select value(c, y, x);
        return tensor(samples.ToArray()).view(1, 3, Height, Width);
    }
}
