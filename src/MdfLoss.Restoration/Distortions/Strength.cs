using System.Globalization;

namespace Mdf.Distortions;

/// <summary>Reads and writes the strength of a distortion: a number, or two numbers with a hyphen between them.</summary>
internal static class Strength
{
    /// <summary>Reads a strength.</summary>
    /// <param name="text">The text after the colon of the task.</param>
    /// <param name="number">Reads one number; returns null if the text is not a number.</param>
    /// <returns>The ends of the range, which are equal for one number; null if the text is neither.</returns>
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
