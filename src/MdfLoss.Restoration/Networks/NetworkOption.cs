using System.Globalization;

namespace Mdf.Networks;

/// <summary>One option of a network, with its allowed values.</summary>
/// <remarks>Every option has limits, because a file can set the options of a network.</remarks>
public sealed class NetworkOption
{
    private readonly Func<string, string?> _canonical;

    private NetworkOption(string name, string standard, string description, string values, Func<string, string?> canonical) =>
        (Name, Default, Description, Values, _canonical) = (name, standard, description, values, canonical);

    /// <summary>The name, in lower case.</summary>
    public string Name { get; }

    /// <summary>The published value, which is the default.</summary>
    public string Default { get; }

    /// <summary>A short description.</summary>
    public string Description { get; }

    /// <summary>A description of the allowed values, such as <c>a whole number from 1 to 512</c>.</summary>
    public string Values { get; }

    /// <summary>Creates an option that is a whole number.</summary>
    /// <param name="name">The name: small letters, digits and _.</param>
    /// <param name="standard">The published value.</param>
    /// <param name="least">The smallest allowed value.</param>
    /// <param name="most">The largest allowed value. It limits the size of a network that a file can request.</param>
    /// <param name="description">A short description.</param>
    public static NetworkOption WholeNumber(string name, int standard, int least, int most, string description) => new(
        name,
        Text(standard),
        description,
        $"a whole number from {Text(least)} to {Text(most)}",
        text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most ? Text(value) : null);

    /// <summary>Creates an option that is a list of whole numbers, written <c>32,64,128</c>, in experiment files also as a YAML list.</summary>
    /// <param name="name">The name: small letters, digits and _.</param>
    /// <param name="standard">The published value.</param>
    /// <param name="least">The smallest allowed number.</param>
    /// <param name="most">The largest allowed number.</param>
    /// <param name="longest">The largest number of elements; the smallest is one.</param>
    /// <param name="description">A short description.</param>
    public static NetworkOption WholeNumbers(string name, IReadOnlyList<int> standard, int least, int most, int longest, string description) => new(
        name,
        Text(standard),
        description,
        $"1 to {Text(longest)} whole numbers from {Text(least)} to {Text(most)}, with commas between them",
        text =>
        {
            var numbers = new List<int>();
            foreach (var part in text.Split(',', longest + 1))
            {
                if (!int.TryParse(part.Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var value) || value < least || value > most)
                    return null;
                numbers.Add(value);
            }

            return numbers.Count <= longest ? Text(numbers) : null;
        });

    /// <summary>Creates an option that is a number above 0 and at most 1.</summary>
    /// <param name="name">The name: small letters, digits and _.</param>
    /// <param name="standard">The published value.</param>
    /// <param name="description">A short description.</param>
    public static NetworkOption Number(string name, double standard, string description) => new(
        name,
        Text(standard),
        description,
        "a number above 0 and at most 1",
        text => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value is > 0 and <= 1 ? Text(value) : null);

    /// <summary>Creates an option that is true or false.</summary>
    /// <param name="name">The name: small letters, digits and _.</param>
    /// <param name="standard">The published value.</param>
    /// <param name="description">A short description.</param>
    public static NetworkOption Flag(string name, bool standard, string description) => new(
        name,
        Text(standard),
        description,
        "true or false",
        text => bool.TryParse(text, out var value) ? Text(value) : null);

    /// <summary>Converts a value to its canonical text; null if the value is not allowed (<see cref="Values"/>).</summary>
    internal string? Canonical(string text) => _canonical(text);

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Text(IEnumerable<int> values) => string.Join(',', values.Select(Text));

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Text(bool value) => value ? "true" : "false";
}
