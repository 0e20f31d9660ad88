using System.Globalization;

namespace Mdf.Runtime;

/// <summary>Text that came from outside, for a message: out of a file, of a library, of another program, or a path.</summary>
internal static class Untrusted
{
    private const int Longest = 80; // characters of a name or value

    // A message fits on a screen, whatever is in it. Its end, which says what to do, is kept.
    private const int LongestLine = 1000;
    private const int KeptEnd = 300;

    /// <summary>The text in quotes: short, and only what any terminal prints harmlessly.</summary>
    public static string Quote(string text)
    {
        var shown = string.Concat(text.Take(Longest).Select(c => c is >= ' ' and <= '~' ? c : '?'));
        return text.Length > Longest ? $"'{shown}…'" : $"'{shown}'";
    }

    /// <summary>A whole message on one line: without line breaks and control characters, and with its middle left out where it is long.</summary>
    public static string Line(string message)
    {
        if (message.Length > LongestLine)
            message = $"{message.AsSpan(0, Boundary(message, LongestLine - KeptEnd))} … {message.AsSpan(Boundary(message, message.Length - KeptEnd))}";
        return string.Concat(message.Select(c => IsUnprintable(c) ? ' ' : c));
    }

    // Half of a character outside the basic plane is none.
    private static int Boundary(string text, int at) => char.IsLowSurrogate(text[at]) && char.IsHighSurrogate(text[at - 1]) ? at - 1 : at;

    private static bool IsUnprintable(char c) =>
        char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
