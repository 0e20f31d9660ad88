namespace Mdf.Runtime;

/// <summary>One number that a step produced, such as its loss.</summary>
/// <param name="Name">Its short name: <c>loss</c>, <c>D</c>, <c>lr</c>.</param>
/// <param name="Value">The number; NaN and infinity are possible and are shown as such.</param>
public readonly record struct ProgressValue(string Name, double Value);

/// <summary>
/// How far one stage of long work is. Long methods report it to an <see cref="IProgress{T}"/> after every step, on the working thread, so its Report must be quick.
/// <see cref="Progress{T}"/> of .NET passes the reports on to other threads, in any order.
/// </summary>
/// <param name="Stage">The name of the stage, to show: <c>scale 3 of 8</c>.</param>
/// <param name="Step">Steps done, including those of an earlier run that this one resumes.</param>
/// <param name="Total">Steps that the stage has.</param>
/// <param name="TimePerStep">The mean over the last steps, at least half of those done in this process; null before the first.</param>
/// <param name="Values">The results of the last step, in the order in which to show them.</param>
/// <param name="Later">The work of the stages after this one, in steps of this one.</param>
public readonly record struct ProgressUpdate(
    string Stage, long Step, long Total, TimeSpan? TimePerStep, IReadOnlyList<ProgressValue> Values, double Later = 0)
{
    /// <summary>Whether this is the stage's last report.</summary>
    public bool IsLast => Step >= Total;

    /// <summary>Whether this is the first step of the stage in this process. It takes longer than the others, because code is loaded and compiled: nothing is estimated from it.</summary>
    public bool IsFirst { get; init; }

    /// <summary>The time that the rest of the stage will take at this pace; null before the second step.</summary>
    public TimeSpan? Remaining => IsFirst ? null : TimePerStep * Math.Max(0, Total - Step);

    /// <summary>The time that this stage and those after it will take at this pace; null before the second step, or where no stage follows.</summary>
    public TimeSpan? RemainingInAll => Later > 0 && !IsFirst ? TimePerStep * (Math.Max(0, Total - Step) + Later) : null;
}

/// <summary>Counts the steps of one stage, takes their time, and reports them.</summary>
internal sealed class ProgressMeter
{
    private readonly IProgress<ProgressUpdate>? _progress;
    private readonly TimeProvider _time;
    private readonly string _stage;
    private readonly long _first;
    private readonly long _total;
    private readonly double _later;
    // The pace is measured from _from on. _next takes its place when twice as many steps are done, so that slow first steps are soon forgotten.
    private (long Done, long Time) _from;
    private (long Done, long Time) _next;

    /// <summary>Starts a stage: its clock runs from here, and its first report (nothing done yet) is made.</summary>
    /// <param name="progress">Takes the reports, on the working thread; null: nobody does.</param>
    /// <param name="stage">The name of the stage, to show: <c>scale 3 of 8</c>.</param>
    /// <param name="total">Steps that the stage has; at least 0.</param>
    /// <param name="first">Steps that an earlier run has done already, when resuming.</param>
    /// <param name="time">The clock; the system's when null.</param>
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
    /// <param name="step">Steps done so far, counted from the stage's beginning.</param>
    /// <param name="values">The results of the last of them.</param>
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
