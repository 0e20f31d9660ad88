using MathNet.Numerics.LinearAlgebra;
using MathNet.Numerics.Optimization;

namespace Mdf.Evaluation;

/// <summary>
/// The function that maps the values of a measure to the scores of people before Pearson's correlation:
/// q(x) = β₁·(1/2 − 1/(1 + exp(β₂·(x − β₃)))) + β₄·x + β₅.
/// </summary>
/// <remarks>
/// Sheikh, Sabir and Bovik, "A Statistical Evaluation of Recent Full Reference Image Quality Assessment Algorithms" (IEEE Transactions on Image Processing, 2006), as is usual
/// since VQEG's reports. Least squares by Levenberg and Marquardt. The values are first shifted and scaled to mean 0 and deviation 1, so the fit does not depend on their unit.
/// </remarks>
internal static class LogisticFit
{
    private const int Iterations = 200;

    /// <summary>Computes Pearson's correlation between the scores of people and the fitted values of a measure.</summary>
    /// <param name="values">The values of the measure.</param>
    /// <param name="opinions">The scores of people, as many.</param>
    /// <param name="start">The parameters to start from; null for the usual start. Replaced by the parameters that were found.</param>
    /// <returns>
    /// In [0, 1], at least the size of Pearson's correlation without the fit. The sign is lost, because the function may fall as well as rise. NaN if all values of one sample are equal.
    /// </returns>
    public static double Correlate(double[] values, double[] opinions, ref double[]? start)
    {
        var linear = Math.Abs(Correlation.Pearson(values, opinions));
        if (double.IsNaN(linear))
            return double.NaN;
        var x = Standardize(values);
        var y = Standardize(opinions);
        start ??= [Math.CopySign(y.Max() - y.Min(), Correlation.Pearson(x, y)), 1, 0, 0, 0];
        try
        {
            var objective = ObjectiveFunction.NonlinearModel(
                (p, at) => Vector<double>.Build.Dense(at.Count, i => Value(p, at[i])),
                (p, at) => Matrix<double>.Build.Dense(at.Count, p.Count, (i, j) => Derivative(p, at[i], j)),
                Vector<double>.Build.Dense(x), Vector<double>.Build.Dense(y));
            var found = new LevenbergMarquardtMinimizer(maximumIterations: Iterations).FindMinimum(objective, Vector<double>.Build.Dense(start)).MinimizingPoint;
            if (found.All(double.IsFinite))
            {
                start = found.ToArray();
                var fitted = Correlation.Pearson([.. x.Select(value => Value(found, value))], y);
                return fitted > linear ? fitted : linear;
            }
        }
        catch (Exception e) when (e is MathNet.Numerics.NonConvergenceException or ArithmeticException or ArgumentException or InvalidOperationException)
        {
            // The straight line is one of the functions of this form.
        }

        return linear;
    }

    private static double Value(Vector<double> p, double x) => p[0] * (Sigmoid(p[1] * (x - p[2])) - 0.5) + p[3] * x + p[4];

    private static double Derivative(Vector<double> p, double x, int parameter)
    {
        var sigmoid = Sigmoid(p[1] * (x - p[2]));
        var slope = p[0] * sigmoid * (1 - sigmoid);
        return parameter switch
        {
            0 => sigmoid - 0.5,
            1 => slope * (x - p[2]),
            2 => -slope * p[1],
            3 => x,
            _ => 1,
        };
    }

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static double[] Standardize(double[] values)
    {
        var mean = values.Average();
        var deviation = Math.Sqrt(values.Average(value => (value - mean) * (value - mean)));
        return [.. values.Select(value => (value - mean) / deviation)];
    }
}
