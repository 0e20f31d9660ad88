using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>An asymmetric generalised Gaussian distribution: exp(−(|x| / β)^α), with a separate β on each side of zero.</summary>
/// <param name="Shape">α, on the grid of NIQE's authors: from 0.2 to 10 in steps of 0.001. The value 2 is a Gaussian.</param>
/// <param name="LeftScale">β below zero; NaN if no value is below zero.</param>
/// <param name="RightScale">β above zero; NaN if no value is above zero.</param>
/// <param name="Mean">The mean.</param>
internal readonly record struct AsymmetricGaussian(double Shape, double LeftScale, double RightScale, double Mean)
{
    private static readonly Lazy<Grid> s_grid = new(Grid.Make);

    /// <summary>Fits the distribution by its moments (Lasmar, Stitou and Berthoumieu, "Multiscale Skewed Heavy Tailed Model for Texture Analysis", 2009).</summary>
    /// <param name="values">The samples.</param>
    public static AsymmetricGaussian Fit(ReadOnlySpan<float> values)
    {
        var (leftSquares, rightSquares, magnitudes) = (0.0, 0.0, 0.0);
        var (left, right) = (0, 0);
        foreach (double value in values)
        {
            magnitudes += Math.Abs(value);
            if (value < 0)
                (leftSquares, left) = (leftSquares + value * value, left + 1);
            else if (value > 0)
                (rightSquares, right) = (rightSquares + value * value, right + 1);
        }

        // If one side has no values, all of this is NaN, and the shape is the first on the grid.
        var (leftDeviation, rightDeviation) = (Math.Sqrt(leftSquares / left), Math.Sqrt(rightSquares / right));
        var ratio = leftDeviation / rightDeviation;
        var moments = magnitudes * magnitudes / values.Length / (leftSquares + rightSquares);
        var (ratioSquared, ratioCubed) = (ratio * ratio, ratio * ratio * ratio);
        var grid = s_grid.Value;
        var i = grid.Nearest(moments * (ratioCubed + 1) * (ratio + 1) / ((ratioSquared + 1) * (ratioSquared + 1)));
        var (leftScale, rightScale) = (leftDeviation * grid.ScaleByDeviation[i], rightDeviation * grid.ScaleByDeviation[i]);
        return new(grid.Shape[i], leftScale, rightScale, (rightScale - leftScale) * grid.MeanByScale[i]);
    }

    /// <summary>The quantities that depend only on the shape α, for every α on the grid.</summary>
    /// <param name="Shape">α.</param>
    /// <param name="Moments">E|x|² / E x² of the symmetric distribution: Γ(2/α)² / (Γ(1/α) Γ(3/α)), which grows with α.</param>
    /// <param name="ScaleByDeviation">β divided by the standard deviation: √(Γ(1/α) / Γ(3/α)).</param>
    /// <param name="MeanByScale">The mean divided by the difference of the scales, as in NIQE: Γ(2/α) / Γ(1/α).</param>
    private sealed record Grid(double[] Shape, double[] Moments, double[] ScaleByDeviation, double[] MeanByScale)
    {
        private const double First = 0.2;
        private const double Step = 0.001;
        private const int Count = 9801; // up to 10

        public static Grid Make()
        {
            using var scope = NewDisposeScope();
            var shape = tensor([.. Enumerable.Range(0, Count).Select(i => i * Step + First)], float64);
            var (one, two, three) = (shape.reciprocal().lgamma(), shape.reciprocal().Mul(2).lgamma(), shape.reciprocal().Mul(3).lgamma());
            return new(Numbers(shape), Numbers((two.Mul(2) - one - three).exp()), Numbers((one - three).Div(2).exp()), Numbers((two - one).exp()));

            static double[] Numbers(Tensor values) => values.data<double>().ToArray();
        }

        /// <summary>Returns the index at which <see cref="Moments"/> is nearest to a value; 0 for NaN.</summary>
        public int Nearest(double moments)
        {
            var above = Array.BinarySearch(Moments, moments); // NaN counts as less than any number
            if (above < 0)
                above = ~above;
            if (above == 0)
                return 0;
            return above < Count && Moments[above] - moments < moments - Moments[above - 1] ? above : above - 1;
        }
    }
}
