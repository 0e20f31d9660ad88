using System.Buffers.Binary;

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
    private const int ChecksumSize = 4;

    /// <summary>Refuses a file whose data cannot hold as many pixels as it claims.</summary>
    /// <param name="file">A whole file, whose header libpng has taken.</param>
    /// <exception cref="InvalidDataException">Too few bytes.</exception>
    public static void RequireData(ReadOnlySpan<byte> file)
    {
        var (pixels, found) = (0L, 0L);
        var (width, height) = (0u, 0u);
        for (var rest = file[SignatureSize..]; rest.Length > ChunkHeaderSize;)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(rest);
            var type = rest.Slice(4, 4);
            var data = rest[ChunkHeaderSize..];
            data = data[..(int)Math.Min(length, data.Length)];
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

            rest = rest[(int)Math.Min(ChunkHeaderSize + length + (long)ChecksumSize, rest.Length)..];
        }

        var least = (pixels + DeflateExpansion - 1) / DeflateExpansion;
        if (found < least)
        {
            throw new InvalidDataException(
                $"expected at least {least} bytes of compressed pixels for {width}×{height}, found {found}: the file is truncated or damaged");
        }
    }
}
