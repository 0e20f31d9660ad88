using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Mdf.Runtime;

/// <summary>
/// An ELF library with a name (<c>DT_SONAME</c>) and nothing else. While it is loaded, the loader of the system answers a request for this name with this
/// library and does not search for a file.
/// </summary>
internal static class EmptyLibrary
{
    private const int HeaderSize = 64;
    private const int SegmentSize = 56;
    private const int Segments = 3;
    private const int DynamicEntrySize = 16;
    private const int DynamicEntries = 7;
    private const int SymbolSize = 24;
    private const int HashSize = 16;
    private const int DynamicAt = HeaderSize + Segments * SegmentSize;
    private const int SymbolsAt = DynamicAt + DynamicEntries * DynamicEntrySize;
    private const int HashAt = SymbolsAt + SymbolSize;
    private const int StringsAt = HashAt + HashSize;

    // At least the size of a memory page on every processor that libtorch is built for.
    private const ulong Alignment = 0x10000;

    /// <summary>Creates the bytes of such a library, for the processor of this process.</summary>
    /// <param name="name">The name of the library, in ASCII, such as <c>torch_cpu.so</c>.</param>
    public static byte[] Create(string name)
    {
        var strings = Encoding.ASCII.GetBytes($"\0{name}\0");
        var elf = new byte[StringsAt + strings.Length];
        strings.CopyTo(elf.AsSpan(StringsAt));

        // e_ident: magic, 64-bit class, little-endian, version 1.
        "\u007fELF\u0002\u0001\u0001"u8.CopyTo(elf);
        Write16(0x10, 3); // e_type: ET_DYN
        Write16(0x12, ElfSymbols.MachineOf(RuntimeInformation.ProcessArchitecture));
        Write32(0x14, 1); // e_version
        Write64(0x20, HeaderSize); // e_phoff
        Write16(0x34, HeaderSize);
        Write16(0x36, SegmentSize);
        Write16(0x38, Segments);

        const uint readable = 4, writable = 2;
        // The loader writes addresses into the dynamic section.
        Segment(0, 1 /* PT_LOAD */, readable | writable, 0, elf.Length, Alignment);
        Segment(1, 2 /* PT_DYNAMIC */, readable | writable, DynamicAt, DynamicEntries * DynamicEntrySize, 8);
        // Without this segment the loader would make the stacks of all threads executable.
        Segment(2, 0x6474e551 /* PT_GNU_STACK */, readable | writable, 0, 0, 16);

        Dynamic(0, 14 /* DT_SONAME */, 1);
        Dynamic(1, 5 /* DT_STRTAB */, StringsAt);
        Dynamic(2, 10 /* DT_STRSZ */, strings.Length);
        Dynamic(3, 6 /* DT_SYMTAB */, SymbolsAt);
        Dynamic(4, 11 /* DT_SYMENT */, SymbolSize);
        Dynamic(5, 4 /* DT_HASH */, HashAt);
        // The last entry, DT_NULL, and the only symbol, which has no name, are zeros.
        Write32(HashAt, 1); // buckets
        Write32(HashAt + 4, 1); // symbols
        return elf;

        void Segment(int index, uint type, uint flags, int at, int size, ulong alignment)
        {
            var header = HeaderSize + index * SegmentSize;
            Write32(header, type);
            Write32(header + 4, flags);
            Write64(header + 0x08, (ulong)at); // in the file
            Write64(header + 0x10, (ulong)at); // in memory
            Write64(header + 0x18, (ulong)at);
            Write64(header + 0x20, (ulong)size);
            Write64(header + 0x28, (ulong)size);
            Write64(header + 0x30, alignment);
        }

        void Dynamic(int index, ulong tag, int value)
        {
            Write64(DynamicAt + index * DynamicEntrySize, tag);
            Write64(DynamicAt + index * DynamicEntrySize + 8, (ulong)value);
        }

        void Write16(int at, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(elf.AsSpan(at), value);
        void Write32(int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(elf.AsSpan(at), value);
        void Write64(int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(elf.AsSpan(at), value);
    }
}
