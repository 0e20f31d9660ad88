using System.Runtime.InteropServices;

namespace Mdf.Cli;

/// <summary>
/// Ctrl-C, and a request to end from outside: the first asks the work to stop where it can resume, the second kills.
/// Work that does not look for the request is ended a moment after the first.
/// </summary>
internal sealed class Interruption : IDisposable
{
    /// <summary>How long work that has not asked to be told may go on: most of it ends by itself within that.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private readonly CancellationTokenSource _source = new();
    private readonly PosixSignalRegistration[] _registrations;
    private readonly ITimer _timer;
    private volatile bool _isWatched;

    /// <summary>Starts to listen.</summary>
    /// <param name="time">The clock of the grace period.</param>
    /// <param name="end">Ends the program; called on another thread.</param>
    public Interruption(TimeProvider time, Action end)
    {
        _timer = time.CreateTimer(_ => { if (!_isWatched) end(); }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _registrations =
            [PosixSignalRegistration.Create(PosixSignal.SIGINT, Handle), PosixSignalRegistration.Create(PosixSignal.SIGTERM, Handle)];
    }

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Tells that the work looks at <see cref="Token"/> from now on, and ends where it can resume.</summary>
    public void Watch() => _isWatched = true;

    /// <summary>Takes a signal; one that is left alone does what it always does, and ends the process.</summary>
    internal void Handle(PosixSignalContext signal)
    {
        if (_source.IsCancellationRequested)
            return;
        signal.Cancel = true;
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
}
