using System.Buffers.Binary;
using Mdf.Runtime;

namespace Mdf.Imaging;

/// <summary>The chunks of a PNG file (W3C's PNG, third edition, chapter 5).</summary>
internal static class PngStructure
{
    /// <summary>
    /// The most bytes that a byte of a deflate stream can become (RFC 1951): no code is shorter than one bit, a match takes two codes and gives at most
    /// 258 bytes.
    /// </summary>
    internal const int DeflateExpansion = 258 * 8 / 2;

    private const int SignatureSize = 8;
    private const int ChunkHeaderSize = 8; // length and type
    private const int TypeSize = 4;
    private const int ChecksumSize = 4;

    /// <summary>Refuses a file whose data cannot hold as many pixels as it claims.</summary>
    /// <param name="file">A whole file, whose header libpng has taken.</param>
    /// <exception cref="InvalidDataException">Too few bytes.</exception>
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
                // By the colour type: grey, RGB, palette, grey with alpha, RGB with alpha.
                var channels = data[9] switch { 2 => 3, 4 => 2, 6 => 4, _ => 1 };
                // The filter's byte of each row is left out, and the rows of an interlaced file that are filled up.
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
                $"expected at least {least} bytes of compressed pixels for {width}×{height}, found {found}: the file is truncated or damaged");
        }
    }

    /// <summary>Finds a chunk before the pixels.</summary>
    /// <param name="file">A whole file.</param>
    /// <param name="type">Its four letters.</param>
    /// <returns>The chunk's data; null where there is none.</returns>
    public static Range? Find(ReadOnlySpan<byte> file, ReadOnlySpan<byte> type)
    {
        for (var at = SignatureSize; Next(file, ref at) is { } chunk && !TypeOf(file, chunk).SequenceEqual("IDAT"u8);)
        {
            if (TypeOf(file, chunk).SequenceEqual(type))
                return chunk;
        }

        return null;
    }

    /// <summary>Where the chunk begins that has this data.</summary>
    public static int StartOf(Range data) => data.Start.Value - ChunkHeaderSize;

    /// <summary>Where the chunk ends that has this data.</summary>
    public static int EndOf(Range data) => data.End.Value + ChecksumSize;

    /// <summary>Makes the checksum of a chunk that of its data.</summary>
    /// <param name="file">A whole file.</param>
    /// <param name="start">Where the data begins.</param>
    /// <param name="length">Its length.</param>
    public static void Seal(Span<byte> file, int start, int length) =>
        BinaryPrimitives.WriteUInt32BigEndian(file[(start + length)..], Crc32.Of(file[(start - TypeSize)..(start + length)]));

    /// <returns>The data of the chunk that begins at <paramref name="at"/>, as far as the file has it; null where the file ends. Goes on to the next.</returns>
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
