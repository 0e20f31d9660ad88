namespace Mdf.Runtime;

/// <summary>One number that a step produced, such as its loss.</summary>
/// <param name="Name">Its short name: <c>loss</c>, <c>D</c>, <c>lr</c>.</param>
/// <param name="Value">The number; NaN and infinity are possible and are shown.</param>
public readonly record struct ProgressValue(string Name, double Value);

/// <summary>
/// The progress of one stage of long work. Long methods report it to an <see cref="IProgress{T}"/> after every step, on the working thread, so its Report
/// method must be fast. <see cref="Progress{T}"/> of .NET passes the reports on to other threads, in any order.
/// </summary>
/// <param name="Stage">The name of the stage, to show: <c>scale 3 of 8</c>.</param>
/// <param name="Step">The number of steps done, including the steps of an earlier run that this run resumes.</param>
/// <param name="Total">The number of steps of the stage.</param>
/// <param name="TimePerStep">The mean time of the last steps, over at least half of the steps done in this process; null before the first step.</param>
/// <param name="Values">The results of the last step, in the order in which to show them.</param>
/// <param name="Later">The work of the stages after this one, in steps of this one.</param>
public readonly record struct ProgressUpdate(
    string Stage, long Step, long Total, TimeSpan? TimePerStep, IReadOnlyList<ProgressValue> Values, double Later = 0)
{
    /// <summary>Whether this is the stage's last report.</summary>
    public bool IsLast => Step >= Total;

    /// <summary>Whether this is the first step of the stage in this process. It takes longer than the others, because code is loaded and compiled. So no time is estimated from it.</summary>
    public bool IsFirst { get; init; }

    /// <summary>The time that the rest of the stage will take at this pace; null before the second step.</summary>
    public TimeSpan? Remaining => IsFirst ? null : TimePerStep * Math.Max(0, Total - Step);

    /// <summary>The time that this stage and the stages after it will take at this pace; null before the second step, or if no stage follows.</summary>
    public TimeSpan? RemainingInAll => Later > 0 && !IsFirst ? TimePerStep * (Math.Max(0, Total - Step) + Later) : null;
}

/// <summary>Counts the steps of one stage, measures their time, and reports them.</summary>
internal sealed class ProgressMeter
{
    private readonly IProgress<ProgressUpdate>? _progress;
    private readonly TimeProvider _time;
    private readonly string _stage;
    private readonly long _first;
    private readonly long _total;
    private readonly double _later;
    // The pace is measured since _from. When the number of steps has doubled, _next replaces it, so that slow first steps do not count for long.
    private (long Done, long Time) _from;
    private (long Done, long Time) _next;

    /// <summary>Starts a stage and its clock, and makes the first report (nothing done yet).</summary>
    /// <param name="progress">Takes the reports, on the working thread. Null: nothing is reported.</param>
    /// <param name="stage">The name of the stage, to show: <c>scale 3 of 8</c>.</param>
    /// <param name="total">The number of steps of the stage; at least 0.</param>
    /// <param name="first">The number of steps that an earlier run has done, if this run resumes it.</param>
    /// <param name="time">The clock. Default: the clock of the system.</param>
    /// <param name="later">The work of the stages after this one, in steps of this one.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="first"/> is not within 0 to <paramref name="total"/>.</exception>
    public ProgressMeter(IProgress<ProgressUpdate>? progress, string stage, long total, long first = 0, TimeProvider? time = null, double later = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, total);
        (_progress, _stage, _total, _first, _time, _later) = (progress, stage, total, first, time ?? TimeProvider.System, later);
        _from = _next = (0, _time.GetTimestamp());
        Report(first);
    }

    /// <summary>Reports that <paramref name="step"/> steps are done.</summary>
    /// <param name="step">The number of steps done, counted from the start of the stage.</param>
    /// <param name="values">The results of the last step.</param>
    public void Report(long step, params IReadOnlyList<ProgressValue> values)
    {
        var done = step - _first;
        var now = _time.GetTimestamp();
        if (done > 0 && done >= 2 * _next.Done)
            (_from, _next) = (_next, (done, now));
        _progress?.Report(new ProgressUpdate(
            _stage, step, _total, done > 0 ? _time.GetElapsedTime(_from.Time, now) / (done - _from.Done) : null, values, _later)
        {
            IsFirst = done == 1,
        });
    }
}
