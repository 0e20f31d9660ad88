using System.Buffers.Binary;

namespace Mdf.Imaging;

/// <summary>Finds IPTC in Photoshop's image resource blocks (Adobe Photoshop File Formats Specification). The blocks also contain many other things.</summary>
internal static class PhotoshopResources
{
    private const int Iptc = 0x0404;

    /// <summary>The prefix of the blocks in each segment APP13 of a JPEG.</summary>
    private static ReadOnlySpan<byte> JpegPrefix => "Photoshop 3.0\0"u8;

    /// <summary>Whether a JPEG has IPTC.</summary>
    /// <param name="file">A whole file.</param>
    public static bool JpegHasIptc(ReadOnlySpan<byte> file)
    {
        // The blocks may continue in the next segment.
        var blocks = new List<byte>();
        for (var segments = new JpegSegments(file); segments.MoveNext();)
        {
            if (segments.Code == JpegSegments.App13 && segments.Content.StartsWith(JpegPrefix))
                blocks.AddRange(segments.Content[JpegPrefix.Length..]);
        }

        return HaveIptc(blocks.ToArray());
    }

    /// <summary>Whether there is an IPTC block that is not empty.</summary>
    /// <param name="blocks">The blocks. Each has a signature, a number, a name, a length, and that number of bytes; name and bytes are padded to an even number.</param>
    public static bool HaveIptc(ReadOnlySpan<byte> blocks)
    {
        const int name = 6;
        while (blocks.Length > name)
        {
            var number = BinaryPrimitives.ReadUInt16BigEndian(blocks[4..]);
            var size = name + (1 + blocks[name] + 1) / 2 * 2;
            if (blocks.Length < size + 4)
                return false;
            var length = BinaryPrimitives.ReadUInt32BigEndian(blocks[size..]);
            if (number == Iptc && length > 0 && blocks.StartsWith("8BIM"u8))
                return true;
            blocks = blocks[(int)Math.Min(size + 4 + (length + 1L) / 2 * 2, blocks.Length)..];
        }

        return false;
    }
}
