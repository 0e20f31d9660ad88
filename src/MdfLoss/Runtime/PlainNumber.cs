using System.Globalization;

namespace Mdf.Runtime;

/// <summary>Formats numbers for people: with a given number of significant digits, and with an exponent only for very small or very large numbers.</summary>
internal static class PlainNumber
{
    // Outside these limits an exponent is easier to read than a row of zeros.
    private const double Smallest = 1e-9;
    private const double Largest = 1e15;

    /// <summary>Formats a number: <c>0.00001234</c>, <c>12350</c>, <c>1.2e-12</c>, <c>NaN</c>.</summary>
    /// <param name="value">The number.</param>
    /// <param name="digits">The number of significant digits, 1 to 15. Zeros at the end are omitted.</param>
    public static string Format(double value, int digits)
    {
        if (value == 0 || !double.IsFinite(value))
            return value.ToString(CultureInfo.InvariantCulture);
        var rounded = value.ToString($"E{digits - 1}", CultureInfo.InvariantCulture);
        if (Math.Abs(value) is >= Smallest and < Largest)
            return decimal.Parse(rounded, NumberStyles.Float, CultureInfo.InvariantCulture).ToString("0.############################", CultureInfo.InvariantCulture);
        var parts = rounded.Split('E');
        var mantissa = decimal.Parse(parts[0], CultureInfo.InvariantCulture).ToString("0.##############", CultureInfo.InvariantCulture);
        return $"{mantissa}e{int.Parse(parts[1], CultureInfo.InvariantCulture)}";
    }

    /// <summary>Formats a number with a .NET format string. <c>G</c> with a number of digits is <see cref="Format(double, int)"/>.</summary>
    /// <param name="value">The number.</param>
    /// <param name="format">The format; null for all digits.</param>
    public static string Format(double value, string? format) =>
        format is ['G', .. var digits] && int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var count)
            ? Format(value, count)
            : value.ToString(format, CultureInfo.InvariantCulture);
}
