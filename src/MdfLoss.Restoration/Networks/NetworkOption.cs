using System.Globalization;

namespace Mdf.Networks;

/// <summary>One option of a network, with the values that it takes.</summary>
/// <remarks>Every option is bounded, because a network is built of what a file says.</remarks>
public sealed class NetworkOption
{
    private readonly Func<string, string?> _canonical;

    private NetworkOption(string name, string standard, string description, string values, Func<string, string?> canonical) =>
        (Name, Default, Description, Values, _canonical) = (name, standard, description, values, canonical);

    /// <summary>The name, in lower case.</summary>
    public string Name { get; }

    /// <summary>The published value, which it has unless it is given.</summary>
    public string Default { get; }

    /// <summary>What it is, in a few words.</summary>
    public string Description { get; }

    /// <summary>What may be given, such as <c>a whole number from 1 to 512</c>.</summary>
    public string Values { get; }

    /// <summary>A whole number.</summary>
    /// <param name="name">The name: small letters, digits and _.</param>
    /// <param name="standard">The published value.</param>
    /// <param name="least">The least that may be given.</param>
    /// <param name="most">The most that may be given; it bounds what a file can make the program build.</param>
    /// <param name="description">What it is, in a few words.</param>
    public static NetworkOption WholeNumber(string name, int standard, int least, int most, string description) => new(
        name,
        Text(standard),
        description,
        $"a whole number from {Text(least)} to {Text(most)}",
        text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most ? Text(value) : null);

    /// <summary>A list of whole numbers, written <c>32,64,128</c>, in experiment files also as a list of YAML.</summary>
    /// <param name="name">The name: small letters, digits and _.</param>
    /// <param name="standard">The published value.</param>
    /// <param name="least">The least that a number may be.</param>
    /// <param name="most">The most that a number may be.</param>
    /// <param name="longest">How many numbers there may be; there is at least one.</param>
    /// <param name="description">What it is, in a few words.</param>
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

    /// <summary>A number above 0 and at most 1.</summary>
    /// <param name="name">The name: small letters, digits and _.</param>
    /// <param name="standard">The published value.</param>
    /// <param name="description">What it is, in a few words.</param>
    public static NetworkOption Number(string name, double standard, string description) => new(
        name,
        Text(standard),
        description,
        "a number above 0 and at most 1",
        text => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value is > 0 and <= 1 ? Text(value) : null);

    /// <summary>True or false.</summary>
    /// <param name="name">The name: small letters, digits and _.</param>
    /// <param name="standard">The published value.</param>
    /// <param name="description">What it is, in a few words.</param>
    public static NetworkOption Flag(string name, bool standard, string description) => new(
        name,
        Text(standard),
        description,
        "true or false",
        text => bool.TryParse(text, out var value) ? Text(value) : null);

    /// <summary>The one way in which a value is written; null when it is none of <see cref="Values"/>.</summary>
    internal string? Canonical(string text) => _canonical(text);

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Text(IEnumerable<int> values) => string.Join(',', values.Select(Text));

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Text(bool value) => value ? "true" : "false";
}
