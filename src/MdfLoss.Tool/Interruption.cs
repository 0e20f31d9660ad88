using System.Runtime.InteropServices;

namespace Mdf.Cli;

/// <summary>
/// Handles requests to stop: Ctrl-C, and the signals SIGTERM, SIGHUP (a lost connection) and SIGUSR1 (a warning of a scheduler). The first request asks the
/// work to stop at a point where it can resume. The second request ends the program immediately. Work that does not check for the request is ended shortly
/// after the first.
/// </summary>
/// <remarks>
/// One request from outside may arrive twice: <c>timeout</c> signals the process and then its group, and both a shell and the kernel may signal the jobs of the
/// shell. So a second signal from outside counts only after <see cref="Grace"/>. Ctrl-C counts each time. If the parent process set a signal to be ignored, as
/// <c>nohup</c> does with SIGHUP, .NET continues to ignore it.
/// </remarks>
internal sealed partial class Interruption : IDisposable
{
    /// <summary>The time for which work that does not check for the request may continue. Most of this work finishes within it.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    /// <summary>The exit code of a run that was stopped from outside and can resume: <c>EX_TEMPFAIL</c> of <c>sysexits.h</c>. It tells schedulers to try again.</summary>
    public const int Resumable = 75;

    private const int UserSignal = 10; // SIGUSR1 on Linux; it is handled only there
    private const int SignalBase = 128; // a shell adds this to the number of the signal that ended a program, to get the exit code

    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;
    private readonly ITimer _timer;
    private readonly Action<int> _end;
    private readonly TimeProvider _time;
    private long _first;
    private volatile bool _isWatched;
    private volatile int _number = Number(PosixSignal.SIGINT);

    /// <summary>Starts to handle signals.</summary>
    /// <param name="time">The clock of the grace period.</param>
    /// <param name="end">Ends the program immediately with an exit code. It is called on another thread.</param>
    public Interruption(TimeProvider time, Action<int> end)
    {
        (_end, _time) = (end, time);
        _timer = time.CreateTimer(_ => { if (!_isWatched) end(ExitCode(isResumable: false)); }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        PosixSignal[] signals = [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP];
        _registrations = [.. (OperatingSystem.IsLinux() ? signals.Append((PosixSignal)UserSignal) : signals).Select(signal => PosixSignalRegistration.Create(signal, Handle))];
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Records that the work now checks <see cref="Token"/>, and stops by itself at a point where it can resume.</summary>
    public void Watch() => _isWatched = true;

    /// <summary>Returns the exit code after a signal.</summary>
    /// <param name="isResumable">Whether there is a checkpoint.</param>
    /// <returns>130 after Ctrl-C; after another signal 75 if the run can resume, otherwise 128 plus the number of the signal.</returns>
    public int ExitCode(bool isResumable) => isResumable && _number != Number(PosixSignal.SIGINT) ? Resumable : SignalBase + _number;

    /// <summary>Ends the process without waiting, because other threads may be in native code.</summary>
    /// <param name="code">The exit code.</param>
    public static void EndAtOnce(int code)
    {
        if (OperatingSystem.IsWindows())
            Environment.Exit(code);
        else
            Exit(code);
    }

    /// <summary>Handles a signal.</summary>
    internal void Handle(PosixSignalContext signal)
    {
        signal.Cancel = true;
        if (_source.IsCancellationRequested)
        {
            if (signal.Signal == PosixSignal.SIGINT || _time.GetElapsedTime(_first) >= Grace)
                _end(SignalBase + Number(signal.Signal));
            return;
        }

        _first = _time.GetTimestamp();
        _number = Number(signal.Signal);
        _timer.Change(Grace, Timeout.InfiniteTimeSpan);
        _source.Cancel();
    }

    public void Dispose()
    {
        foreach (var registration in _registrations)
            registration.Dispose();
        _timer.Dispose();
        _source.Dispose();
    }

    // The signal numbers of POSIX. The numbers in .NET are negative.
    private static int Number(PosixSignal signal) => signal switch
    {
        PosixSignal.SIGHUP => 1,
        PosixSignal.SIGINT => 2,
        PosixSignal.SIGTERM => 15,
        _ => (int)signal,
    };

    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void Exit(int code);
}
