namespace Mdf.Runtime;

/// <summary>Attaches remedies to exceptions of any type, and finds them again.</summary>
/// <remarks>They are in <see cref="Exception.Data"/>: so an <see cref="IOException"/> can have one, and an exception that wraps another needs to copy nothing.</remarks>
internal static class Remedies
{
    private const string Key = "Mdf.Remedy";

    /// <summary>Attaches a remedy.</summary>
    /// <param name="error">The exception.</param>
    /// <param name="remedy">The remedy; null for none.</param>
    /// <returns>The same exception.</returns>
    public static T With<T>(this T error, Remedy? remedy)
        where T : Exception
    {
        if (remedy is { } known)
            error.Data[Key] = known;
        return error;
    }

    /// <summary>Finds the remedies of an exception and of those that it wraps.</summary>
    /// <param name="error">The exception.</param>
    /// <returns>Each once, the innermost first: in the order in which the message mentions them.</returns>
    public static IReadOnlyList<Remedy> Find(Exception error)
    {
        var found = new List<Remedy>();
        for (var each = error; each is not null; each = each.InnerException)
        {
            if (each.Data[Key] is Remedy remedy && !found.Contains(remedy))
                found.Insert(0, remedy);
        }

        return found;
    }
}
