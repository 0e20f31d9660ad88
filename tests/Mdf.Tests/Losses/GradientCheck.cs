using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Losses;

/// <summary>Compares a gradient with central differences along random directions, in float64.</summary>
internal static class GradientCheck
{
    /// <param name="function">Maps an image to a scalar.</param>
    /// <param name="at">The image.</param>
    /// <param name="directions">The number of directions.</param>
    /// <param name="step">Half the distance of the two values. A function with many kinks needs a small one, so that few kinks lie between them.</param>
    /// <returns>The largest relative error over the directions.</returns>
    public static double RelativeError(Func<Tensor, Tensor> function, Tensor at, int directions = 6, double step = 1e-6) => RelativeErrors(function, at, directions, step)[^1];

    /// <summary>Does the same.</summary>
    /// <returns>The relative errors of all directions, in ascending order.</returns>
    public static double[] RelativeErrors(Func<Tensor, Tensor> function, Tensor at, int directions, double step)
    {
        using var scope = NewDisposeScope();
        var point = at.detach().to(float64).clone().requires_grad_(true);
        var gradient = autograd.grad([function(point)], [point])[0];
        var random = new Generator(1);
        var errors = new double[directions];
        using var _ = no_grad();
        for (var i = 0; i < directions; i++)
        {
            // Half of the directions touch few values, so that an error at single positions is not averaged away.
            var touched = i % 2 == 0 ? ones_like(point) : rand(point.shape, dtype: float64, generator: random).Lt(0.01).to(float64);
            var direction = touched * randn(point.shape, dtype: float64, generator: random);
            var numeric = (function(point.Add(direction.Mul(step))) - function(point - direction.Mul(step))).Div(2 * step).item<double>();
            var analytic = (gradient * direction).sum().item<double>();
            // The size that a product with a random direction has: the product itself may happen to be near zero.
            errors[i] = Math.Abs(numeric - analytic) / (gradient * touched).norm().item<double>();
        }

        Array.Sort(errors);
        return errors;
    }
}
