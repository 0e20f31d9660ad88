using System.IO.Compression;
using System.Text;

namespace Mdf.Tests.Weights;

/// <summary>NumPy archives, made in memory and independently of the library.</summary>
internal static class NumpyFiles
{
    /// <summary>A zip file of entries, as .NET's zip writer makes it.</summary>
    public static byte[] Zip(IEnumerable<(string Name, byte[] Content)> entries, CompressionLevel level = CompressionLevel.NoCompression)
    {
        using var stream = new MemoryStream();
        using (var zip = new ZipArchive(stream, ZipArchiveMode.Create))
        {
            foreach (var (name, content) in entries)
            {
                using var entry = zip.CreateEntry(name, level).Open();
                entry.Write(content);
            }
        }

        return stream.ToArray();
    }

    /// <summary>An array of version 1, 2 or 3 with a header as NumPy writes it, padded to 64 bytes.</summary>
    public static byte[] Array(string type, string shape, byte[] content, bool isColumnMajor = false, byte version = 1) =>
        Array($"{{'descr': '{type}', 'fortran_order': {(isColumnMajor ? "True" : "False")}, 'shape': {shape}, }}", content, version);

    /// <summary>An array with any text as its header.</summary>
    public static byte[] Array(string header, byte[] content, byte version = 1)
    {
        var start = version == 1 ? 10 : 12;
        var text = Encoding.ASCII.GetBytes(header.PadRight((start + header.Length + 64) / 64 * 64 - start - 1) + "\n");
        byte[] length = version == 1 ? BitConverter.GetBytes((ushort)text.Length) : BitConverter.GetBytes(text.Length);
        return [0x93, .. "NUMPY"u8, version, 0, .. length, .. text, .. content];
    }

    /// <summary>A matrix of float64.</summary>
    public static byte[] Matrix(int rows, int columns, Func<int, int, double> value)
    {
        var numbers = Enumerable.Range(0, rows * columns).SelectMany(i => BitConverter.GetBytes(value(i / columns, i % columns)));
        return Array("<f8", $"({rows}, {columns})", [.. numbers]);
    }
}
