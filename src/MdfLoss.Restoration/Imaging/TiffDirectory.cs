using System.Buffers.Binary;

namespace Mdf.Imaging;

/// <summary>The first directory of a TIFF structure (TIFF 6.0, section 2, or BigTIFF), which EXIF is, too.</summary>
/// <remarks>What is damaged counts as absent. Of a directory that is cut off the entries that are there are read, as libexif does; it is not changed.</remarks>
internal static class TiffDirectory
{
    /// <summary>Tags of TIFF 6.0.</summary>
    public const int Orientation = 0x0112;
    public const int ResolutionUnit = 0x0128;
    private const int HorizontalResolution = 0x011a;
    private const int VerticalResolution = 0x011b;

    /// <summary>The tags that lead to the directories of EXIF and GPS (Exif 2.32, 4.6.3).</summary>
    private const int ExifTag = 0x8769;
    private const int GpsTag = 0x8825;

    /// <summary>What EXIF has in the first directory of who made the picture, with what, and when (Exif 2.32, 4.6.4).</summary>
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

    /// <summary>Takes the thumbnail out of EXIF, which would show the picture as it was: the second directory is unlinked.</summary>
    /// <param name="exif">EXIF, with or without <c>Exif\0\0</c> before it.</param>
    /// <returns>A copy; null where the first directory is damaged.</returns>
    public static byte[]? WithoutThumbnail(ReadOnlySpan<byte> exif)
    {
        if (Find(Structure(exif)) is not { IsBig: false, IsWhole: true } entries)
            return null;
        var copy = exif.ToArray();
        var next = copy.AsSpan(exif.Length - Structure(exif).Length + entries.At(entries.Count));
        next[..Math.Min(4, next.Length)].Clear();
        return copy;
    }

    /// <summary>Whether a TIFF file has EXIF, or in its own directory what cameras write there.</summary>
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

    /// <summary>A number of 16 bits.</summary>
    /// <param name="structure">A TIFF file, or EXIF with or without <c>Exif\0\0</c> before it.</param>
    /// <param name="tag">Which.</param>
    /// <returns>Null where there is none, or another type of value.</returns>
    public static int? Number(ReadOnlySpan<byte> structure, int tag)
    {
        structure = Structure(structure);
        return Find(structure) is { } entries && entries.Find(structure, tag, ShortType) is { } entry
            ? entries.Short(structure[(entry + entries.ValueOffset)..])
            : null;
    }

    /// <summary>The resolution, and its unit: 2 for inches, which is also the default, 3 for centimetres, 1 for none.</summary>
    /// <param name="structure">A TIFF file, or EXIF with or without <c>Exif\0\0</c> before it.</param>
    /// <returns>Null where there is none.</returns>
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

    /// <summary>Makes the resolution of a TIFF file that of no unit, which leaves the shape of a pixel. TIFF demands that there is a resolution.</summary>
    public static void ClearResolutionUnit(Span<byte> file)
    {
        if (Find(file) is { } entries && entries.Find(file, ResolutionUnit, ShortType) is { } entry)
            entries.SetShort(file[(entry + entries.ValueOffset)..], NoUnit);
    }

    /// <summary>Takes the resolution out of EXIF. The bytes after the directory stay where they are, since offsets lead to them.</summary>
    /// <param name="exif">EXIF, with or without <c>Exif\0\0</c> before it.</param>
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

        // The offset of the next directory follows the last entry.
        var end = Math.Min(entries.At(entries.Count) + 4, structure.Length);
        structure[entries.At(entries.Count)..end].CopyTo(structure[entries.At(kept)..]);
        entries.SetShort(structure[(entries.Start - 2)..], kept);
        structure[Math.Min(entries.At(kept) + 4, end)..end].Clear();
    }

    private static double? Rational(ReadOnlySpan<byte> tiff, Entries entries, int tag)
    {
        if (entries.Find(tiff, tag, RationalType) is not { } entry)
            return null;
        // Its eight bytes are elsewhere, but for BigTIFF.
        long at = entries.IsBig ? entry + entries.ValueOffset : entries.Long(tiff[(entry + entries.ValueOffset)..]);
        return at <= tiff.Length - 8 ? (double)entries.Long(tiff[(int)at..]) / entries.Long(tiff[((int)at + 4)..]) : null;
    }

    private static ReadOnlySpan<byte> Structure(ReadOnlySpan<byte> exif) => exif.StartsWith(ExifPrefix) ? exif[ExifPrefix.Length..] : exif;

    /// <returns>Null where there is no directory, or no entry in it.</returns>
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
    /// <param name="Start">Where the first begins.</param>
    /// <param name="Count">How many there are inside the structure.</param>
    /// <param name="IsWhole">Whether these are all.</param>
    /// <param name="IsBig">Whether it is BigTIFF's.</param>
    /// <param name="IsLittle">The order of bytes.</param>
    private readonly record struct Entries(int Start, int Count, bool IsWhole, bool IsBig, bool IsLittle)
    {
        /// <summary>Tag, type, the number of values, the value or where it is.</summary>
        public int EntrySize => IsBig ? 20 : 12;

        public int ValueOffset => IsBig ? 12 : 8;

        public int At(int index) => Start + EntrySize * index;

        /// <returns>Where the first entry of a tag begins; null where there is none, or it is of another type.</returns>
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
