namespace Mdf.Runtime;

/// <summary>Names of files, folders and anchors for names that users choose.</summary>
internal static class SafeName
{
    // Some file systems take at most 255 bytes for a whole name.
    private const int Longest = 40;

    /// <summary>
    /// Makes different names for a file system, a shell or an address: lower-case English letters and digits, with hyphens between them. A name without any is <c>x</c>;
    /// a name that occurs again has a number.
    /// </summary>
    /// <param name="texts">The texts.</param>
    /// <returns>The names, in the same order. They depend only on the texts.</returns>
    public static IReadOnlyList<string> Of(IEnumerable<string> texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var taken = new HashSet<string>(StringComparer.Ordinal);
        return [.. texts.Select(text =>
        {
            var words = text.Split([.. text.Where(c => !char.IsAsciiLetterOrDigit(c)).Distinct()], StringSplitOptions.RemoveEmptyEntries);
            var plain = string.Join('-', words).ToLowerInvariant();
            plain = plain.Length == 0 ? "x" : plain[..Math.Min(plain.Length, Longest)].TrimEnd('-');
            var name = plain;
            for (var number = 2; !taken.Add(name); number++)
                name = $"{plain}-{number}";
            return name;
        })];
    }
}
