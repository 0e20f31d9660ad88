using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Losses;

/// <summary>Compares a gradient with central differences along random directions, in float64.</summary>
internal static class GradientCheck
{
    /// <param name="function">To a scalar.</param>
    /// <param name="at">Where.</param>
    /// <param name="directions">How many.</param>
    /// <param name="step">The length of a step. With a smaller one, fewer kinks lie between its ends, and rounding shows more.</param>
    /// <returns>The largest relative error over the directions.</returns>
    public static double RelativeError(Func<Tensor, Tensor> function, Tensor at, int directions = 6, double step = 1e-6)
    {
        using var scope = NewDisposeScope();
        var point = at.detach().to(float64).clone().requires_grad_(true);
        var gradient = autograd.grad([function(point)], [point])[0];
        var random = new Generator(1);
        var worst = 0.0;
        using var _ = no_grad();
        for (var i = 0; i < directions; i++)
        {
            // Half of the directions touch few values, so that an error at single positions is not averaged away.
            var touched = i % 2 == 0 ? ones_like(point) : rand(point.shape, dtype: float64, generator: random).Lt(0.01).to(float64);
            var direction = touched * randn(point.shape, dtype: float64, generator: random);
            var numeric = (function(point.Add(direction.Mul(step))) - function(point - direction.Mul(step))).Div(2 * step).item<double>();
            var analytic = (gradient * direction).sum().item<double>();
            // The size that a product with a random direction has: the product itself may happen to be near zero.
            worst = Math.Max(worst, Math.Abs(numeric - analytic) / (gradient * touched).norm().item<double>());
        }

        return worst;
    }
}
