using System.Buffers.Binary;
using System.Text;

namespace Mdf.Tests.Runtime;

/// <summary>A symbol of an <see cref="ElfBuilder"/>.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Version">Its entry in the table of symbol versions: an index, perhaps with the "hidden" bit.</param>
internal sealed record ElfSymbol(string Name, ushort Version);

/// <summary>
/// Lays out the smallest ELF library that has versioned symbols: the header, the section headers, then the sections.
/// </summary>
internal sealed class ElfBuilder
{
    public const string Marker = "_ZSt21ios_base_library_initv";

    private const int HeaderSize = 64;

    /// <summary>The symbols behind the null symbol, which is number 0.</summary>
    public IReadOnlyList<ElfSymbol> Symbols { get; init; } = [new("_ZNSolsEi", 2), new(Marker, 3), new("malloc", 4)];

    /// <summary>The versions that are needed: each library's index, name and flags.</summary>
    public IReadOnlyList<(string Library, (ushort Index, string Name, ushort Flags)[] Versions)> Needs { get; init; } =
    [
        ("libstdc++.so.6", [(2, "GLIBCXX_3.4", 0), (3, "GLIBCXX_3.4.32", 0)]),
        ("libc.so.6", [(4, "GLIBC_2.2.5", 0)]),
    ];

    /// <summary>The numbers of the symbols that relocations use.</summary>
    public IReadOnlyList<uint> Relocated { get; init; } = [1, 3];

    /// <summary>The bytes of the version-needs section and its number of entries, in place of <see cref="Needs"/>.</summary>
    public (byte[] Bytes, uint Count)? RawNeeds { get; init; }

    public byte[] Build()
    {
        var names = new MemoryStream();
        names.WriteByte(0);
        uint Name(string text)
        {
            var at = (uint)names.Length;
            names.Write(Encoding.ASCII.GetBytes(text + '\0'));
            return at;
        }

        var symbols = new byte[24 * (Symbols.Count + 1)];
        var versions = new byte[2 * (Symbols.Count + 1)];
        for (var i = 0; i < Symbols.Count; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(symbols.AsSpan(24 * (i + 1)), Name(Symbols[i].Name));
            BinaryPrimitives.WriteUInt16LittleEndian(versions.AsSpan(2 * (i + 1)), Symbols[i].Version);
        }

        var relocations = new byte[24 * Relocated.Count];
        for (var i = 0; i < Relocated.Count; i++)
            BinaryPrimitives.WriteUInt64LittleEndian(relocations.AsSpan(24 * i + 8), (ulong)Relocated[i] << 32 | 6);
        var needs = RawNeeds?.Bytes ?? WriteNeeds(Name);

        // Type, link, info, content; a section without bytes in the file (.bss) has an extent that means nothing.
        (uint Type, uint Link, uint Info, byte[] Content)[] sections =
        [
            (0, 0, 0, []),
            (11, 2, 1, symbols), // SHT_DYNSYM
            (3, 0, 0, names.ToArray()), // SHT_STRTAB
            (0x6fffffff, 1, 0, versions), // SHT_GNU_versym
            (0x6ffffffe, 2, RawNeeds?.Count ?? (uint)Needs.Count, needs), // SHT_GNU_verneed
            (4, 1, 0, relocations), // SHT_RELA
            (8, 0, 0, []), // SHT_NOBITS
        ];
        var elf = new MemoryStream();
        elf.Write("\u007fELF\u0002\u0001\u0001"u8);
        elf.SetLength(HeaderSize + 64 * sections.Length);
        var head = elf.GetBuffer().AsSpan(0, (int)elf.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(head[0x28..], HeaderSize); // e_shoff
        BinaryPrimitives.WriteUInt16LittleEndian(head[0x3a..], 64); // e_shentsize
        BinaryPrimitives.WriteUInt16LittleEndian(head[0x3c..], (ushort)sections.Length); // e_shnum
        var offset = (ulong)elf.Length;
        for (var i = 0; i < sections.Length; i++)
        {
            var (type, link, info, content) = sections[i];
            var header = head[(HeaderSize + 64 * i)..];
            BinaryPrimitives.WriteUInt32LittleEndian(header[4..], type);
            BinaryPrimitives.WriteUInt64LittleEndian(header[0x18..], type == 8 ? ulong.MaxValue : offset);
            BinaryPrimitives.WriteUInt64LittleEndian(header[0x20..], type == 8 ? ulong.MaxValue : (ulong)content.Length);
            BinaryPrimitives.WriteUInt32LittleEndian(header[0x28..], link);
            BinaryPrimitives.WriteUInt32LittleEndian(header[0x2c..], info);
            offset += (ulong)content.Length;
        }

        return [.. head, .. sections.SelectMany(s => s.Content)];
    }

    /// <summary>Verneed entries, each followed by its Vernaux entries.</summary>
    private byte[] WriteNeeds(Func<string, uint> name)
    {
        var bytes = new List<byte>();
        foreach (var (library, versions) in Needs)
        {
            Entry(
                (ushort)versions.Length, name(library), next: library == Needs[^1].Library ? 0 : 16 * (1 + (uint)versions.Length));
            for (var i = 0; i < versions.Length; i++)
                Auxiliary(versions[i], i == versions.Length - 1 ? 0u : 16);
        }

        return [.. bytes];

        void Entry(ushort count, uint file, uint next)
        {
            var entry = new byte[16];
            BinaryPrimitives.WriteUInt16LittleEndian(entry, 1);
            BinaryPrimitives.WriteUInt16LittleEndian(entry.AsSpan(2), count);
            BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(4), file);
            BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(8), 16);
            BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(12), next);
            bytes.AddRange(entry);
        }

        void Auxiliary((ushort Index, string Name, ushort Flags) version, uint next)
        {
            var entry = new byte[16];
            BinaryPrimitives.WriteUInt16LittleEndian(entry.AsSpan(4), version.Flags);
            BinaryPrimitives.WriteUInt16LittleEndian(entry.AsSpan(6), version.Index);
            BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(8), name(version.Name));
            BinaryPrimitives.WriteUInt32LittleEndian(entry.AsSpan(12), next);
            bytes.AddRange(entry);
        }
    }
}
