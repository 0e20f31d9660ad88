using Mdf.Runtime;

namespace Mdf.Cli;

/// <summary>Shows progress in a file or a pipe: a line every few seconds, and a line at the end of each stage.</summary>
/// <param name="writer">The stream for the lines.</param>
/// <param name="time">The clock for the interval between lines.</param>
internal sealed class ProgressLines(TextWriter writer, TimeProvider time) : IProgress<ProgressUpdate>
{
    /// <summary>The shortest time between two lines of a stage.</summary>
    public static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    private long? _last;

    public void Report(ProgressUpdate update)
    {
        // The first report of a stage has no step yet, so nothing is printed.
        if (update.TimePerStep is null)
            return;
        var now = time.GetTimestamp();
        if (!update.IsLast && _last is { } last && time.GetElapsedTime(last, now) < Interval)
            return;
        _last = now;
        writer.WriteLine(Format(update));
    }

    /// <summary>Formats a report as one line: <c>scale 3 of 8: 120/1000, loss 0.0123, 85.2 ms/step, 1:15 left</c>.</summary>
    public static string Format(in ProgressUpdate update) => string.Join(", ",
    [
        $"{update.Stage}: {update.Step}/{update.Total}",
        .. update.Values.Select(Format),
        .. update.TimePerStep is { } step ? [$"{Duration(step)}/step"] : Array.Empty<string>(),
        .. Left(update),
    ]);

    /// <summary>Formats the remaining time of the stage and, if other stages follow, of all stages: <c>0:34 left, 18:20 in all</c>.</summary>
    public static IEnumerable<string> Left(ProgressUpdate update)
    {
        if (update is { Remaining: { } rest, IsLast: false })
            yield return $"{Clock(rest)} left";
        if (update.RemainingInAll is { } all)
            yield return $"{Clock(all)} in all";
    }

    /// <summary>Formats a number with its name, to four digits: <c>loss 0.01234</c>.</summary>
    public static string Format(ProgressValue value) =>
        $"{value.Name} {PlainNumber.Format(value.Value, 4)}";

    /// <summary>Formats a time as hours, minutes and seconds, without hours if there are none: <c>1:15</c>, <c>2:03:04</c>.</summary>
    public static string Clock(TimeSpan time) => time.TotalHours >= 1
        ? $"{(long)time.TotalHours}:{time:mm\\:ss}"
        : $"{time:m\\:ss}";

    /// <summary>Formats the time of a step in a suitable unit: <c>85.2 ms</c>, <c>1.25 s</c>, <c>2:05</c>.</summary>
    public static string Duration(TimeSpan time) => time.TotalMilliseconds < 999.5
        ? $"{PlainNumber.Format(time.TotalMilliseconds, 3)} ms"
        : time.TotalSeconds < 60 ? $"{PlainNumber.Format(time.TotalSeconds, 3)} s" : Clock(time);
}
