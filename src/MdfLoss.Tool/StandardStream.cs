using System.Runtime.InteropServices;

namespace Mdf.Cli;

/// <summary>
/// Standard output or standard error, for writing. It never throws. Bytes that cannot be written (a full disk, a closed pipe, a closed descriptor) are dropped, and
/// <see cref="Failure"/> gives the reason.
/// </summary>
/// <remarks>.NET's own stream throws if the disk is full, and does not report that the reader of a pipe has closed it. On Unix this class calls <c>write</c> itself.</remarks>
internal sealed partial class StandardStream : Stream
{
    private const int CommandOfDescriptorFlags = 1; // F_GETFD
    private const int CommandOfStatusFlags = 3; // F_GETFL
    private const int CloseOnExec = 1; // FD_CLOEXEC
    private const int AccessMode = 3; // O_ACCMODE
    private const int ReadOnly = 0; // O_RDONLY
    private const int ErrorInterrupted = 4; // EINTR
    private const short PollOut = 4; // POLLOUT

    private readonly int _descriptor;
    private readonly bool _isClosed;
    private readonly Stream? _stream;

    private StandardStream(int descriptor)
    {
        _descriptor = descriptor;
        if (OperatingSystem.IsWindows())
            _stream = descriptor == 1 ? Console.OpenStandardOutput() : Console.OpenStandardError();
        else
            _isClosed = !IsOpen(descriptor);
    }

    /// <summary>The system's reason why the first failed write failed, such as <c>No space left on device</c>. Null if no write has failed.</summary>
    public string? Failure { get; private set; }

    /// <inheritdoc/>
    public override bool CanRead => false;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => true;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Opens a stream of this process.</summary>
    /// <param name="descriptor">1 for standard output, 2 for standard error.</param>
    public static StandardStream Open(int descriptor) => new(descriptor);

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> buffer)
    {
        var reason = WriteAll(buffer);
        Failure ??= reason;
    }

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    /// <inheritdoc/>
    public override void Flush()
    {
        // There is no buffer.
    }

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Writes all bytes. If this fails, it returns the reason. A later call tries again, because the disk may have free space then.</summary>
    private string? WriteAll(ReadOnlySpan<byte> buffer)
    {
        if (_isClosed)
            return "it is closed"; // the runtime may now use its descriptor
        if (_stream is not null)
        {
            try
            {
                _stream.Write(buffer);
                return null;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return e.Message.TrimEnd('.');
            }
        }

        while (buffer.Length > 0)
        {
            var written = Write(_descriptor, buffer, buffer.Length);
            if (written >= 0)
                buffer = buffer[(int)written..];
            else if (Explain(Marshal.GetLastPInvokeError()) is { } reason)
                return reason;
        }

        return null;
    }

    /// <summary>Returns the reason why a write failed; null if it can be repeated, after a wait if necessary.</summary>
    private string? Explain(int error)
    {
        if (error == ErrorInterrupted)
            return null;
        if (error == (OperatingSystem.IsMacOS() ? 35 : 11)) // EAGAIN: another process has made the pipe non-blocking
        {
            var poll = new PollDescriptor { Descriptor = _descriptor, Events = PollOut };
            return Poll(ref poll, 1, -1) >= 0 || Marshal.GetLastPInvokeError() == ErrorInterrupted ? null : Marshal.GetLastPInvokeErrorMessage();
        }

        return Marshal.GetPInvokeErrorMessage(error);
    }

    /// <summary>
    /// Whether a descriptor was open for writing when the program started. If it was closed, the runtime may have opened its own file with this number. Such a
    /// file has the flag close-on-exec, which an inherited descriptor cannot have.
    /// </summary>
    private static bool IsOpen(int descriptor) =>
        Control(descriptor, CommandOfDescriptorFlags) is >= 0 and var flags && (flags & CloseOnExec) == 0
        && Control(descriptor, CommandOfStatusFlags) is >= 0 and var status && (status & AccessMode) != ReadOnly;

    private struct PollDescriptor
    {
        public int Descriptor;
        public short Events;
        public short Happened;
    }

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int descriptor, ReadOnlySpan<byte> bytes, nint count);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Control(int descriptor, int command);

    [LibraryImport("libc", EntryPoint = "poll", SetLastError = true)]
    private static partial int Poll(ref PollDescriptor descriptors, nuint count, int milliseconds);
}
