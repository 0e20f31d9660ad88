using System.Buffers.Binary;

namespace Mdf.Imaging;

/// <summary>Estimates the quality of a JPEG file, on libjpeg's scale, from its quantization tables.</summary>
internal static class JpegQuality
{
    private const int TableSize = 64;

    // libjpeg's upper bounds of the steps: for tables of one byte, and for tables of two bytes, which it writes for low qualities in files that are not baseline.
    private const int LargestStep = 255;
    private const int LargestWideStep = 32767;

    /// <summary>
    /// The tolerance, in steps of quality: if tables differ from the nearest standard tables by more than standard tables of qualities this far apart differ
    /// from each other, they are not standard tables.
    /// </summary>
    private const int Tolerance = 3;

    // Markers: ITU-T T.81, table B.1.
    private const byte StartOfFrame = 0xc0;
    private const byte LastStartOfFrame = 0xcf;
    private const byte HuffmanTables = 0xc4;
    private const byte JpegExtensions = 0xc8;
    private const byte ArithmeticConditioning = 0xcc;
    private const byte StartOfScan = 0xda;
    private const byte EndOfImage = 0xd9;
    private const byte QuantizationTables = 0xdb;
    private const byte Restart = 0xd0;
    private const byte StartOfImage = 0xd8;
    private const byte Temporary = 0x01;
    private const byte Fill = 0xff;

    /// <summary>ITU-T T.81, table K.1: quantization of luminance, row by row.</summary>
    private static ReadOnlySpan<byte> Luminance =>
    [
        16, 11, 10, 16, 24, 40, 51, 61,
        12, 12, 14, 19, 26, 58, 60, 55,
        14, 13, 16, 24, 40, 57, 69, 56,
        14, 17, 22, 29, 51, 87, 80, 62,
        18, 22, 37, 56, 68, 109, 103, 77,
        24, 35, 55, 64, 81, 104, 113, 92,
        49, 64, 78, 87, 103, 121, 120, 101,
        72, 92, 95, 98, 112, 100, 103, 99,
    ];

    /// <summary>ITU-T T.81, table K.2: quantization of chrominance, row by row.</summary>
    private static ReadOnlySpan<byte> Chrominance =>
    [
        17, 18, 24, 47, 99, 99, 99, 99,
        18, 21, 26, 66, 99, 99, 99, 99,
        24, 26, 56, 99, 99, 99, 99, 99,
        47, 66, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99,
        99, 99, 99, 99, 99, 99, 99, 99,
    ];

    /// <summary>ITU-T T.81, figure A.6: the place in a block, row by row, of each coefficient of a file.</summary>
    private static ReadOnlySpan<byte> Zigzag =>
    [
        0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
        35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
    ];

    /// <summary>Estimates the quality: the quality whose libjpeg tables differ least from the tables of the file.</summary>
    /// <param name="file">A JPEG file, or its part before the pixels.</param>
    /// <returns>
    /// 1 to 100; exact for files that libjpeg wrote with the standard tables. Null if the tables are not standard tables (cameras and Photoshop may have
    /// their own), or if the file is corrupt before its pixels.
    /// </returns>
    public static int? Estimate(ReadOnlySpan<byte> file)
    {
        if (Read(file) is not var (luminance, chrominance))
            return null;
        var differences = Enumerable.Range(1, 100).Select(quality => Difference(Luminance, quality, luminance)
            + (chrominance is null ? 0 : Difference(Chrominance, quality, chrominance))).ToArray();
        var best = 1 + Array.IndexOf(differences, differences.Min());
        return IsNear(Luminance, best, luminance) && (chrominance is null || IsNear(Chrominance, best, chrominance)) ? best : null;
    }

    /// <summary>The factor, in percent, by which libjpeg scales the standard tables (<c>jpeg_quality_scaling</c> in its <c>jcparam.c</c>).</summary>
    /// <param name="quality">1 to 100.</param>
    /// <returns>5000 to 0: 100 at quality 50.</returns>
    internal static int Scale(int quality) => quality < 50 ? 5000 / quality : 200 - 2 * quality;

    private static bool IsNear(ReadOnlySpan<byte> standard, int quality, Table table)
    {
        var scaled = Scaled(standard, quality, table.Largest);
        return Difference(standard, quality, table) <= Math.Max(
            Difference(standard, Math.Max(1, quality - Tolerance), scaled), Difference(standard, Math.Min(100, quality + Tolerance), scaled));
    }

    private static int Difference(ReadOnlySpan<byte> standard, int quality, Table table) =>
        Scaled(standard, quality, table.Largest).Steps.Zip(table.Steps, (left, right) => Math.Abs(left - right)).Sum();

    /// <summary>Scales a table as libjpeg does (<c>jpeg_add_quant_table</c> in its <c>jcparam.c</c>).</summary>
    private static Table Scaled(ReadOnlySpan<byte> standard, int quality, int largest)
    {
        var steps = new int[TableSize];
        for (var i = 0; i < TableSize; i++)
            steps[i] = Math.Clamp((standard[i] * Scale(quality) + 50) / 100, 1, largest);
        return new Table(steps, largest);
    }

    /// <summary>Reads the table of the first component from the part before the pixels, and the table of the second component if it has a different one.</summary>
    private static (Table Luminance, Table? Chrominance)? Read(ReadOnlySpan<byte> file)
    {
        var tables = new Table?[4];
        int[] components = [];
        for (var at = 0; at + 2 <= file.Length && file[at] == Fill;)
        {
            var marker = file[at + 1];
            if (marker == Fill)
            {
                at++;
                continue;
            }

            at += 2;
            if (marker is Temporary or (>= Restart and <= StartOfImage))
                continue;
            if (marker is StartOfScan or EndOfImage || at + 2 > file.Length)
                break;
            var length = BinaryPrimitives.ReadUInt16BigEndian(file[at..]);
            if (length < 2 || length > file.Length - at)
                return null;
            var segment = file.Slice(at + 2, length - 2);
            at += length;
            if (marker == QuantizationTables && !ReadTables(segment, tables))
                return null;
            if (marker is >= StartOfFrame and <= LastStartOfFrame and not (HuffmanTables or JpegExtensions or ArithmeticConditioning))
                components = ReadComponents(segment);
        }

        if (components.Length == 0 || tables[components[0]] is not { } luminance)
            return null;
        return (luminance, components.Length > 1 && components[1] != components[0] ? tables[components[1]] : null);
    }

    private static bool ReadTables(ReadOnlySpan<byte> segment, Table?[] tables)
    {
        while (segment.Length > 0)
        {
            var (isWide, index) = (segment[0] >> 4 != 0, segment[0] & 15);
            var size = 1 + (isWide ? 2 : 1) * TableSize;
            if (index >= tables.Length || segment.Length < size)
                return false;
            var steps = new int[TableSize];
            for (var i = 0; i < TableSize; i++)
                steps[Zigzag[i]] = isWide ? BinaryPrimitives.ReadUInt16BigEndian(segment[(1 + 2 * i)..]) : segment[1 + i];
            tables[index] = new Table(steps, isWide ? LargestWideStep : LargestStep);
            segment = segment[size..];
        }

        return true;
    }

    /// <returns>The index of each component's table; empty if the segment is corrupt.</returns>
    private static int[] ReadComponents(ReadOnlySpan<byte> segment)
    {
        const int header = 6; // precision, height, width, number of components
        const int size = 3; // name, sampling factors, table
        if (segment.Length < header || segment.Length < header + size * segment[header - 1])
            return [];
        var components = new int[segment[header - 1]];
        for (var i = 0; i < components.Length; i++)
            components[i] = segment[header + size * i + 2] & 3;
        return components;
    }

    /// <summary>A quantization table.</summary>
    /// <param name="Steps">The steps, row by row.</param>
    /// <param name="Largest">The upper bound of its steps.</param>
    private sealed record Table(int[] Steps, int Largest);
}
