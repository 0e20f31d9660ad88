namespace Mdf.Runtime;

/// <summary>Text that came out of a file, for a message.</summary>
internal static class Untrusted
{
    private const int Longest = 80; // characters

    /// <summary>The text in quotes: short, and only what any terminal prints harmlessly.</summary>
    public static string Quote(string text)
    {
        var shown = string.Concat(text.Take(Longest).Select(c => c is >= ' ' and <= '~' ? c : '?'));
        return text.Length > Longest ? $"'{shown}…'" : $"'{shown}'";
    }
}
