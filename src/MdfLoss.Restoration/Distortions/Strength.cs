using System.Globalization;

namespace Mdf.Distortions;

/// <summary>The strength of a distortion as text: a number, or two with a hyphen between them.</summary>
internal static class Strength
{
    /// <summary>Reads a strength.</summary>
    /// <param name="text">What is behind the task's colon.</param>
    /// <param name="number">Reads one number; null if it is none.</param>
    /// <returns>The ends of the range, equal for one number; null if the text is neither.</returns>
    public static (T Lowest, T Highest)? Parse<T>(string text, Func<string, T?> number)
        where T : struct
    {
        if (number(text) is { } only)
            return (only, only);
        var hyphen = text.IndexOf('-', StringComparison.Ordinal);
        return hyphen > 0 && number(text[..hyphen]) is { } lowest && number(text[(hyphen + 1)..]) is { } highest ? (lowest, highest) : null;
    }

    /// <summary>Writes a strength as <see cref="Parse"/> reads it.</summary>
    public static string Format<T>(T lowest, T highest)
        where T : IFormattable, IEquatable<T> => lowest.Equals(highest)
            ? lowest.ToString(null, CultureInfo.InvariantCulture)
            : string.Create(CultureInfo.InvariantCulture, $"{lowest}-{highest}");
}
