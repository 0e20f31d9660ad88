using System.Buffers.Binary;
using Mdf.Runtime;

namespace Mdf.Imaging;

/// <summary>Reads the chunks of a PNG file (W3C's PNG, third edition, chapter 5).</summary>
internal static class PngStructure
{
    /// <summary>
    /// The largest number of bytes that one byte of a deflate stream can give (RFC 1951): a code has at least one bit, and a match needs two codes and gives at most
    /// 258 bytes.
    /// </summary>
    internal const int DeflateExpansion = 258 * 8 / 2;

    private const int SignatureSize = 8;
    private const int ChunkHeaderSize = 8; // length and type
    private const int TypeSize = 4;
    private const int ChecksumSize = 4;

    /// <summary>Throws if the file has too little data for the number of pixels in its header.</summary>
    /// <param name="file">A whole file. libpng has already accepted its header.</param>
    /// <exception cref="InvalidDataException">The file has too few bytes.</exception>
    public static void RequireData(ReadOnlySpan<byte> file)
    {
        var (pixels, found) = (0L, 0L);
        var (width, height) = (0u, 0u);
        for (var at = SignatureSize; Next(file, ref at) is { } chunk;)
        {
            var type = TypeOf(file, chunk);
            var data = file[chunk];
            if (pixels == 0 && type.SequenceEqual("IHDR"u8) && data.Length >= 10)
            {
                (width, height) = (BinaryPrimitives.ReadUInt32BigEndian(data), BinaryPrimitives.ReadUInt32BigEndian(data[4..]));
                // The number of channels by colour type: grey, RGB, palette, grey with alpha, RGB with alpha.
                var channels = data[9] switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };
                // The filter byte of each row, and the padding in the rows of an interlaced file, are not counted.
                pixels = ((long)width * channels * data[8] + 7) / 8 * height;
            }
            else if (type.SequenceEqual("IDAT"u8))
            {
                found += data.Length;
            }
        }

        var least = (pixels + DeflateExpansion - 1) / DeflateExpansion;
        if (found < least)
        {
            throw new InvalidDataException(
                $"expected at least {least} bytes of compressed pixels for {width}×{height}, found {found}: the file is truncated or corrupt");
        }
    }

    /// <summary>Finds a chunk before the pixels.</summary>
    /// <param name="file">A whole file.</param>
    /// <param name="type">The four letters of its type.</param>
    /// <returns>The range of the chunk's data; null if there is no such chunk.</returns>
    public static Range? Find(ReadOnlySpan<byte> file, ReadOnlySpan<byte> type)
    {
        for (var at = SignatureSize; Next(file, ref at) is { } chunk && !TypeOf(file, chunk).SequenceEqual("IDAT"u8);)
        {
            if (TypeOf(file, chunk).SequenceEqual(type))
                return chunk;
        }

        return null;
    }

    /// <summary>The start of the chunk with this data.</summary>
    public static int StartOf(Range data) => data.Start.Value - ChunkHeaderSize;

    /// <summary>The end of the chunk with this data.</summary>
    public static int EndOf(Range data) => data.End.Value + ChecksumSize;

    /// <summary>Updates the checksum of a chunk after a change of its data.</summary>
    /// <param name="file">A whole file.</param>
    /// <param name="start">The start of the data.</param>
    /// <param name="length">The length of the data, in bytes.</param>
    public static void Seal(Span<byte> file, int start, int length) =>
        BinaryPrimitives.WriteUInt32BigEndian(file[(start + length)..], Crc32.Compute(file[(start - TypeSize)..(start + length)]));

    /// <returns>The range of the data of the chunk at <paramref name="at"/>, as far as the file contains it; null at the end of the file. Moves to the next chunk.</returns>
    private static Range? Next(ReadOnlySpan<byte> file, ref int at)
    {
        if (file.Length - at <= ChunkHeaderSize)
            return null;
        var start = at + ChunkHeaderSize;
        var end = start + (long)BinaryPrimitives.ReadUInt32BigEndian(file[at..]);
        at = (int)Math.Min(end + ChecksumSize, file.Length);
        return start..(int)Math.Min(end, file.Length);
    }

    private static ReadOnlySpan<byte> TypeOf(ReadOnlySpan<byte> file, Range data) => file.Slice(data.Start.Value - TypeSize, TypeSize);
}
