using System.Buffers.Binary;
using System.Text;

namespace Mdf.Runtime;

/// <summary>
/// Takes a false need out of an ELF library: the version of libstdc++ that one marker symbol alone asks for.
/// </summary>
/// <remarks>
/// GCC 13's <c>&lt;iostream&gt;</c> leaves a reference to <c>std::ios_base_library_init()</c> in every library built with
/// it, at version <c>GLIBCXX_3.4.32</c>. Nothing relocates against it and nothing calls it; it exists to make the loader
/// refuse an older libstdc++. Debian 12 and Ubuntu 22.04 end at <c>GLIBCXX_3.4.30</c>, so the loader refuses libraries
/// that would run there perfectly well. Setting <c>VER_FLG_WEAK</c> on that one entry of the version-needs section makes
/// the need optional. See "Symbol Versioning" in the Linux Standard Base for the structures that are walked here.
/// </remarks>
internal static class LibstdcxxMarker
{
    private const string Marker = "_ZSt21ios_base_library_initv";

    private const int SectionHeaderSize = 64;
    private const int SymbolSize = 24;
    private const int NeedSize = 16;
    private const uint SectionDynamicSymbols = 11; // SHT_DYNSYM
    private const uint SectionVersionNeeds = 0x6ffffffe; // SHT_GNU_verneed
    private const uint SectionSymbolVersions = 0x6fffffff; // SHT_GNU_versym
    private const ushort FlagWeak = 2; // VER_FLG_WEAK
    private const ushort VersionIndexMask = 0x7fff; // the top bit of a versym entry means "hidden"
    private const int LongestName = 4096;

    /// <summary>
    /// Marks the version need of the marker symbol as weak, in place. Does nothing when the library has no such symbol,
    /// when its need is already weak, or when any other symbol needs the same version (the need is then a true one).
    /// </summary>
    /// <param name="elf">The bytes of a library; at most one of them is changed.</param>
    /// <returns>The name of the version that was made optional (<c>GLIBCXX_3.4.32</c>), or null when nothing was changed.</returns>
    /// <exception cref="InvalidDataException">The bytes are not a well-formed 64-bit little-endian ELF library.</exception>
    public static string? Weaken(Span<byte> elf)
    {
        var sections = ReadSections(elf);
        if (Find(sections, SectionVersionNeeds) is not { } needs
            || Find(sections, SectionSymbolVersions) is not { } versions
            || Find(sections, SectionDynamicSymbols) is not { } symbols)
        {
            return null;
        }

        var index = VersionThatOnlyTheMarkerNeeds(elf, versions, symbols, Linked(sections, symbols));
        return index is null ? null : WeakenNeed(elf, needs, Linked(sections, needs), index.Value);
    }

    private readonly record struct Section(uint Type, int Offset, int Size, int Link, int Count);

    private static List<Section> ReadSections(ReadOnlySpan<byte> elf)
    {
        // e_ident: magic, 64-bit class, little-endian.
        if (elf.Length < 64 || !elf[..6].SequenceEqual("\u007fELF\u0002\u0001"u8))
            throw new InvalidDataException("not a 64-bit little-endian ELF file");
        var offset = Checked(BinaryPrimitives.ReadUInt64LittleEndian(elf[0x28..]), elf.Length);
        int size = BinaryPrimitives.ReadUInt16LittleEndian(elf[0x3a..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(elf[0x3c..]);
        if (count > 0 && size != SectionHeaderSize)
            throw new InvalidDataException($"section headers of {size} bytes, expected {SectionHeaderSize}");

        var sections = new List<Section>(count);
        for (var i = 0; i < count; i++)
        {
            var header = Slice(elf, offset + (long)i * SectionHeaderSize, SectionHeaderSize);
            var type = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
            var isOfInterest = type is SectionDynamicSymbols or SectionVersionNeeds or SectionSymbolVersions or 3; // SHT_STRTAB
            // Others may have no bytes in the file (SHT_NOBITS): their extent is never used.
            var start = isOfInterest ? Checked(BinaryPrimitives.ReadUInt64LittleEndian(header[0x18..]), elf.Length) : 0;
            var length = isOfInterest ? Checked(BinaryPrimitives.ReadUInt64LittleEndian(header[0x20..]), elf.Length - start) : 0;
            sections.Add(new Section(type, start, length,
                (int)Math.Min(int.MaxValue, BinaryPrimitives.ReadUInt32LittleEndian(header[0x28..])),
                (int)Math.Min(int.MaxValue, BinaryPrimitives.ReadUInt32LittleEndian(header[0x2c..]))));
        }

        return sections;
    }

    private static ushort? VersionThatOnlyTheMarkerNeeds(
        ReadOnlySpan<byte> elf, Section versions, Section symbols, Section names)
    {
        var table = Slice(elf, symbols);
        var indices = Slice(elf, versions);
        var count = table.Length / SymbolSize;
        if (indices.Length < count * 2)
            throw new InvalidDataException($"{indices.Length / 2} symbol versions for {count} symbols");

        ushort? found = null;
        for (var i = 0; i < count && found is null; i++)
        {
            if (NameOf(elf, table, i, names) == Marker)
                found = IndexOf(indices, i);
        }

        // 0 and 1 are "local" and "global": no version at all.
        if (found is null or <= 1)
            return null;
        for (var i = 0; i < count; i++)
        {
            if (IndexOf(indices, i) == found && NameOf(elf, table, i, names) != Marker)
                return null;
        }

        return found;

        static ushort IndexOf(ReadOnlySpan<byte> indices, int symbol) =>
            (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(indices[(symbol * 2)..]) & VersionIndexMask);

        static string NameOf(ReadOnlySpan<byte> elf, ReadOnlySpan<byte> table, int symbol, Section names) =>
            ReadName(elf, names, BinaryPrimitives.ReadUInt32LittleEndian(table[(symbol * SymbolSize)..]));
    }

    private static string? WeakenNeed(Span<byte> elf, Section needs, Section names, ushort index)
    {
        // Entries are linked by offsets from themselves; each must move forward, so the walk ends.
        long need = needs.Offset;
        for (var i = 0; i < needs.Count; i++)
        {
            var entry = SliceWithin(elf, needs, need, NeedSize);
            int auxiliaries = BinaryPrimitives.ReadUInt16LittleEndian(entry[2..]);
            var auxiliary = need + BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]);
            for (var j = 0; j < auxiliaries; j++)
            {
                var version = SliceWithin(elf, needs, auxiliary, NeedSize);
                var flags = BinaryPrimitives.ReadUInt16LittleEndian(version[4..]);
                if ((BinaryPrimitives.ReadUInt16LittleEndian(version[6..]) & VersionIndexMask) == index)
                {
                    if ((flags & FlagWeak) != 0)
                        return null;
                    BinaryPrimitives.WriteUInt16LittleEndian(
                        elf.Slice((int)auxiliary + 4, 2), (ushort)(flags | FlagWeak));
                    return ReadName(elf, names, BinaryPrimitives.ReadUInt32LittleEndian(version[8..]));
                }

                var next = BinaryPrimitives.ReadUInt32LittleEndian(version[12..]);
                if (next == 0)
                    break;
                auxiliary += next;
            }

            var following = BinaryPrimitives.ReadUInt32LittleEndian(entry[12..]);
            if (following == 0)
                break;
            need += following;
        }

        return null;
    }

    private static Section? Find(List<Section> sections, uint type)
    {
        foreach (var section in sections)
        {
            if (section.Type == type)
                return section;
        }

        return null;
    }

    private static Section Linked(List<Section> sections, Section section) =>
        section.Link < sections.Count
            ? sections[section.Link]
            : throw new InvalidDataException($"section link {section.Link} of {sections.Count}");

    private static string ReadName(ReadOnlySpan<byte> elf, Section strings, uint offset)
    {
        var table = Slice(elf, strings);
        if (offset >= table.Length)
            throw new InvalidDataException($"name at {offset} in a table of {table.Length} bytes");
        var rest = table[(int)offset..];
        var end = rest[..Math.Min(rest.Length, LongestName)].IndexOf((byte)0);
        return end >= 0 ? Encoding.ASCII.GetString(rest[..end]) : throw new InvalidDataException("a name without an end");
    }

    private static int Checked(ulong value, long limit) =>
        value <= (ulong)limit ? (int)value : throw new InvalidDataException($"{value} reaches outside the file");

    private static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> elf, Section section) =>
        elf.Slice(section.Offset, section.Size);

    private static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> elf, long offset, int size) =>
        offset >= 0 && offset + size <= elf.Length
            ? elf.Slice((int)offset, size)
            : throw new InvalidDataException($"{size} bytes at {offset} reach outside the file");

    private static ReadOnlySpan<byte> SliceWithin(ReadOnlySpan<byte> elf, Section section, long offset, int size) =>
        offset >= section.Offset && offset + size <= section.Offset + section.Size
            ? elf.Slice((int)offset, size)
            : throw new InvalidDataException($"a version entry at {offset} reaches outside its section");
}
