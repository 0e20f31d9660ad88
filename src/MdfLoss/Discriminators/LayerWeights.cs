using System.Globalization;

namespace Mdf.Discriminators;

/// <summary>The weights of the head, body and tail features in the MDF loss. Upstream uses 1 for each.</summary>
/// <param name="Head">Weight of the features after the head; not negative.</param>
/// <param name="Body">Weight of the features after the body; not negative.</param>
/// <param name="Tail">Weight of the final map; not negative.</param>
public readonly record struct LayerWeights(double Head, double Body, double Tail)
{
    /// <summary>1 for each layer, as upstream.</summary>
    public static LayerWeights Equal { get; } = new(1, 1, 1);

    /// <summary>The three weights, in the order of the layers.</summary>
    public IReadOnlyList<double> Values => [Head, Body, Tail];

    /// <summary>Whether the weights are finite, not negative, and not all 0, also as 32-bit floats.</summary>
    public bool AreUsable => Values.All(weight => weight >= 0 && float.IsFinite((float)weight)) && Values.Any(weight => (float)weight > 0);

    /// <summary>Formats the weights as in a file's metadata: <c>1,1,0.5</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Head},{Body},{Tail}");

    /// <summary>Parses the text that <see cref="ToString"/> writes.</summary>
    /// <param name="text">Three usable numbers, such as <c>1,1,0.5</c>: head, body, final map.</param>
    /// <param name="weights">The weights, if the text is valid.</param>
    public static bool TryParse(string text, out LayerWeights weights)
    {
        ArgumentNullException.ThrowIfNull(text);
        var values = text.Split(',').Select(part =>
            double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : double.NaN).ToArray();
        weights = values is [var head, var body, var tail] ? new LayerWeights(head, body, tail) : default;
        return weights.AreUsable;
    }
}
