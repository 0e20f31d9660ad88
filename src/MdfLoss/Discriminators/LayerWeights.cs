using System.Globalization;

namespace Mdf.Discriminators;

/// <summary>What the distance of each layer counts in the MDF loss; 1 each as upstream has it.</summary>
/// <param name="Head">The features after the head; not negative.</param>
/// <param name="Body">The features after the body; not negative.</param>
/// <param name="Tail">The final map; not negative.</param>
public readonly record struct LayerWeights(double Head, double Body, double Tail)
{
    /// <summary>1 each: upstream's.</summary>
    public static LayerWeights Equal { get; } = new(1, 1, 1);

    /// <summary>The three, in the order of the layers.</summary>
    public IReadOnlyList<double> Values => [Head, Body, Tail];

    /// <summary>Whether they are finite, not negative, and not all 0, also as 32-bit numbers.</summary>
    public bool AreUsable => Values.All(weight => weight >= 0 && float.IsFinite((float)weight)) && Values.Any(weight => (float)weight > 0);

    /// <summary>As it stands in a file's metadata: <c>1,1,0.5</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Head},{Body},{Tail}");

    /// <summary>Reads three usable numbers, as <see cref="ToString"/> writes them.</summary>
    /// <param name="text">Such as <c>1,1,0.5</c>: head, body, final map.</param>
    /// <param name="weights">The weights, if the text is that.</param>
    public static bool TryParse(string text, out LayerWeights weights)
    {
        ArgumentNullException.ThrowIfNull(text);
        var values = text.Split(',').Select(part =>
            double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : double.NaN).ToArray();
        weights = values is [var head, var body, var tail] ? new LayerWeights(head, body, tail) : default;
        return weights.AreUsable;
    }
}
