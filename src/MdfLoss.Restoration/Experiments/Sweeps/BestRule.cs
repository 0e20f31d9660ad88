using System.Globalization;
using System.Text.RegularExpressions;
using Mdf.Evaluation;
using Mdf.Runtime;

namespace Mdf.Experiments.Sweeps;

/// <summary>
/// The rule that chooses a setting of a sweep: the best by one measure, such as <c>psnr_y</c>, or the best by one among those that lose little of another:
/// <c>resnet18 within 0.1 dB of the best psnr-y</c>.
/// </summary>
/// <param name="Measure">The measure that decides.</param>
/// <param name="Within">The largest loss of <paramref name="Of"/>, in its unit; at least 0.</param>
/// <param name="Of">The other measure; null if there is none.</param>
internal sealed partial record BestRule(Measure Measure, double Within, Measure? Of)
{
    private const string Form = "a measure, such as psnr_y, or a rule such as 'resnet18 within 0.1 dB of the best psnr_y'";

    /// <summary>The measures that the rule reads.</summary>
    public IEnumerable<Measure> Measures => Of is null ? [Measure] : [Measure, Of];

    /// <summary>Reads a rule.</summary>
    /// <param name="text">The rule.</param>
    /// <exception cref="InputException">It is no rule, or a measure is unknown or has no better values.</exception>
    public static BestRule Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var match = Rule().Match(text.Trim());
        if (!match.Success)
            throw new InputException($"expected {Form}, found {Untrusted.Quote(text)}");
        if (!match.Groups["of"].Success)
            return new BestRule(Find(match.Groups["measure"].Value), 0, null);
        var of = Find(match.Groups["of"].Value);
        if (match.Groups["unit"].Success && match.Groups["unit"].Value != of.Unit)
            throw new InputException($"expected a distance in {of.Unit ?? "no unit"}, as '{of.Name}' has, found '{match.Groups["unit"].Value}'");
        return double.TryParse(match.Groups["within"].Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var within) && within >= 0 && double.IsFinite(within)
            ? new BestRule(Find(match.Groups["measure"].Value), within, of)
            : throw new InputException($"expected a number of at least 0 after 'within', found '{match.Groups["within"].Value}'");
    }

    /// <summary>Chooses the best of several.</summary>
    /// <param name="candidates">The candidates. Of equal ones the first is chosen.</param>
    /// <param name="value">The value of a measure for a candidate; null if there is none.</param>
    /// <returns>The best; null if no candidate has a value.</returns>
    public T? Choose<T>(IEnumerable<T> candidates, Func<T, Measure, double?> value)
        where T : class
    {
        T[] known = [.. candidates.Where(candidate => Measures.All(measure => value(candidate, measure) is { } number && !double.IsNaN(number)))];
        if (known.Length == 0)
            return null;
        if (Of is not null)
        {
            var best = known.Max(candidate => Score(candidate, Of));
            known = [.. known.Where(candidate => Score(candidate, Of) >= best - Within)];
        }

        return known.MaxBy(candidate => Score(candidate, Measure));

        // Larger is better.
        double Score(T candidate, Measure measure) => value(candidate, measure)!.Value * (measure.Direction == Direction.Lower ? -1 : 1);
    }

    /// <summary>The rule as text.</summary>
    public override string ToString() => Of is null
        ? Measure.Name
        : string.Create(CultureInfo.InvariantCulture, $"{Measure.Name} within {Within}{(Of.Unit is null ? "" : $" {Of.Unit}")} of the best {Of.Name}");

    /// <summary>Finds a measure that has better and worse values.</summary>
    /// <param name="name">Its name, or a loss expression.</param>
    /// <exception cref="InputException">There is none of this name, or it has no direction.</exception>
    internal static Measure Find(string name) => Evaluation.Measures.Parse([name]) is [{ Direction: not Direction.None } measure]
        ? measure
        : throw new InputException($"expected one measure with better and worse values, found '{name}'");

    [GeneratedRegex(@"\A(?<measure>\S+)(\s+within\s+(?<within>[^\s]+?)\s*(?<unit>[A-Za-z]+)?\s+of\s+the\s+best\s+(?<of>\S+))?\z")]
    private static partial Regex Rule();
}
