using System.Buffers.Binary;

namespace Mdf.Imaging;

/// <summary>The first directory of a TIFF structure (TIFF 6.0, section 2), which EXIF is, too.</summary>
internal static class TiffDirectory
{
    private const int HeaderSize = 8;
    private const int EntrySize = 12;

    /// <summary>The tags that lead to the directories of EXIF and GPS (Exif 2.32, 4.6.3).</summary>
    private const int ExifTag = 0x8769;
    private const int GpsTag = 0x8825;

    private static ReadOnlySpan<byte> ExifPrefix => "Exif\0\0"u8;

    /// <summary>Takes the thumbnail out of EXIF, which would show the picture as it was: the second directory is unlinked.</summary>
    /// <param name="exif">EXIF, with or without <c>Exif\0\0</c> before it.</param>
    /// <returns>A copy; null where the first directory is damaged.</returns>
    public static byte[]? WithoutThumbnail(ReadOnlySpan<byte> exif)
    {
        var start = exif.StartsWith(ExifPrefix) ? ExifPrefix.Length : 0;
        if (Find(exif[start..]) is not var (offset, count, _))
            return null;
        var copy = exif.ToArray();
        var next = copy.AsSpan(start + offset + EntrySize * count);
        next[..Math.Min(4, next.Length)].Clear();
        return copy;
    }

    /// <summary>Whether a TIFF file has EXIF. BigTIFF files are not looked into.</summary>
    public static bool HasExif(ReadOnlySpan<byte> file)
    {
        if (Find(file) is not var (offset, count, isLittle))
            return false;
        for (var i = 0; i < count; i++)
        {
            if (Short(file[(offset + EntrySize * i)..], isLittle) is ExifTag or GpsTag)
                return true;
        }

        return false;
    }

    /// <returns>Where the entries begin, how many there are, all of them inside, and the byte order; null where there is no such directory.</returns>
    private static (int Offset, int Count, bool IsLittle)? Find(ReadOnlySpan<byte> tiff)
    {
        var isLittle = tiff.StartsWith("II*\0"u8);
        if (tiff.Length < HeaderSize || !isLittle && !tiff.StartsWith("MM\0*"u8))
            return null;
        var directory = isLittle ? BinaryPrimitives.ReadUInt32LittleEndian(tiff[4..]) : BinaryPrimitives.ReadUInt32BigEndian(tiff[4..]);
        if (directory < HeaderSize || directory > tiff.Length - 2)
            return null;
        var offset = (int)directory + 2;
        var count = Short(tiff[(offset - 2)..], isLittle);
        return count > 0 && (long)EntrySize * count <= tiff.Length - offset ? (offset, count, isLittle) : null;
    }

    private static int Short(ReadOnlySpan<byte> bytes, bool isLittle) =>
        isLittle ? BinaryPrimitives.ReadUInt16LittleEndian(bytes) : BinaryPrimitives.ReadUInt16BigEndian(bytes);
}
