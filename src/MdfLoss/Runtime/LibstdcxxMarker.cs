using System.Buffers.Binary;
using System.Text;

namespace Mdf.Runtime;

/// <summary>
/// Removes a false requirement from an ELF library: the version of libstdc++ that only one marker symbol needs.
/// </summary>
/// <remarks>
/// GCC 13's <c>&lt;iostream&gt;</c> leaves a reference to <c>std::ios_base_library_init()</c> in every library built with it, at version <c>GLIBCXX_3.4.32</c>.
/// No relocation refers to it and no code calls it; this class checks this. The only purpose of the symbol is that the loader refuses an older libstdc++.
/// Debian 12 and Ubuntu 22.04 have versions up to <c>GLIBCXX_3.4.30</c>, so their loader refuses libraries that would run there correctly. The flag
/// <c>VER_FLG_WEAK</c> on this one entry of the version-needs section makes the requirement optional. "Symbol Versioning" in the Linux Standard Base describes
/// the structures that are read here.
/// </remarks>
internal static class LibstdcxxMarker
{
    private const int SectionHeaderSize = 64;
    private const int SymbolSize = 24;
    private const int RelocationSize = 24;
    private const int NeedSize = 16;
    private const uint SectionStrings = 3; // SHT_STRTAB
    private const uint SectionRelocations = 4; // SHT_RELA, the only kind that x86-64 and aarch64 use with symbols
    private const uint SectionDynamicSymbols = 11; // SHT_DYNSYM
    private const uint SectionVersionNeeds = 0x6ffffffe; // SHT_GNU_verneed
    private const uint SectionSymbolVersions = 0x6fffffff; // SHT_GNU_versym
    private const ushort FlagWeak = 2; // VER_FLG_WEAK
    private const ushort VersionIndexMask = 0x7fff; // the top bit of a versym entry means "hidden"
    private const int LongestName = 4096;

    private static ReadOnlySpan<byte> Marker => "_ZSt21ios_base_library_initv\0"u8;

    /// <summary>
    /// Marks the version that the marker symbol needs as weak, in place. Does nothing if the library has no such symbol, if the entry is
    /// already weak, if another symbol needs the same version, or if the library uses the symbol (then it really needs the version).
    /// </summary>
    /// <param name="elf">The bytes of a library; at most one byte is changed, and none if an exception is thrown.</param>
    /// <returns>The name of the version that is now optional (<c>GLIBCXX_3.4.32</c>), or null if nothing was changed.</returns>
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

        if (FindMarker(elf, symbols, Linked(sections, symbols)) is not { } marker || IsRelocatedAgainst(elf, sections, marker))
            return null;
        var index = VersionThatOnlyOneSymbolNeeds(elf, versions, symbols, marker);
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
            var isOfInterest = type is SectionDynamicSymbols or SectionVersionNeeds or SectionSymbolVersions
                or SectionStrings or SectionRelocations;
            // Other sections may have no bytes in the file (SHT_NOBITS). Their start and size are never used.
            var start = isOfInterest ? Checked(BinaryPrimitives.ReadUInt64LittleEndian(header[0x18..]), elf.Length) : 0;
            var length = isOfInterest ? Checked(BinaryPrimitives.ReadUInt64LittleEndian(header[0x20..]), elf.Length - start) : 0;
            sections.Add(new Section(type, start, length,
                (int)Math.Min(int.MaxValue, BinaryPrimitives.ReadUInt32LittleEndian(header[0x28..])),
                (int)Math.Min(int.MaxValue, BinaryPrimitives.ReadUInt32LittleEndian(header[0x2c..]))));
        }

        return sections;
    }

    /// <summary>The index of the marker in the symbol table, or null.</summary>
    private static int? FindMarker(ReadOnlySpan<byte> elf, Section symbols, Section names)
    {
        var table = Slice(elf, symbols);
        var strings = Slice(elf, names);
        for (var i = 0; i < table.Length / SymbolSize; i++)
        {
            // The name is compared in place. If every name were decoded, a file with overlapping names could make this very slow.
            var name = BinaryPrimitives.ReadUInt32LittleEndian(table[(i * SymbolSize)..]);
            if (name > strings.Length)
                throw new InvalidDataException($"name at {name} in a table of {strings.Length} bytes");
            if (strings[(int)name..].StartsWith(Marker))
                return i;
        }

        return null;
    }

    private static bool IsRelocatedAgainst(ReadOnlySpan<byte> elf, List<Section> sections, int symbol)
    {
        // A valid file has few such sections. The limit stops a file that claims many sections over the same bytes.
        var budget = elf.Length / RelocationSize;
        foreach (var section in sections.Where(section => section.Type == SectionRelocations))
        {
            var table = Slice(elf, section);
            budget -= table.Length / RelocationSize;
            if (budget < 0)
                throw new InvalidDataException("relocation sections overlap");
            for (var at = 0; at + RelocationSize <= table.Length; at += RelocationSize)
            {
                // r_info: the symbol in the upper half, the kind of relocation in the lower.
                if (BinaryPrimitives.ReadUInt64LittleEndian(table[(at + 8)..]) >> 32 == (ulong)symbol)
                    return true;
            }
        }

        return false;
    }

    private static ushort? VersionThatOnlyOneSymbolNeeds(
        ReadOnlySpan<byte> elf, Section versions, Section symbols, int symbol)
    {
        var count = symbols.Size / SymbolSize;
        var indices = Slice(elf, versions);
        if (indices.Length < count * sizeof(ushort))
            throw new InvalidDataException($"{indices.Length / sizeof(ushort)} symbol versions for {count} symbols");

        var found = IndexOf(indices, symbol);
        // The indices 0 ("local") and 1 ("global") mean that the symbol has no version.
        if (found <= 1)
            return null;
        for (var i = 0; i < count; i++)
        {
            if (i != symbol && IndexOf(indices, i) == found)
                return null;
        }

        return found;

        static ushort IndexOf(ReadOnlySpan<byte> indices, int symbol) => (ushort)(VersionIndexMask
            & BinaryPrimitives.ReadUInt16LittleEndian(indices[(symbol * sizeof(ushort))..]));
    }

    private static string? WeakenNeed(Span<byte> elf, Section needs, Section names, ushort index)
    {
        // Each entry holds the offset to the next entry. Each link moves forward, so no chain is endless. Overlapping entries could
        // still be read many times, so the number of reads is limited to the number of entries that fit into the section.
        var budget = needs.Size / NeedSize;
        long need = needs.Offset;
        for (var i = 0; i < needs.Count; i++)
        {
            var entry = Entry(elf, needs, need, ref budget);
            int auxiliaries = BinaryPrimitives.ReadUInt16LittleEndian(entry[2..]);
            var auxiliary = need + BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]);
            for (var j = 0; j < auxiliaries; j++)
            {
                var version = Entry(elf, needs, auxiliary, ref budget);
                if ((BinaryPrimitives.ReadUInt16LittleEndian(version[6..]) & VersionIndexMask) == index)
                {
                    var name = ReadName(elf, names, BinaryPrimitives.ReadUInt32LittleEndian(version[8..]));
                    var flags = BinaryPrimitives.ReadUInt16LittleEndian(version[4..]);
                    if ((flags & FlagWeak) != 0)
                        return null;
                    BinaryPrimitives.WriteUInt16LittleEndian(
                        elf.Slice((int)auxiliary + 4, sizeof(ushort)), (ushort)(flags | FlagWeak));
                    return name;
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

    private static ReadOnlySpan<byte> Entry(ReadOnlySpan<byte> elf, Section needs, long offset, ref int budget)
    {
        if (--budget < 0)
            throw new InvalidDataException("version entries overlap");
        return offset >= needs.Offset && offset + NeedSize <= needs.Offset + needs.Size
            ? elf.Slice((int)offset, NeedSize)
            : throw new InvalidDataException($"a version entry at {offset} reaches outside its section");
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
}
