using System.Runtime.InteropServices;

namespace Mdf.Cli;

/// <summary>
/// Requests to end: Ctrl-C, and from outside SIGTERM, SIGHUP (a lost connection) and SIGUSR1 (a scheduler's warning). The first asks the work to stop where
/// it can be resumed, the second ends the program at once. Work that does not look for the request is ended a moment after the first.
/// </summary>
/// <remarks>
/// One request from outside may arrive twice: <c>timeout</c> signals the process and then its group, and a shell that ends its jobs does the same beside the kernel. So
/// a second signal from outside counts only after <see cref="Grace"/>; Ctrl-C counts each time. A signal that the parent process told this one to ignore, as
/// <c>nohup</c> does with SIGHUP, stays ignored: .NET sees to that.
/// </remarks>
internal sealed partial class Interruption : IDisposable
{
    /// <summary>How long work that has not asked to be told may continue: most of it ends by itself within that.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    /// <summary>A run was ended from outside and can be resumed: <c>EX_TEMPFAIL</c> of <c>sysexits.h</c>, by which schedulers know that another try makes sense.</summary>
    public const int Resumable = 75;

    private const int UserSignal = 10; // SIGUSR1 on Linux, where alone it is listened to
    private const int SignalBase = 128; // a shell's exit code for a program that a signal ended is this and the signal's number

    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;
    private readonly ITimer _timer;
    private readonly Action<int> _end;
    private readonly TimeProvider _time;
    private long _first;
    private volatile bool _isWatched;
    private volatile int _number = Number(PosixSignal.SIGINT);

    /// <summary>Starts to listen.</summary>
    /// <param name="time">The clock of the grace period.</param>
    /// <param name="end">Ends the program at once with an exit code; called on another thread.</param>
    public Interruption(TimeProvider time, Action<int> end)
    {
        (_end, _time) = (end, time);
        _timer = time.CreateTimer(_ => { if (!_isWatched) end(ExitCode(isResumable: false)); }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        PosixSignal[] signals = [PosixSignal.SIGINT, PosixSignal.SIGTERM, PosixSignal.SIGHUP];
        _registrations = [.. (OperatingSystem.IsLinux() ? signals.Append((PosixSignal)UserSignal) : signals).Select(signal => PosixSignalRegistration.Create(signal, Handle))];
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Tells that the work looks at <see cref="Token"/> from now on, and ends where it can be resumed.</summary>
    public void Watch() => _isWatched = true;

    /// <summary>The exit code after a signal.</summary>
    /// <param name="isResumable">Whether there is a checkpoint.</param>
    /// <returns>130 after Ctrl-C; after another signal 75 if the run can be resumed, else 128 and the signal's number.</returns>
    public int ExitCode(bool isResumable) => isResumable && _number != Number(PosixSignal.SIGINT) ? Resumable : SignalBase + _number;

    /// <summary>Ends the process without waiting for anything: other threads may be deep in native code.</summary>
    /// <param name="code">The exit code.</param>
    public static void EndAtOnce(int code)
    {
        if (OperatingSystem.IsWindows())
            Environment.Exit(code);
        else
            Exit(code);
    }

    /// <summary>Takes a signal.</summary>
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

    // The numbers of POSIX; .NET's own are negative.
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
