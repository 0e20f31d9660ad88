using System.Buffers.Binary;

namespace Mdf.Imaging;

/// <summary>Reads and changes the first directory of a TIFF structure (TIFF 6.0, section 2, or BigTIFF). EXIF is also a TIFF structure.</summary>
/// <remarks>Corrupt entries are treated as absent. If a directory is truncated, its existing entries are read, as in libexif, but the directory is not changed.</remarks>
internal static class TiffDirectory
{
    /// <summary>The tags of TIFF 6.0.</summary>
    public const int Orientation = 0x0112;
    public const int ResolutionUnit = 0x0128;
    private const int HorizontalResolution = 0x011a;
    private const int VerticalResolution = 0x011b;

    /// <summary>The tags that point to the directories of EXIF and GPS (Exif 2.32, 4.6.3).</summary>
    private const int ExifTag = 0x8769;
    private const int GpsTag = 0x8825;

    /// <summary>The tags of EXIF in the first directory about the author, the device and the time (Exif 2.32, 4.6.4).</summary>
    private static readonly int[] s_descriptions =
    [
        0x010e, // ImageDescription
        0x010f, // Make
        0x0110, // Model
        0x0132, // DateTime
        0x013b, // Artist
        0x8298, // Copyright
    ];

    /// <summary>The types of values that are read.</summary>
    private const int ShortType = 3;
    private const int RationalType = 5;

    /// <summary>The values of <see cref="ResolutionUnit"/>.</summary>
    private const int NoUnit = 1;
    /// <summary>The unit of resolutions in inches.</summary>
    public const int Inch = 2;

    /// <summary>The unit of resolutions in centimetres.</summary>
    public const int Centimetre = 3;


    private static ReadOnlySpan<byte> ExifPrefix => "Exif\0\0"u8;

    /// <summary>Removes the thumbnail from EXIF, because it would show the old picture. The second directory is unlinked.</summary>
    /// <param name="exif">EXIF, with or without the prefix <c>Exif\0\0</c>.</param>
    /// <returns>A copy; null if the first directory is corrupt.</returns>
    public static byte[]? WithoutThumbnail(ReadOnlySpan<byte> exif)
    {
        if (Find(Structure(exif)) is not { IsBig: false, IsWhole: true } entries)
            return null;
        var copy = exif.ToArray();
        var next = copy.AsSpan(exif.Length - Structure(exif).Length + entries.At(entries.Count));
        next[..Math.Min(4, next.Length)].Clear();
        return copy;
    }

    /// <summary>Whether a TIFF file has EXIF, or has the tags of cameras in its own directory.</summary>
    public static bool HasExif(ReadOnlySpan<byte> file)
    {
        if (Find(file) is not { } entries)
            return false;
        for (var i = 0; i < entries.Count; i++)
        {
            var tag = entries.Short(file[entries.At(i)..]);
            if (tag is ExifTag or GpsTag || s_descriptions.Contains(tag))
                return true;
        }

        return false;
    }

    /// <summary>Reads a 16-bit number.</summary>
    /// <param name="structure">A TIFF file, or EXIF with or without the prefix <c>Exif\0\0</c>.</param>
    /// <param name="tag">The tag.</param>
    /// <returns>The number; null if there is none, or if the value has another type.</returns>
    public static int? Number(ReadOnlySpan<byte> structure, int tag)
    {
        structure = Structure(structure);
        return Find(structure) is { } entries && entries.Find(structure, tag, ShortType) is { } entry
            ? entries.Short(structure[(entry + entries.ValueOffset)..])
            : null;
    }

    /// <summary>Reads the resolution and its unit: 2 for inches, which is also the default, 3 for centimetres, 1 for none.</summary>
    /// <param name="structure">A TIFF file, or EXIF with or without the prefix <c>Exif\0\0</c>.</param>
    /// <returns>The resolution; null if there is none.</returns>
    public static (double Horizontal, double Vertical, int Unit)? Resolution(ReadOnlySpan<byte> structure)
    {
        structure = Structure(structure);
        if (Find(structure) is not { } entries || Rational(structure, entries, HorizontalResolution) is not { } horizontal
            || Rational(structure, entries, VerticalResolution) is not { } vertical)
        {
            return null;
        }

        return (horizontal, vertical, Number(structure, ResolutionUnit) ?? Inch);
    }

    /// <summary>Removes the unit of a TIFF file's resolution, so that only the aspect ratio of a pixel is left. TIFF requires a resolution.</summary>
    public static void ClearResolutionUnit(Span<byte> file)
    {
        if (Find(file) is { } entries && entries.Find(file, ResolutionUnit, ShortType) is { } entry)
            entries.SetShort(file[(entry + entries.ValueOffset)..], NoUnit);
    }

    /// <summary>Removes the resolution from EXIF. The bytes after the directory are not moved, because offsets point to them.</summary>
    /// <param name="exif">EXIF, with or without the prefix <c>Exif\0\0</c>.</param>
    public static void RemoveResolution(Span<byte> exif)
    {
        var structure = exif[(exif.Length - Structure(exif).Length)..];
        if (Find(structure) is not { IsBig: false, IsWhole: true } entries)
            return;
        var kept = 0;
        for (var i = 0; i < entries.Count; i++)
        {
            var entry = structure.Slice(entries.At(i), entries.EntrySize);
            if (entries.Short(entry) is not (HorizontalResolution or VerticalResolution or ResolutionUnit))
                entry.CopyTo(structure[entries.At(kept++)..]);
        }

        // The offset of the next directory is after the last entry.
        var end = Math.Min(entries.At(entries.Count) + 4, structure.Length);
        structure[entries.At(entries.Count)..end].CopyTo(structure[entries.At(kept)..]);
        entries.SetShort(structure[(entries.Start - 2)..], kept);
        structure[Math.Min(entries.At(kept) + 4, end)..end].Clear();
    }

    private static double? Rational(ReadOnlySpan<byte> tiff, Entries entries, int tag)
    {
        if (entries.Find(tiff, tag, RationalType) is not { } entry)
            return null;
        // Its eight bytes are outside the entry, except in BigTIFF.
        long at = entries.IsBig ? entry + entries.ValueOffset : entries.Long(tiff[(entry + entries.ValueOffset)..]);
        return at <= tiff.Length - 8 ? (double)entries.Long(tiff[(int)at..]) / entries.Long(tiff[((int)at + 4)..]) : null;
    }

    private static ReadOnlySpan<byte> Structure(ReadOnlySpan<byte> exif) => exif.StartsWith(ExifPrefix) ? exif[ExifPrefix.Length..] : exif;

    /// <returns>The entries; null if there is no directory, or if it has no entry.</returns>
    private static Entries? Find(ReadOnlySpan<byte> tiff)
    {
        const int header = 8;
        const int bigHeader = 16;
        var isBig = tiff.StartsWith("II+\0"u8) || tiff.StartsWith("MM\0+"u8);
        var isLittle = tiff.StartsWith("II"u8);
        if (tiff.Length < (isBig ? bigHeader : header) || !isBig && !tiff.StartsWith("II*\0"u8) && !tiff.StartsWith("MM\0*"u8))
            return null;
        var entries = new Entries(0, 0, IsWhole: false, isBig, isLittle);
        var directory = isBig ? entries.Large(tiff[8..]) : entries.Long(tiff[4..]);
        var sizeOfCount = isBig ? 8 : 2;
        if (directory < (isBig ? (ulong)bigHeader : header) || directory > (ulong)Math.Max(0, tiff.Length - sizeOfCount))
            return null;
        var start = (int)directory + sizeOfCount;
        var count = isBig ? entries.Large(tiff[(int)directory..]) : (ulong)entries.Short(tiff[(int)directory..]);
        var inside = (ulong)((tiff.Length - start) / entries.EntrySize);
        return count > 0 ? entries with { Start = start, Count = (int)Math.Min(count, inside), IsWhole = count <= inside } : null;
    }

    /// <summary>The entries of a directory.</summary>
    /// <param name="Start">The position of the first entry.</param>
    /// <param name="Count">The number of entries inside the structure.</param>
    /// <param name="IsWhole">Whether all entries of the directory are inside the structure.</param>
    /// <param name="IsBig">Whether the structure is a BigTIFF.</param>
    /// <param name="IsLittle">Whether the byte order is little-endian.</param>
    private readonly record struct Entries(int Start, int Count, bool IsWhole, bool IsBig, bool IsLittle)
    {
        /// <summary>The size of an entry, in bytes: tag, type, number of values, and the value or its offset.</summary>
        public int EntrySize => IsBig ? 20 : 12;

        public int ValueOffset => IsBig ? 12 : 8;

        public int At(int index) => Start + EntrySize * index;

        /// <returns>The position of the first entry of a tag; null if there is none, or if it has another type.</returns>
        public int? Find(ReadOnlySpan<byte> tiff, int tag, int type)
        {
            for (var i = 0; i < Count; i++)
            {
                if (Short(tiff[At(i)..]) == tag)
                    return Short(tiff[(At(i) + 2)..]) == type ? At(i) : null;
            }

            return null;
        }

        public int Short(ReadOnlySpan<byte> bytes) =>
            IsLittle ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);

        public uint Long(ReadOnlySpan<byte> bytes) =>
            IsLittle ? BinaryPrimitives.ReadUInt32LittleEndian(bytes) : BinaryPrimitives.ReadUInt32BigEndian(bytes);

        public ulong Large(ReadOnlySpan<byte> bytes) =>
            IsLittle ? BinaryPrimitives.ReadUInt64LittleEndian(bytes) : BinaryPrimitives.ReadUInt64BigEndian(bytes);

        public void SetShort(Span<byte> bytes, int value)
        {
            if (IsLittle)
                BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)value);
            else
                BinaryPrimitives.WriteUInt16BigEndian(bytes, (ushort)value);
        }
    }
}
