using NetVips;

namespace Mdf.Imaging;

/// <summary>Runs calls to libvips so that what it says of a file belongs to that file.</summary>
/// <remarks>
/// libvips collects the text of its errors, and of libjpeg's warnings, in one buffer for the whole process, and a failure takes all that is in it. So a
/// call that fails is repeated alone, with an empty buffer. Warnings go to a log handler instead, in the thread that reads.
/// </remarks>
internal static class Libvips
{
    /// <summary>So many warnings of one file are kept; libtiff may give one for every row.</summary>
    private const int MostWarnings = 64;

    private static readonly ReaderWriterLockSlim s_lock = new();

    [ThreadStatic]
    private static HashSet<string>? t_warnings;

    /// <summary>By default libvips prints warnings to standard error.</summary>
    static Libvips() => Log.SetLogHandler("VIPS", Enums.LogLevelFlags.Warning, static (_, _, message) =>
    {
        if (t_warnings is { Count: < MostWarnings } warnings)
            warnings.Add(message.Trim());
    });

    /// <summary>Runs some work; many threads may do so at once. Not to be nested.</summary>
    /// <typeparam name="T">What it returns.</typeparam>
    /// <param name="work">The work. It is repeated if libvips fails.</param>
    /// <exception cref="VipsException">libvips failed; the message holds the text of this failure alone.</exception>
    public static T Run<T>(Func<T> work)
    {
        s_lock.EnterReadLock();
        try
        {
            return work();
        }
        catch (VipsException)
        {
            // Its text may be that of another file, so it is not used.
        }
        finally
        {
            s_lock.ExitReadLock();
        }

        s_lock.EnterWriteLock();
        try
        {
            // NetVips empties the buffer into every exception that it makes, and has no other way to empty it.
            _ = new VipsException("");
            return work();
        }
        finally
        {
            s_lock.ExitWriteLock();
        }
    }

    /// <summary>Collects the warnings that libvips gives in this thread while some work runs.</summary>
    /// <typeparam name="T">What the work returns.</typeparam>
    /// <param name="work">The work; its argument holds the warnings so far, each once.</param>
    public static T Observe<T>(Func<IReadOnlySet<string>, T> work)
    {
        var warnings = t_warnings = [];
        try
        {
            return work(warnings);
        }
        finally
        {
            t_warnings = null;
        }
    }

    /// <summary>The part of libvips' message that a person can use, on one line.</summary>
    /// <param name="e">What <see cref="Run"/> threw.</param>
    public static string Reason(VipsException e)
    {
        // The first line names the failed call, which InputException's inner exception keeps.
        var lines = e.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return lines.Length > 1 ? string.Join(", ", lines.Skip(1).Distinct()) : "libvips gives no reason";
    }
}
