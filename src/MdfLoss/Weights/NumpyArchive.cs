using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>Reads and writes NumPy archives (<c>.npz</c>) as <c>numpy.savez</c> does: a zip file of arrays without compression.</summary>
/// <remarks>
/// Source of the layout of the arrays: NEP 1, "A Simple File Format for NumPy Arrays", versions 1 to 3. Only numbers and booleans are read, never
/// pickled objects.
/// </remarks>
internal static partial class NumpyArchive
{
    private const string Extension = ".npy";
    private const string Writer = "numpy.savez";
    private const int PrefixSize = 8; // magic and version

    /// <summary>The largest allowed size of a header in bytes, as NumPy's default.</summary>
    private const int LongestHeader = 10_000;

    private static ReadOnlySpan<byte> Magic => [0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y'];

    /// <summary>Reads all arrays.</summary>
    /// <param name="path">The file. It is not trusted: reading takes at most its size plus 64 MB.</param>
    /// <returns>The arrays by name. They are row-major, for any order in the file, and stay valid after the file is closed.</returns>
    /// <exception cref="InputException">The path is not a file; or the file is incomplete or malformed; or it contains NaN, infinity, or something other than
    /// arrays of numbers and booleans.</exception>
    public static IReadOnlyDictionary<string, StoredTensor> Read(string path)
    {
        const string expected = "a NumPy archive (.npz)";
        using var file = MappedFile.Open(path, expected);
        var start = file.Span(0, (int)Math.Min(file.Length, 8));
        if (!start.StartsWith("PK"u8))
            throw file.Refuse($"expected {expected}, found a file that begins with the bytes {Convert.ToHexString(start)}", "check that it is the right file");
        var entries = ZipEntries.Read(file, Writer);
        var arrays = new Dictionary<string, StoredTensor>();
        foreach (var name in entries.Names)
        {
            if (!name.EndsWith(Extension, StringComparison.Ordinal))
                throw file.Refuse($"expected arrays, found the entry {Untrusted.Quote(name)}", $"expected a file as {Writer} writes it");
            var array = ReadArray(file, entries.Find(name)!.Value);
            FiniteValues.Require(file, name[..^Extension.Length], array);
            arrays.Add(name[..^Extension.Length], array);
        }

        return arrays;
    }

    /// <summary>Writes arrays of float64. Equal arrays give equal bytes.</summary>
    /// <param name="path">The file.</param>
    /// <param name="arrays">The name, the shape and the values of each array, row-major.</param>
    /// <exception cref="InputException">The path cannot be written.</exception>
    public static void Write(string path, params IReadOnlyList<(string Name, long[] Shape, double[] Values)> arrays) => AtomicFile.Write(path, stream =>
    {
        using var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
        foreach (var (name, shape, values) in arrays)
        {
            var entry = zip.CreateEntry(name + Extension, CompressionLevel.NoCompression);
            entry.LastWriteTime = new DateTimeOffset(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);
            using var content = entry.Open();
            content.Write(Header(shape));
            content.Write(MemoryMarshal.AsBytes(values.AsSpan()));
        }
    });

    /// <summary>The header of version 1, padded as NumPy does so that the values begin at a multiple of 64 bytes.</summary>
    private static byte[] Header(long[] shape)
    {
        const int alignment = 64;
        var text = $"{{'descr': '<f8', 'fortran_order': False, 'shape': ({string.Join(", ", shape)}{(shape.Length == 1 ? "," : "")}), }}";
        var start = PrefixSize + sizeof(ushort);
        var length = (start + text.Length + 1 + alignment - 1) / alignment * alignment - start;
        var header = new byte[start + length];
        Magic.CopyTo(header);
        header[Magic.Length] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(header.AsSpan(PrefixSize), (ushort)length);
        Encoding.ASCII.GetBytes(text.PadRight(length - 1) + "\n", header.AsSpan(start));
        return header;
    }

    private static StoredTensor ReadArray(MappedFile file, ZipEntries.Entry entry)
    {
        var quoted = Untrusted.Quote(entry.Name);
        var bytes = file.Span(entry.Offset, (int)entry.Length);
        if (bytes.Length < PrefixSize + sizeof(uint) || !bytes.StartsWith(Magic) || bytes[Magic.Length] is < 1 or > 3)
            throw file.Refuse($"the entry {quoted} is not a NumPy array of version 1 to 3");
        // Version 2 has a wider length field. Version 3 has UTF-8 text, which matters only for the names of fields.
        var isShort = bytes[Magic.Length] == 1;
        var length = isShort ? BinaryPrimitives.ReadUInt16LittleEndian(bytes[PrefixSize..]) : BinaryPrimitives.ReadUInt32LittleEndian(bytes[PrefixSize..]);
        bytes = bytes[(PrefixSize + (isShort ? sizeof(ushort) : sizeof(uint)))..];
        if (length > Math.Min(LongestHeader, bytes.Length))
            throw file.Refuse($"the array {quoted} claims a header of {length} bytes, but only {bytes.Length} bytes are left", $"expected at most {LongestHeader}");

        var header = HeaderPattern().Match(Encoding.Latin1.GetString(bytes[..(int)length]));
        if (!header.Success)
            throw file.Refuse($"the array {quoted} has a header without type, order and shape in NumPy's notation");
        var typeName = header.Groups["type"].Value;
        var type = TypeOf(typeName)
            ?? throw file.Refuse($"the array {quoted} has the type {Untrusted.Quote(typeName)}", "expected little-endian numbers, or booleans");
        long[] shape = [.. header.Groups["size"].Captures.Select(size => long.Parse(size.ValueSpan, CultureInfo.InvariantCulture))];
        var content = bytes[(int)length..];
        if (StoredTensor.ByteLength(type, shape, content.Length) != content.Length)
            throw file.Refuse($"the array {quoted} is {StoredTensor.Describe(type, shape)}, which does not take its {content.Length} bytes");
        file.ChargeContent(content.Length);
        return new StoredTensor(type, shape, header.Groups["order"].Value == "True" ? ToRowMajor(content, shape, type.Size()) : content.ToArray());
    }

    private static byte[] ToRowMajor(ReadOnlySpan<byte> columnMajor, long[] shape, int elementSize)
    {
        var rowMajor = new byte[columnMajor.Length];
        var index = new long[shape.Length];
        for (var target = 0; target < rowMajor.Length; target += elementSize)
        {
            var (source, stride) = (0L, (long)elementSize);
            for (var dimension = 0; dimension < shape.Length; stride *= shape[dimension++])
                source += index[dimension] * stride;
            columnMajor.Slice((int)source, elementSize).CopyTo(rowMajor.AsSpan(target));
            for (var dimension = shape.Length - 1; dimension >= 0 && ++index[dimension] == shape[dimension]; dimension--)
                index[dimension] = 0;
        }

        return rowMajor;
    }

    private static ElementType? TypeOf(string name) => name switch
    {
        "|b1" => ElementType.Bool,
        "|u1" => ElementType.UInt8,
        "|i1" => ElementType.Int8,
        "<i2" => ElementType.Int16,
        "<i4" => ElementType.Int32,
        "<i8" => ElementType.Int64,
        "<f2" => ElementType.Float16,
        "<f4" => ElementType.Float32,
        "<f8" => ElementType.Float64,
        _ => null,
    };

    // A Python dictionary. NumPy's own writer writes exactly this text; 64 is its largest number of dimensions.
    [GeneratedRegex(@"\A\{'descr': '(?<type>[^']{1,16})', 'fortran_order': (?<order>True|False), 'shape': \((?:(?<size>[0-9]{1,18})(?:, ?|(?=\)))){0,64}\), \} *\n\z",
        RegexOptions.ExplicitCapture)]
    private static partial Regex HeaderPattern();
}
