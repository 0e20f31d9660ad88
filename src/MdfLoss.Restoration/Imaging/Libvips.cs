using NetVips;

namespace Mdf.Imaging;

/// <summary>Runs calls to libvips so that its error messages and warnings belong to the right file.</summary>
/// <remarks>
/// libvips collects the text of its errors, and of libjpeg's warnings, in one buffer for the whole process. A failure reports the whole content of the buffer. So a
/// call that fails is repeated alone, with an empty buffer. Warnings of libvips itself go to a log handler in the thread that reads.
/// </remarks>
internal static class Libvips
{
    /// <summary>The largest number of warnings that are kept per file, because libtiff may give one for every row.</summary>
    private const int MostWarnings = 64;

    private static readonly ReaderWriterLockSlim s_lock = new();

    [ThreadStatic]
    private static HashSet<string>? t_warnings;

    /// <summary>Installs the log handler. By default, libvips prints warnings to standard error.</summary>
    static Libvips() => Log.SetLogHandler("VIPS", Enums.LogLevelFlags.Warning, static (_, _, message) =>
    {
        if (t_warnings is { Count: < MostWarnings } warnings)
            warnings.Add(message.Trim());
    });

    /// <summary>Runs some work. Many threads may call this at the same time. Calls must not be nested.</summary>
    /// <typeparam name="T">The type of the result.</typeparam>
    /// <param name="work">The work. It is repeated if libvips fails.</param>
    /// <exception cref="VipsException">libvips failed. The message contains only the text of this failure.</exception>
    public static T Run<T>(Func<T> work)
    {
        s_lock.EnterReadLock();
        try
        {
            return work();
        }
        catch (VipsException)
        {
            // The text of this exception may belong to another file, so it is not used.
        }
        finally
        {
            s_lock.ExitReadLock();
        }

        s_lock.EnterWriteLock();
        try
        {
            // NetVips empties the buffer when it creates an exception. It has no other way to empty the buffer.
            _ = new VipsException("");
            return work();
        }
        finally
        {
            s_lock.ExitWriteLock();
        }
    }

    /// <summary>Collects the warnings that libvips gives in this thread while some work runs.</summary>
    /// <typeparam name="T">The type of the result.</typeparam>
    /// <param name="work">The work. Its argument contains the warnings so far, each once.</param>
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

    /// <summary>Extracts the part of libvips' message that is useful for a person, on one line.</summary>
    /// <param name="e">The exception from <see cref="Run"/>.</param>
    public static string Reason(VipsException e)
    {
        // The first line names the failed call. The inner exception of the InputException keeps it.
        var lines = e.Message.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return lines.Length > 1 ? string.Join(", ", lines.Skip(1).Distinct()) : "libvips gives no reason";
    }
}
