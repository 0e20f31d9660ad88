using System.Globalization;

namespace Mdf.Evaluation;

/// <summary>The values of the measures for one restored image, or their means over images, in the order in which they were requested.</summary>
public sealed class BenchmarkScores : IEquatable<BenchmarkScores>
{
    private readonly OrderedDictionary<string, double?> _values;

    /// <summary>Creates the set.</summary>
    /// <param name="values">Each measure's name, such as <see cref="Measures.PsnrY"/>, and its value; null if the image is too small for it.</param>
    /// <exception cref="ArgumentException">A name occurs twice.</exception>
    public BenchmarkScores(IEnumerable<KeyValuePair<string, double?>> values) => _values = new(values);

    /// <summary>The names of the measures, in order.</summary>
    public IReadOnlyList<string> Names => _values.Keys;

    /// <summary>The value of a measure; null if it was not requested, or if the image is too small for it.</summary>
    /// <param name="name">The name of the measure, such as <see cref="Measures.PsnrY"/>.</param>
    public double? this[string name] => _values.GetValueOrDefault(name);

    /// <summary>Names and values, in order.</summary>
    internal IReadOnlyDictionary<string, double?> Values => _values;

    /// <summary>Computes the means. The mean of a measure does not include the images that are too small for it.</summary>
    /// <param name="scores">The values of the same measures; at least one image.</param>
    internal static BenchmarkScores Mean(IReadOnlyList<BenchmarkScores> scores) =>
        new(scores[0].Names.Select(name => KeyValuePair.Create(name, scores.Average(score => score[name]))));

    /// <summary>Whether both have the same measures in the same order, with equal values.</summary>
    /// <param name="other">The others.</param>
    public bool Equals(BenchmarkScores? other) => other is not null && _values.SequenceEqual(other._values);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as BenchmarkScores);

    /// <inheritdoc/>
    public override int GetHashCode() => _values.Aggregate(0, (hash, entry) => HashCode.Combine(hash, entry.Key, entry.Value));

    /// <summary>Names and values, as one line.</summary>
    public override string ToString() =>
        string.Join(", ", _values.Select(entry => string.Create(CultureInfo.InvariantCulture, $"{entry.Key} = {(entry.Value is { } value ? value : "none")}")));
}
