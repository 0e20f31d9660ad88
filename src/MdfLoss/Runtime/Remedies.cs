namespace Mdf.Runtime;

/// <summary>Attaches remedies to exceptions of any type, and finds them again.</summary>
/// <remarks>They are in <see cref="Exception.Data"/>: so an <see cref="IOException"/> can have one, and an exception that wraps another needs to copy nothing.</remarks>
internal static class Remedies
{
    private const string Key = "Mdf.Remedy";
    private const string SubjectKey = "Mdf.RemedySubject";

    /// <summary>Attaches a remedy.</summary>
    /// <param name="error">The exception.</param>
    /// <param name="remedy">The remedy; null for none.</param>
    /// <param name="subject">The name of the thing to which the remedy applies. Default: none.</param>
    /// <returns>The same exception.</returns>
    public static T With<T>(this T error, Remedy? remedy, string? subject = null)
        where T : Exception
    {
        if (remedy is { } known)
            error.Data[Key] = known;
        if (subject is not null)
            error.Data[SubjectKey] = subject;
        return error;
    }

    /// <summary>Finds the subject of a remedy, in the exception or in those that it wraps; null if there is none.</summary>
    /// <param name="error">The exception.</param>
    public static string? FindSubject(Exception error)
    {
        for (var each = error; each is not null; each = each.InnerException)
        {
            if (each.Data[SubjectKey] is string subject)
                return subject;
        }

        return null;
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
