using System.Buffers.Binary;
using System.Numerics;
using NetVips;

namespace Mdf.Imaging;

/// <summary>Reads uncompressed BMP files, which the packaged libvips does not support.</summary>
/// <remarks>
/// Source of the structures: Microsoft's "Bitmap Storage". Supported are BITMAPCOREHEADER, BITMAPINFOHEADER (with the masks of its second and
/// third version), BITMAPV4HEADER and BITMAPV5HEADER; 1, 4 and 8 bits with a palette; 16, 24 and 32 bits; BI_BITFIELDS;
/// rows bottom-up or top-down. The fourth byte of plain 32-bit pixels is reserved and not alpha; only a mask defines alpha.
/// The reader is strict: it checks every offset and index, and guesses nothing.
/// Skia reads the same pixels of all these kinds (tried with the tests of this class), but it ignores embedded profiles, takes pixels outside the palette for black,
/// and does not say why it refuses a file.
/// </remarks>
internal static class BmpReader
{
    private const int FileHeaderSize = 14;
    private const int CoreHeaderSize = 12;
    private const int InfoHeaderSize = 40;
    private const int RgbMasksHeaderSize = 52; // the first header with three masks
    private const int RgbaMasksHeaderSize = 56; // the first header with four masks
    private const int V4HeaderSize = 108;
    private const int V5HeaderSize = 124;
    private const uint Uncompressed = 0; // BI_RGB
    private const uint BitFields = 3; // BI_BITFIELDS
    private const uint AlphaBitFields = 6; // BI_ALPHABITFIELDS
    private const uint EmbeddedProfile = 0x4d424544; // PROFILE_EMBEDDED, 'MBED'; a linked profile is a path and is never opened

    /// <summary>Reads a whole file.</summary>
    /// <param name="file">The bytes of the file, starting with <c>BM</c>.</param>
    /// <param name="cancellationToken">Cancels between two rows.</param>
    /// <returns>RGB or RGBA, 8 bits, in memory, with the embedded profile if there is one. The caller must dispose it.</returns>
    /// <exception cref="InvalidDataException">The file is corrupt, or of an unsupported kind; the message says which.</exception>
    /// <exception cref="OperationCanceledException">The operation was cancelled.</exception>
    public static Image Read(ReadOnlySpan<byte> file, CancellationToken cancellationToken)
    {
        var header = Header.Parse(file);
        var masks = header.BitsPerPixel is 16 or 32 ? Mask.ReadAll(file, header) : [];
        var palette = header.BitsPerPixel <= 8 ? ReadPalette(file, header) : [];
        var rows = Slice(file, header.PixelOffset, header.Stride * header.Height, "pixels");
        var channels = masks.Length == 4 ? 4 : 3;
        var pixels = new byte[(long)header.Width * header.Height * channels];
        for (var y = 0; y < header.Height; y++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var row = rows.Slice(checked((int)(header.Stride * (header.IsTopDown ? y : header.Height - 1 - y))), (int)header.Stride);
            var target = pixels.AsSpan(y * header.Width * channels, header.Width * channels);
            if (palette.Length > 0)
                ReadIndexed(row, header.BitsPerPixel, palette, target);
            else if (masks.Length > 0)
                ReadMasked(row, header.BitsPerPixel / 8, masks, target);
            else
                ReadBgr(row, target);
        }

        using var memory = Image.NewFromMemory(pixels, header.Width, header.Height, channels, Enums.BandFormat.Uchar);
        using var image = memory.Copy(interpretation: Enums.Interpretation.Srgb);
        return ReadProfile(file, header) is { } profile
            ? image.Mutate(mutable => mutable.Set(GValue.BlobType, "icc-profile-data", profile))
            : image.Copy();
    }

    private static void ReadBgr(ReadOnlySpan<byte> row, Span<byte> target)
    {
        for (var i = 0; i < target.Length; i += 3)
            (target[i], target[i + 1], target[i + 2]) = (row[i + 2], row[i + 1], row[i]);
    }

    private static void ReadMasked(ReadOnlySpan<byte> row, int bytesPerPixel, ReadOnlySpan<Mask> masks, Span<byte> target)
    {
        for (int i = 0, x = 0; i < target.Length; i += masks.Length, x += bytesPerPixel)
        {
            var pixel = bytesPerPixel == 2
                ? BinaryPrimitives.ReadUInt16LittleEndian(row[x..])
                : BinaryPrimitives.ReadUInt32LittleEndian(row[x..]);
            for (var channel = 0; channel < masks.Length; channel++)
                target[i + channel] = masks[channel].Extract(pixel);
        }
    }

    private static void ReadIndexed(ReadOnlySpan<byte> row, int bitsPerPixel, ReadOnlySpan<byte> palette, Span<byte> target)
    {
        for (int x = 0, bit = 0; x < target.Length; x += 3, bit += bitsPerPixel)
        {
            // The leftmost pixel is in the highest bits.
            var index = (row[bit / 8] >> (8 - bitsPerPixel - bit % 8)) & ((1 << bitsPerPixel) - 1);
            if (index * 3 >= palette.Length)
                throw new InvalidDataException($"a pixel has colour {index} of a palette of {palette.Length / 3}: the file is corrupt");
            palette.Slice(index * 3, 3).CopyTo(target[x..]);
        }
    }

    /// <returns>The palette as RGB triples.</returns>
    private static byte[] ReadPalette(ReadOnlySpan<byte> file, Header header)
    {
        var most = 1u << header.BitsPerPixel;
        if (header.ColorsUsed > most)
            throw new InvalidDataException($"expected a palette of at most {most} colours, found {header.ColorsUsed}");
        var count = (int)(header.ColorsUsed == 0 ? most : header.ColorsUsed);
        var entrySize = header.Size == CoreHeaderSize ? 3 : 4;
        var entries = Slice(file, FileHeaderSize + header.Size, count * entrySize, "palette");
        header.RequirePixelsBehind(FileHeaderSize + header.Size + entries.Length, "palette");
        var palette = new byte[count * 3];
        for (var i = 0; i < count; i++)
            ReadBgr(entries.Slice(i * entrySize, 3), palette.AsSpan(i * 3, 3));
        return palette;
    }

    private static byte[]? ReadProfile(ReadOnlySpan<byte> file, Header header)
    {
        if (header.Size != V5HeaderSize)
            return null;
        var fields = file.Slice(FileHeaderSize, V5HeaderSize);
        if (BinaryPrimitives.ReadUInt32LittleEndian(fields[56..]) != EmbeddedProfile)
            return null;
        var offset = FileHeaderSize + (long)BinaryPrimitives.ReadUInt32LittleEndian(fields[112..]);
        return Slice(file, offset, BinaryPrimitives.ReadUInt32LittleEndian(fields[116..]), "colour profile").ToArray();
    }

    private static ReadOnlySpan<byte> Slice(ReadOnlySpan<byte> file, long offset, long length, string what) =>
        offset + length <= file.Length
            ? file.Slice((int)offset, (int)length)
            : throw new InvalidDataException($"expected its {what} at bytes {offset} to {offset + length}, found only "
                + $"{file.Length} bytes: the file is truncated or corrupt");

    private sealed record Header(
        int Size, int Width, int Height, bool IsTopDown, int BitsPerPixel, uint Compression, uint ColorsUsed, long PixelOffset)
    {
        /// <summary>The number of bytes from one row to the next. Each row starts at a multiple of four.</summary>
        public long Stride => ((long)Width * BitsPerPixel + 31) / 32 * 4;

        /// <exception cref="InvalidDataException">The pixels begin before <paramref name="end"/>.</exception>
        public void RequirePixelsBehind(long end, string what)
        {
            if (PixelOffset < end)
                throw new InvalidDataException($"expected pixels after the {what}, found them at byte {PixelOffset}: the file is corrupt");
        }

        public static Header Parse(ReadOnlySpan<byte> file)
        {
            var start = Slice(file, 0, FileHeaderSize + 4, "header");
            var size = BinaryPrimitives.ReadUInt32LittleEndian(start[FileHeaderSize..]);
            if (size is not (CoreHeaderSize or InfoHeaderSize or RgbMasksHeaderSize or RgbaMasksHeaderSize or V4HeaderSize or V5HeaderSize))
                throw new InvalidDataException($"expected a BMP header of 12, 40, 52, 56, 108 or 124 bytes, found {size}; save it as PNG");
            var fields = Slice(file, FileHeaderSize, size, "header");
            var isCore = size == CoreHeaderSize;
            long width = isCore
                ? BinaryPrimitives.ReadUInt16LittleEndian(fields[4..])
                : BinaryPrimitives.ReadInt32LittleEndian(fields[4..]);
            long height = isCore
                ? BinaryPrimitives.ReadUInt16LittleEndian(fields[6..])
                : BinaryPrimitives.ReadInt32LittleEndian(fields[8..]);
            ImageLimits.CheckSize(width, Math.Abs(height));

            int planes = BinaryPrimitives.ReadUInt16LittleEndian(fields[(isCore ? 8 : 12)..]);
            if (planes != 1)
                throw new InvalidDataException($"expected 1 colour plane, found {planes}: the file is corrupt");
            int bits = BinaryPrimitives.ReadUInt16LittleEndian(fields[(isCore ? 10 : 14)..]);
            var compression = isCore ? Uncompressed : BinaryPrimitives.ReadUInt32LittleEndian(fields[16..]);
            var isSupported = compression switch
            {
                Uncompressed => bits is 1 or 4 or 8 or 16 or 24 or 32,
                BitFields or AlphaBitFields => bits is 16 or 32,
                _ => false,
            };
            if (!isSupported)
            {
                throw new InvalidDataException("expected an uncompressed BMP of 1, 4, 8, 16, 24 or 32 bits, found "
                    + $"{bits} bits with compression {compression}; save it as PNG");
            }

            var pixelOffset = BinaryPrimitives.ReadUInt32LittleEndian(start[10..]);
            var header = new Header((int)size, (int)width, (int)Math.Abs(height), height < 0, bits, compression,
                isCore ? 0 : BinaryPrimitives.ReadUInt32LittleEndian(fields[32..]), pixelOffset);
            header.RequirePixelsBehind(FileHeaderSize + size, "header");
            return header;
        }
    }

    /// <summary>The position of a channel in a 16- or 32-bit pixel.</summary>
    private readonly record struct Mask(int Shift, uint Maximum)
    {
        private uint Bits => Maximum << Shift;

        /// <summary>The channel's value, rounded to 8 bits.</summary>
        public byte Extract(uint pixel) => (byte)(((ulong)((pixel >> Shift) & Maximum) * 255 + Maximum / 2) / Maximum);

        /// <returns>Masks for red, green, blue, and alpha if the file has one.</returns>
        public static Mask[] ReadAll(ReadOnlySpan<byte> file, Header header)
        {
            if (header.Compression == Uncompressed)
            {
                return header.BitsPerPixel == 16
                    ? [Parse(0x7c00), Parse(0x03e0), Parse(0x001f)]
                    : [Parse(0xff0000), Parse(0x00ff00), Parse(0x0000ff)];
            }

            // The masks are after the old header, and inside the newer headers. The position is the same.
            var count = header.Size >= RgbaMasksHeaderSize || header.Compression == AlphaBitFields ? 4 : 3;
            var bits = Slice(file, FileHeaderSize + InfoHeaderSize, count * 4, "masks");
            header.RequirePixelsBehind(FileHeaderSize + InfoHeaderSize + bits.Length, "masks");
            var masks = new List<Mask>(count);
            for (var i = 0; i < count; i++)
            {
                var mask = BinaryPrimitives.ReadUInt32LittleEndian(bits[(i * 4)..]);
                if (mask != 0 || i < 3) // without alpha, the alpha mask is zero
                    masks.Add(Parse(mask));
            }

            if (masks.Sum(mask => (long)mask.Bits) != masks.Aggregate(0u, (all, mask) => all | mask.Bits))
                throw new InvalidDataException("expected masks without common bits, found masks that overlap: the file is corrupt");
            return [.. masks];
        }

        private static Mask Parse(uint bits)
        {
            var shift = BitOperations.TrailingZeroCount(bits);
            var maximum = bits == 0 ? 0 : bits >> shift;
            return maximum != 0 && BitOperations.IsPow2((ulong)maximum + 1)
                ? new Mask(shift, maximum)
                : throw new InvalidDataException($"expected a mask of neighbouring bits, found 0x{bits:x8}: the file is corrupt");
        }
    }
}
