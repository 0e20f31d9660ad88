using System.Buffers;
using System.IO.MemoryMappedFiles;
using System.Security.Cryptography;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>
/// A file of weights, mapped into memory and not trusted: what its readers need to look at bytes, to refuse the file in one
/// line, and to keep count of the memory that the file makes them take.
/// </summary>
/// <remarks>
/// If another program shortens the file in place while it is open, the system ends the process. Programs that replace files
/// by renaming, as <see cref="AtomicFile"/> does, are harmless.
/// </remarks>
internal sealed unsafe class MappedFile : IDisposable
{
    /// <summary>What a reader may allocate beyond the size of the file: 64 MB, of which a part is left for what is not counted.</summary>
    private const long Allowance = 48L << 20;

    /// <summary>What names and values may take of that, however large the file is: making a file large on disk costs nothing.</summary>
    private const long MostStructure = 256L << 20;

    private readonly MemoryMappedFile? _mapping;
    private readonly MemoryMappedViewAccessor? _view;
    private readonly UnmanagedMemoryStream? _resource;
    private byte* _start;
    private long _budget;
    private long _structure = MostStructure;

    private MappedFile(string path, FileStream stream)
    {
        Path = path;
        Length = stream.Length;
        _budget = Length + Allowance;
        _mapping = MemoryMappedFile.CreateFromFile(
            stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
        _view = _mapping.CreateViewAccessor(0, Length, MemoryMappedFileAccess.Read);
        byte* pointer = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
        _start = pointer + _view.PointerOffset;
    }

    private MappedFile(string name, UnmanagedMemoryStream resource)
    {
        (Path, Length, _resource) = (name, resource.Length, resource);
        _budget = Length + Allowance;
        _start = resource.PositionPointer;
    }

    public string Path { get; }

    public long Length { get; }

    /// <summary>Maps a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="expected">What it is to be, for the messages.</param>
    /// <exception cref="InputException">It is not a regular file with content, or it cannot be opened.</exception>
    public static MappedFile Open(string path, string expected = "a file of weights")
    {
        RegularFile.Require(path, expected);
        FileStream? stream = null;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            if (!stream.CanSeek || stream.Length == 0)
                throw new InputException($"cannot read '{path}': expected {expected}, found nothing in it; download it again");
            return new MappedFile(path, stream);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            stream?.Dispose();
            throw new InputException($"cannot read '{path}': {e.Message}", e);
        }
        catch (InputException)
        {
            stream?.Dispose();
            throw;
        }
    }

    /// <summary>Takes what is embedded in a program, which is mapped into memory already.</summary>
    /// <param name="name">What to call it in messages.</param>
    /// <param name="resource">The embedded file, at its beginning; this owns it from here on.</param>
    public static MappedFile Of(string name, UnmanagedMemoryStream resource) => new(name, resource);

    /// <summary>Bytes of the file; the caller has checked that they lie inside.</summary>
    public ReadOnlySpan<byte> Span(long offset, int length)
    {
        ObjectDisposedException.ThrowIf(_start is null, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
        return new ReadOnlySpan<byte>(_start + offset, length);
    }

    /// <summary>The same as <see cref="Span"/>, to keep: using it after <see cref="Dispose"/> is an exception, not a crash.</summary>
    public ReadOnlyMemory<byte> Memory(long offset, int length)
    {
        _ = Span(offset, length);
        return length == 0 ? ReadOnlyMemory<byte>.Empty : new Slice(this, offset, length).Memory;
    }

    /// <summary>The SHA-256 of all its bytes, as small hexadecimal digits.</summary>
    public string Sha256()
    {
        const int block = 1 << 20;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var offset = 0L; offset < Length; offset += block)
            hash.AppendData(Span(offset, (int)Math.Min(block, Length - offset)));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Counts memory that is about to be taken for names and values because the file says so.</summary>
    /// <exception cref="InputException">All of it would be more than the file's size and 64 MB, or more than 256 MB.</exception>
    public void Charge(long bytes)
    {
        if (bytes > _structure)
            throw Refuse("its names and values would take more memory than 256 MB");
        _structure -= bytes;
        ChargeContent(bytes);
    }

    /// <summary>Counts memory that is about to be taken for the elements of a tensor.</summary>
    /// <exception cref="InputException">All of it would be more than the file's size and 64 MB.</exception>
    public void ChargeContent(long bytes)
    {
        if (bytes > _budget)
            throw Refuse("reading it would take more memory than its size and 64 MB");
        _budget -= bytes;
    }

    /// <summary>The exception that refuses this file.</summary>
    /// <param name="found">What is wrong with it.</param>
    /// <param name="advice">What to do about it.</param>
    /// <param name="inner">What a library said.</param>
    public InputException Refuse(
        string found, string advice = "the file is corrupt or malicious: download it again", Exception? inner = null) =>
        new($"cannot read '{Path}': {found}; {advice}", inner);

    public void Dispose()
    {
        if (_start is null)
            return;
        _start = null;
        _view?.SafeMemoryMappedViewHandle.ReleasePointer();
        _view?.Dispose();
        _mapping?.Dispose();
        _resource?.Dispose();
    }

    private sealed class Slice(MappedFile file, long offset, int length) : MemoryManager<byte>
    {
        public override Span<byte> GetSpan()
        {
            ObjectDisposedException.ThrowIf(file._start is null, typeof(MappedFile));
            return new Span<byte>(file._start + offset, length);
        }

        // The mapping does not move: there is nothing to pin.
        public override MemoryHandle Pin(int elementIndex = 0)
        {
            _ = GetSpan();
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)elementIndex, (uint)length, nameof(elementIndex));
            return new MemoryHandle(file._start + offset + elementIndex);
        }

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
