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

    internal static NetworkOption Integer(string name, int standard, int least, int most, string description) => new(
        name,
        Text(standard),
        description,
        $"a whole number from {Text(least)} to {Text(most)}",
        text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most ? Text(value) : null);

    internal static NetworkOption Number(string name, double standard, string description) => new(
        name,
        Text(standard),
        description,
        "a number above 0 and at most 1",
        text => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value is > 0 and <= 1 ? Text(value) : null);

    internal static NetworkOption Flag(string name, bool standard, string description) => new(
        name,
        Text(standard),
        description,
        "true or false",
        text => bool.TryParse(text, out var value) ? Text(value) : null);

    /// <summary>The one way in which a value is written; null when it is none of <see cref="Values"/>.</summary>
    internal string? Canonical(string text) => _canonical(text);

    private static string Text(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    private static string Text(bool value) => value ? "true" : "false";
}
