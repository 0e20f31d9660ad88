using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>
/// The entries of a zip file as PyTorch and NumPy write it: stored one after the other without compression, each with a checksum.
/// </summary>
/// <remarks>
/// Source of the structures: PKWARE's APPNOTE.TXT, sections 4.3.6 to 4.3.16. Nothing is decompressed, so a zip bomb is not possible. Entries must not
/// share bytes with each other or with the directory.
/// </remarks>
internal sealed class ZipEntries
{
    public const uint LocalSignature = 0x04034b50;
    public const uint CentralSignature = 0x02014b50;
    public const uint EndSignature = 0x06054b50;
    public const int LocalSize = 30;
    public const int CentralSize = 46;
    public const int EndSize = 22;

    private const uint End64Signature = 0x06064b50;
    private const uint Locator64Signature = 0x07064b50;
    private const int End64Size = 56;
    private const int Locator64Size = 20;
    private const ushort Extra64 = 1;
    private const uint Overflow32 = uint.MaxValue;
    private const ushort Overflow16 = ushort.MaxValue;
    private const ushort EncryptedFlag = 1;
    private const ushort DescriptorFlag = 8; // checksum and lengths are after the content, and may be 0 in the entry's own header
    private const int EntryCost = 512;

    private readonly MappedFile _file;
    private readonly string _writer;
    private readonly Dictionary<string, Entry> _entries = [];

    private ZipEntries(MappedFile file, string writer) => (_file, _writer) = (file, writer);

    /// <summary>The position of an entry's bytes in the file, and their expected checksum.</summary>
    public readonly record struct Entry(string Name, long HeaderOffset, long Offset, long Length, uint Checksum);

    public IEnumerable<string> Names => _entries.Keys;

    /// <summary>Reads the directory.</summary>
    /// <param name="file">The whole zip file.</param>
    /// <param name="writer">The function that writes such files, for messages.</param>
    public static ZipEntries Read(MappedFile file, string writer = "torch.save")
    {
        var entries = new ZipEntries(file, writer);
        entries.ReadDirectory();
        entries.CheckOverlap();
        return entries;
    }

    /// <summary>Finds an entry by name and verifies its checksum; null if there is no entry of that name.</summary>
    public Entry? Find(string name)
    {
        if (!_entries.TryGetValue(name, out var entry))
            return null;
        if (entry.Length > Array.MaxLength)
        {
            throw _file.Refuse($"the entry {Untrusted.Quote(name)} takes {entry.Length} bytes",
                $"expected at most {Array.MaxLength} for one tensor");
        }

        return Crc32.Compute(_file.Span(entry.Offset, (int)entry.Length)) == entry.Checksum
            ? entry
            : throw _file.Refuse($"the entry {Untrusted.Quote(name)} does not match its checksum",
                "the file is corrupt, or was saved without checksums; download it again");
    }

    private void ReadDirectory()
    {
        var (count, start, size) = FindDirectory();
        var (offset, end) = (start, start + size);
        for (var i = 0L; i < count; i++)
        {
            var header = Take(offset, CentralSize, end);
            if (Read32(header, 0) != CentralSignature)
                throw Damaged("an entry of the directory does not begin with its signature");
            int nameLength = Read16(header, 28), extraLength = Read16(header, 30), commentLength = Read16(header, 32);
            var name = ReadName(Take(offset + CentralSize, nameLength, end));
            var quoted = Untrusted.Quote(name);
            if ((Read16(header, 8) & EncryptedFlag) != 0)
                throw _file.Refuse($"the entry {quoted} is encrypted", $"expected a file as {_writer} writes it");
            if (Read16(header, 10) != 0)
            {
                throw _file.Refuse($"the entry {quoted} is compressed",
                    $"expected a file as {_writer} writes it, without compression");
            }

            long compressed = Read32(header, 20), length = Read32(header, 24), local = Read32(header, 42);
            ReadExtra64(Take(offset + CentralSize + nameLength, extraLength, end), ref length, ref compressed, ref local);
            if (compressed != length)
                throw Damaged($"the entry {quoted} is stored but has two lengths");
            _file.Charge(EntryCost + 4 * nameLength);
            var entry = new Entry(name, local, FindContent(local, header, name), length, Read32(header, 16));
            if (length < 0 || length > start - entry.Offset)
                throw Damaged($"the entry {quoted} of {length} bytes does not end before the directory");
            if (!_entries.TryAdd(name, entry))
                throw Damaged($"the entry {quoted} occurs twice");
            offset += CentralSize + nameLength + extraLength + commentLength;
        }

        if (offset != end)
            throw Damaged("the directory is longer than its entries");
    }

    private (long Count, long Offset, long Size) FindDirectory()
    {
        // PyTorch and NumPy write no comment after the end record, so the record is at the very end.
        var start = _file.Length - EndSize;
        var end = Take(start, EndSize, _file.Length);
        if (Read32(end, 0) != EndSignature || Read16(end, 20) != 0)
            throw _file.Refuse("the zip file has no directory at its end", "the file is truncated or corrupt; download it again");
        long count = Read16(end, 10), size = Read32(end, 12), offset = Read32(end, 16);
        if (Read16(end, 4) != 0 || Read16(end, 6) != 0 || Read16(end, 8) != count)
            throw Damaged("the zip file claims to be one of several parts");
        if (count == Overflow16 || size == Overflow32 || offset == Overflow32)
        {
            var locator = Take(start - Locator64Size, Locator64Size, start);
            var position = Read64(locator, 8);
            var end64 = Take(position, End64Size, start);
            if (Read32(locator, 0) != Locator64Signature || Read32(end64, 0) != End64Signature)
                throw Damaged("the zip file has no 64-bit directory, which it needs");
            (count, size, offset, start) = (Read64(end64, 32), Read64(end64, 40), Read64(end64, 48), position);
        }

        if (offset < 0 || size < 0 || offset > start || size > start - offset || count < 0 || count > size / CentralSize)
            throw Damaged("the zip file's directory reaches outside the file");
        return (count, offset, size);
    }

    private void ReadExtra64(ReadOnlySpan<byte> extra, ref long length, ref long compressed, ref long local)
    {
        if (length != Overflow32 && compressed != Overflow32 && local != Overflow32)
            return;
        while (extra.Length >= 4)
        {
            int size = Read16(extra, 2);
            if (size > extra.Length - 4)
                break;
            if (Read16(extra, 0) == Extra64)
            {
                // Only the fields that overflowed are present, in this order.
                var fields = extra.Slice(4, size);
                TakeField(ref fields, ref length);
                TakeField(ref fields, ref compressed);
                TakeField(ref fields, ref local);
                return;
            }

            extra = extra[(4 + size)..];
        }

        throw Damaged("an entry lacks the 64-bit sizes that it needs");
    }

    private void TakeField(ref ReadOnlySpan<byte> fields, ref long value)
    {
        if (value != Overflow32)
            return;
        if (fields.Length < sizeof(long))
            throw Damaged("an entry lacks the 64-bit sizes that it needs");
        value = Read64(fields, 0);
        fields = fields[sizeof(long)..];
    }

    /// <summary>
    /// The position of the first byte after an entry's own header. That header repeats the flags, method and name of the directory. It also repeats the
    /// checksum and the lengths, unless these are after the content (64-bit lengths are not compared again).
    /// </summary>
    private long FindContent(long offset, ReadOnlySpan<byte> central, string name)
    {
        var header = Take(offset, LocalSize, _file.Length);
        int nameLength = Read16(header, 26), extraLength = Read16(header, 28);
        if (Read32(header, 0) != LocalSignature
            || !header.Slice(6, 4).SequenceEqual(central.Slice(8, 4)) // flags, method
            || (Read16(header, 6) & DescriptorFlag) == 0 && (Read32(header, 14) != Read32(central, 16)
                || !IsSameLength(Read32(header, 18), Read32(central, 20)) || !IsSameLength(Read32(header, 22), Read32(central, 24)))
            || ReadName(Take(offset + LocalSize, nameLength, _file.Length)) != name)
        {
            throw Damaged($"the entry {Untrusted.Quote(name)} has two different descriptions");
        }

        return offset + LocalSize + nameLength + extraLength;

        static bool IsSameLength(uint local, uint central) => local == central || local == Overflow32;
    }

    private void CheckOverlap()
    {
        var end = 0L;
        foreach (var entry in _entries.Values.OrderBy(entry => entry.HeaderOffset))
        {
            if (entry.HeaderOffset < end)
                throw Damaged($"the entry {Untrusted.Quote(entry.Name)} overlaps another");
            end = entry.Offset + entry.Length;
        }
    }

    private string ReadName(ReadOnlySpan<byte> name) =>
        Utf8.IsValid(name) ? Encoding.UTF8.GetString(name) : throw Damaged("an entry's name is not valid UTF-8");

    private ReadOnlySpan<byte> Take(long offset, int length, long end) =>
        offset >= 0 && end <= _file.Length && offset <= end - length
            ? _file.Span(offset, length)
            : throw Damaged("the zip file ends in the middle of a record");

    private InputException Damaged(string found) => _file.Refuse(found);

    private static ushort Read16(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt16LittleEndian(bytes[offset..]);

    private static uint Read32(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadUInt32LittleEndian(bytes[offset..]);

    private static long Read64(ReadOnlySpan<byte> bytes, int offset) => BinaryPrimitives.ReadInt64LittleEndian(bytes[offset..]);
}
