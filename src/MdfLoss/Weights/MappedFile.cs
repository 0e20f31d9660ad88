using System.Buffers;
using System.IO.MemoryMappedFiles;
using System.Security.Cryptography;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>
/// A file of weights, mapped into memory and not trusted. It gives readers the bytes, creates the exception that refuses the file, and counts the
/// memory that readers allocate because of the file.
/// </summary>
/// <remarks>
/// If another program shortens the file in place while it is open, the operating system ends the process. Programs that replace files
/// by renaming, as <see cref="AtomicFile"/> does, are harmless.
/// </remarks>
internal sealed unsafe class MappedFile : IDisposable
{
    /// <summary>The memory that a reader may allocate in addition to the size of the file. The documented limit is 64 MB; the rest is for memory that is not counted.</summary>
    private const long Allowance = 48L << 20;

    /// <summary>The largest memory for names and values, for files of any size, because an attacker can make a file large on disk at no cost.</summary>
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
    /// <param name="expected">The expected kind of file, for messages.</param>
    /// <exception cref="InputException">The path is not a regular file, the file is empty, or it cannot be opened.</exception>
    public static MappedFile Open(string path, string expected = "a file of weights")
    {
        RegularFile.Require(path, expected);
        FileStream? stream = null;
        try
        {
            stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
            if (!stream.CanSeek || stream.Length == 0)
                throw new InputException($"cannot read '{path}': expected {expected}, found an empty file; download it again");
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

    /// <summary>Wraps a file that is embedded in an assembly, and so is mapped into memory already.</summary>
    /// <param name="name">The name of the file in messages.</param>
    /// <param name="resource">The embedded file, at position 0. The new object takes ownership of it.</param>
    public static MappedFile FromResource(string name, UnmanagedMemoryStream resource) => new(name, resource);

    /// <summary>Returns bytes of the file. The caller must have checked that they lie inside the file.</summary>
    public ReadOnlySpan<byte> Span(long offset, int length)
    {
        ObjectDisposedException.ThrowIf(_start is null, this);
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
        return new ReadOnlySpan<byte>(_start + offset, length);
    }

    /// <summary>Returns the same bytes as <see cref="Span"/>, to keep for later. Using them after <see cref="Dispose"/> throws an exception and does not crash.</summary>
    public ReadOnlyMemory<byte> Memory(long offset, int length)
    {
        _ = Span(offset, length);
        return length == 0 ? ReadOnlyMemory<byte>.Empty : new Slice(this, offset, length).Memory;
    }

    /// <summary>Computes the SHA-256 of the whole file, in lower-case hexadecimal digits.</summary>
    public string Sha256()
    {
        const int block = 1 << 20;
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        for (var offset = 0L; offset < Length; offset += block)
            hash.AppendData(Span(offset, (int)Math.Min(block, Length - offset)));
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>Counts memory that the caller is about to allocate for names and values of the file.</summary>
    /// <exception cref="InputException">The total would be more than the size of the file plus 64 MB, or more than 256 MB.</exception>
    public void Charge(long bytes)
    {
        if (bytes > _structure)
            throw Refuse("its names and values would take more memory than 256 MB");
        _structure -= bytes;
        ChargeContent(bytes);
    }

    /// <summary>Counts memory that the caller is about to allocate for the elements of a tensor.</summary>
    /// <exception cref="InputException">The total would be more than the size of the file plus 64 MB.</exception>
    public void ChargeContent(long bytes)
    {
        if (bytes > _budget)
            throw Refuse("reading it would take more memory than its size and 64 MB");
        _budget -= bytes;
    }

    /// <summary>Creates the exception that refuses this file.</summary>
    /// <param name="found">The fault of the file.</param>
    /// <param name="advice">The advice to the user.</param>
    /// <param name="inner">The exception of a library; null if there is none.</param>
    public InputException Refuse(
        string found, string advice = "the file is corrupt or malicious; download it again", Exception? inner = null) =>
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

        // The mapping does not move, so there is nothing to pin.
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
