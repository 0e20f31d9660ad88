using System.Globalization;
using Mdf.Evaluation;
using Mdf.Runtime;
using Mdf.Training;

namespace Mdf.Experiments.Sweeps;

/// <summary>
/// The median rule: a cell stops if, at a validation, its measure is worse than the median of the other cells at the same step. It is the "median stopping rule"
/// of Golovin et al., "Google Vizier" (KDD 2017), for the value at this step instead of its running average.
/// </summary>
/// <param name="Measure">The measure. The loss would not do, because cells may have different losses.</param>
/// <param name="After">The first step at which a cell may stop.</param>
/// <param name="Others">The smallest number of other cells that must have reached the step.</param>
/// <remarks>Which cells have reached a step depends on the order in which they run: with several jobs, another order may stop other cells.</remarks>
internal sealed record MedianStopping(Measure Measure, int After, int Others)
{
    private const int DefaultOthers = 3;

    private static readonly string[] s_keys = ["measure", "after", "others"];

    /// <summary>Reads the section <c>stop_early</c> of a sweep file; null if there is none.</summary>
    /// <param name="root">The file.</param>
    /// <exception cref="InputException">A key is unknown or missing, or a value is out of range.</exception>
    public static MedianStopping? Read(Section root)
    {
        var section = root.Inner("stop_early", s_keys);
        if (section.IsEmpty)
            return null;
        var name = section.Text("measure", Experiment.TextRange) ?? throw section.Missing("measure", "the name of a measure, such as psnr_y");
        var (after, others) = (section.Integer("after", ValueRange.Whole(1)) ?? 1, section.Integer("others", ValueRange.Whole(1)) ?? DefaultOthers);
        try
        {
            return new MedianStopping(BestRule.Find(name), after, others);
        }
        catch (InputException e)
        {
            throw section.Refused("measure", e.Message);
        }
    }

    /// <summary>Whether a cell stops.</summary>
    /// <param name="iteration">The step of the validation.</param>
    /// <param name="value">The measure of the cell; null if it has none.</param>
    /// <param name="others">The measures of the other cells at the same step.</param>
    public bool Stops(int iteration, double? value, IReadOnlyList<double> others)
    {
        if (iteration < After || value is not { } own || others.Count < Others)
            return false;
        double[] sorted = [.. others.Where(other => !double.IsNaN(other)).Order()];
        if (sorted.Length < Others)
            return false;
        var median = (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
        return double.IsNaN(own) || (Measure.Direction == Direction.Lower ? own > median : own < median);
    }

    /// <summary>The rule as text, for the settings of a cell.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"stop_early: {Measure.Name} after {After} others {Others}");
}
