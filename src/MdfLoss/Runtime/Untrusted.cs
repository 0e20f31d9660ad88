using System.Globalization;

namespace Mdf.Runtime;

/// <summary>Makes text from outside safe for a message: text from a file, from a library, from another program, or a path.</summary>
internal static class Untrusted
{
    private const int Longest = 80; // characters of a name or value

    // A message always fits on a screen. Its end is kept, because the end says what to do.
    private const int LongestLine = 1000;
    private const int KeptEnd = 300;

    /// <summary>Returns the text in quotes: short, and only with characters that every terminal can print safely.</summary>
    public static string Quote(string text)
    {
        var shown = string.Concat(text.Take(Longest).Select(c => c is >= ' ' and <= '~' ? c : '?'));
        return text.Length > Longest ? $"'{shown}…'" : $"'{shown}'";
    }

    /// <summary>Returns a whole message on one line: without line breaks and control characters, and without its middle if it is long.</summary>
    public static string Line(string message)
    {
        if (message.Length > LongestLine)
            message = $"{message.AsSpan(0, Boundary(message, LongestLine - KeptEnd))} … {message.AsSpan(Boundary(message, message.Length - KeptEnd))}";
        return string.Concat(message.Select(c => IsUnprintable(c) ? ' ' : c));
    }

    // A character outside the basic plane is two chars, which must stay together.
    private static int Boundary(string text, int at) => char.IsLowSurrogate(text[at]) && char.IsHighSurrogate(text[at - 1]) ? at - 1 : at;

    private static bool IsUnprintable(char c) =>
        char.IsControl(c) || char.GetUnicodeCategory(c) is UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator;
}
