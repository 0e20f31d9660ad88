using System.Globalization;
using System.Text.RegularExpressions;

namespace Mdf.Experiments;

/// <summary>Values as text in YAML, in one canonical form.</summary>
internal static partial class YamlText
{
    /// <summary>Writes a whole number.</summary>
    public static string From(long value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>Writes the shortest text that is read as the same number.</summary>
    public static string From(double value) => value.ToString("R", CultureInfo.InvariantCulture).ToLowerInvariant();

    /// <summary>Writes <c>true</c> or <c>false</c>.</summary>
    public static string From(bool value) => value ? "true" : "false";

    /// <summary>Writes a list of texts.</summary>
    public static string From(IEnumerable<string> values) => List(values.Select(From));

    /// <summary>Writes a list of whole numbers.</summary>
    public static string From(IEnumerable<int> values) => List(values.Select(value => From(value)));

    /// <summary>Writes a list of numbers.</summary>
    public static string From(IEnumerable<double> values) => List(values.Select(From));

    /// <summary>Writes the option of a network: a list if it consists of several numbers.</summary>
    public static string FromOption(string value) => NumberList().IsMatch(value) ? List(value.Split(',')) : From(value);

    /// <summary>Writes a text plainly if every YAML reader reads it as this text, otherwise in single quotes.</summary>
    public static string From(string? value) => value switch
    {
        null => "null",
        not "null" when PlainText().IsMatch(value) => value,
        _ => $"'{value.Replace("'", "''", StringComparison.Ordinal)}'",
    };

    private static string List(IEnumerable<string> values) => $"[{string.Join(", ", values)}]";

    [GeneratedRegex(@"\A[A-Za-z0-9_./](?:[A-Za-z0-9_./+*?=&-]|:(?=[A-Za-z0-9_./]))*\z")]
    private static partial Regex PlainText();

    // Matches an option of a network that is a list of numbers.
    [GeneratedRegex(@"\A[0-9]+(\.[0-9]+)?(,[0-9]+(\.[0-9]+)?)+\z")]
    private static partial Regex NumberList();
}
