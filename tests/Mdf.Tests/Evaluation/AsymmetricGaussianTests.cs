using Mdf.Evaluation;

namespace Mdf.Tests.Evaluation;

public sealed class AsymmetricGaussianTests
{
    [Theory]
    [InlineData(1, 3, 3)] // Laplace
    [InlineData(2, 1, 1)] // Gauss
    [InlineData(2, 1, 2)]
    [InlineData(0.5, 2, 1)]
    public void A_samples_own_parameters_are_found(double shape, double left, double right)
    {
        // |x|^α is gamma distributed with the parameter 1/α; a side is chosen as often as it is wide.
        var random = new Random(1);
        var values = new float[400_000];
        for (var i = 0; i < values.Length; i++)
        {
            var isLeft = random.NextDouble() < left / (left + right);
            values[i] = (float)(Math.Pow(Gamma(1 / shape), 1 / shape) * (isLeft ? -left : right));
        }

        var fit = AsymmetricGaussian.Fit(values);
        Assert.Equal(1, fit.Shape / shape, 0.02);
        Assert.Equal(1, fit.LeftScale / left, 0.04);
        Assert.Equal(1, fit.RightScale / right, 0.04);
        Assert.Equal(values.Average(), fit.Mean, 0.1 * Math.Max(left, right));

        // For 1/α = 2, 1, 1/2: sums of exponential variables, and half the square of a Gaussian one.
        double Gamma(double parameter) => parameter switch
        {
            2 => Exponential() + Exponential(),
            1 => Exponential(),
            _ => Exponential() * Math.Pow(Math.Cos(2 * Math.PI * random.NextDouble()), 2),
        };

        double Exponential() => -Math.Log(1 - random.NextDouble());
    }

    [Fact]
    public void The_shape_stays_on_its_grid()
    {
        Assert.Equal(10, AsymmetricGaussian.Fit([-1, 1, -1, 1]).Shape, 1e-9); // two values: flatter than any shape
        Assert.Equal(0.2, AsymmetricGaussian.Fit([.. new float[100_000], -1, 1]).Shape, 1e-9); // two outliers: more peaked than any
    }

    [Fact]
    public void Values_on_one_side_have_no_scale_on_the_other()
    {
        var fit = AsymmetricGaussian.Fit([1, 2, 0]);
        Assert.Equal((0.2, double.NaN, double.NaN), (fit.Shape, fit.LeftScale, fit.Mean));
        Assert.True(double.IsFinite(fit.RightScale));
        Assert.Equal((double.NaN, double.NaN), (AsymmetricGaussian.Fit([0, 0]).LeftScale, AsymmetricGaussian.Fit([0, 0]).RightScale));
    }
}
