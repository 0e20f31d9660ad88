using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Mdf.Runtime;

/// <summary>The processor of an ELF library, the symbols that it defines, and the symbols that it needs. The library is read but not loaded.</summary>
/// <remarks>Only the tables are read, not the code, because libtorch has half a gigabyte of code.</remarks>
internal sealed class ElfSymbols
{
    private const int HeaderSize = 64;
    private const int SectionHeaderSize = 64;
    private const int SymbolSize = 24;
    private const uint SectionDynamicSymbols = 11; // SHT_DYNSYM
    private const uint SectionSymbolVersions = 0x6fffffff; // SHT_GNU_versym
    private const int GlobalBinding = 1; // STB_GLOBAL
    private const ushort VersionIndexMask = 0x7fff; // the top bit of a versym entry means "hidden"
    private const long LargestTable = 1 << 28;

    private ElfSymbols(ushort machine, HashSet<string> defined, HashSet<string> needed) => (Machine, Defined, Needed) = (machine, defined, needed);

    /// <summary>The number of the processor, <c>e_machine</c>.</summary>
    public ushort Machine { get; }

    /// <summary>The names of the symbols that the library defines.</summary>
    public IReadOnlySet<string> Defined { get; }

    /// <summary>The names of the symbols that other libraries must define, without optional (weak) symbols and without symbols with a version, which belong to the system.</summary>
    public IReadOnlySet<string> Needed { get; }

    /// <summary>The ELF number of a processor; 0 for processors that libtorch is not built for.</summary>
    public static ushort MachineOf(Architecture architecture) => architecture switch
    {
        Architecture.X64 => 62, // EM_X86_64
        Architecture.Arm64 => 183, // EM_AARCH64
        _ => 0,
    };

    /// <summary>The name of the processor with an ELF number.</summary>
    public static string NameOf(ushort machine) => machine switch
    {
        62 => "x64",
        183 => "arm64",
        _ => $"a processor of another kind (ELF machine {machine})",
    };

    /// <summary>Reads the tables of a library.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidDataException">The file is not a 64-bit little-endian ELF library, or its tables reach outside it.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static ElfSymbols Read(string path)
    {
        using var file = File.OpenHandle(path);
        var length = RandomAccess.GetLength(file);
        var header = Bytes(0, HeaderSize);
        // e_ident: magic, 64-bit class, little-endian.
        if (!header.AsSpan(0, 6).SequenceEqual("\u007fELF\u0002\u0001"u8))
            throw new InvalidDataException("not a 64-bit little-endian ELF file");
        var machine = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(0x12));
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(0x3c));
        if (count > 0 && BinaryPrimitives.ReadUInt16LittleEndian(header.AsSpan(0x3a)) != SectionHeaderSize)
            throw new InvalidDataException("section headers of another size");
        var sections = Bytes((long)BinaryPrimitives.ReadUInt64LittleEndian(header.AsSpan(0x28)), (long)count * SectionHeaderSize);

        if (Find(SectionDynamicSymbols) is not { } symbolsAt)
            throw new InvalidDataException("no table of dynamic symbols");
        var link = BinaryPrimitives.ReadUInt32LittleEndian(sections.AsSpan(symbolsAt + 0x28));
        if (link >= count)
            throw new InvalidDataException($"section link {link} of {count}");
        var symbols = Section(symbolsAt);
        var strings = Section((int)link * SectionHeaderSize);
        var versions = Find(SectionSymbolVersions) is { } versionsAt ? Section(versionsAt) : [];

        var (defined, needed) = (new HashSet<string>(), new HashSet<string>());
        // Names may overlap. In a valid file their total length is not above this limit.
        var budget = 4L * strings.Length;
        for (var i = 0; (i + 1) * SymbolSize <= symbols.Length; i++)
        {
            var symbol = symbols.AsSpan(i * SymbolSize, SymbolSize);
            var isDefined = BinaryPrimitives.ReadUInt16LittleEndian(symbol[6..]) != 0; // st_shndx: SHN_UNDEF
            if (!isDefined && (symbol[4] >> 4 != GlobalBinding || HasVersion(i)))
                continue;
            var at = BinaryPrimitives.ReadUInt32LittleEndian(symbol);
            var end = at < strings.Length ? strings.AsSpan((int)at).IndexOf((byte)0) : -1;
            if (end < 0 || (budget -= end) < 0)
                throw new InvalidDataException("names of symbols reach outside their table");
            (isDefined ? defined : needed).Add(Encoding.Latin1.GetString(strings, (int)at, end));
        }

        return new ElfSymbols(machine, defined, needed);

        // The indices 0 ("local") and 1 ("global") mean that the symbol has no version.
        bool HasVersion(int index) => (index + 1) * sizeof(ushort) <= versions.Length
            && (BinaryPrimitives.ReadUInt16LittleEndian(versions.AsSpan(index * sizeof(ushort))) & VersionIndexMask) > 1;

        int? Find(uint type)
        {
            for (var at = 0; at < sections.Length; at += SectionHeaderSize)
            {
                if (BinaryPrimitives.ReadUInt32LittleEndian(sections.AsSpan(at + 4)) == type)
                    return at;
            }

            return null;
        }

        byte[] Section(int at) => Bytes(
            (long)BinaryPrimitives.ReadUInt64LittleEndian(sections.AsSpan(at + 0x18)), (long)BinaryPrimitives.ReadUInt64LittleEndian(sections.AsSpan(at + 0x20)));

        byte[] Bytes(long at, long size)
        {
            if (at < 0 || size < 0 || size > LargestTable || at > length - size)
                throw new InvalidDataException($"{size} bytes at {at} reach outside the file");
            var bytes = new byte[size];
            for (var read = 0; read < bytes.Length;)
            {
                var some = RandomAccess.Read(file, bytes.AsSpan(read), at + read);
                if (some == 0)
                    throw new InvalidDataException("the file ends too soon");
                read += some;
            }

            return bytes;
        }
    }
}
