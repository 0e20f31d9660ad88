using System.Text;
using NetVips;

namespace Mdf.Imaging;

/// <summary>
/// Reads metadata in text chunks of a PNG. PNG had no chunk for EXIF until 2017, so ImageMagick and ExifTool write texts with the keyword <c>Raw profile type NAME</c>,
/// and exiv2 reads them. The text consists of the name, the number of bytes, and the bytes as hexadecimal digits, each on separate lines.
/// </summary>
internal static class RawProfile
{
    private const string Start = "png-comment-"; // the name of text chunk i in libvips is png-comment-i-KEYWORD
    private const string Keyword = "-Raw profile type ";

    /// <summary>The prefix of XMP in the APP1 segment of a JPEG (XMP, part 3, 1.1.3).</summary>
    private static ReadOnlySpan<byte> XmpPrefix => "http://ns.adobe.com/xap/1.0/\0"u8;

    /// <summary>Reads the EXIF.</summary>
    /// <param name="image">The file as libvips opened it.</param>
    /// <returns>The first EXIF that begins correctly; an empty array if there are only others; null if there is none.</returns>
    public static byte[]? Exif(Image image)
    {
        byte[]? found = null;
        foreach (var (name, content) in All(image, "exif", "app1"))
        {
            if (content.AsSpan().StartsWith("Exif\0\0"u8) || content.AsSpan().StartsWith("II*\0"u8) || content.AsSpan().StartsWith("MM\0*"u8))
                return content;
            if (name == "exif")
                found = [];
        }

        return found;
    }

    /// <summary>Reads the XMP.</summary>
    /// <param name="image">The file as libvips opened it.</param>
    /// <returns>The XMP; null if there is none.</returns>
    public static byte[]? Xmp(Image image)
    {
        foreach (var (name, content) in All(image, "xmp", "app1"))
        {
            if (content.AsSpan().StartsWith(XmpPrefix))
                return content[XmpPrefix.Length..];
            if (name == "xmp")
                return content;
        }

        return null;
    }

    /// <summary>Whether there is IPTC, either directly or in Photoshop's blocks.</summary>
    /// <param name="image">The file as libvips opened it.</param>
    public static bool HasIptc(Image image)
    {
        const byte marker = 0x1c; // the first byte of every data set of IPTC (IIM 4.2, 1.5)
        return All(image, "iptc", "8bim").Any(profile => profile.Content is [marker, ..] || PhotoshopResources.HaveIptc(profile.Content));
    }

    private static IEnumerable<(string Name, byte[] Content)> All(Image image, params string[] names)
    {
        foreach (var field in image.GetFields())
        {
            if (!field.StartsWith(Start, StringComparison.Ordinal))
                continue;
            foreach (var name in names)
            {
                if (field.EndsWith(Keyword + name, StringComparison.OrdinalIgnoreCase) && image.Get(field) is string text)
                    yield return (name, Decode(text));
            }
        }
    }

    /// <returns>The bytes that can be read, limited to little more than the largest size that is kept; empty if there is anything except digits.</returns>
    private static byte[] Decode(string text)
    {
        const int most = 2 * (PictureMetadata.MaximumBytes + 1);
        var digits = new StringBuilder();
        foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Skip(2))
            digits.Append(line);
        var bytes = digits.ToString(0, Math.Min(digits.Length, most) & ~1);
        return bytes.All(char.IsAsciiHexDigit) ? Convert.FromHexString(bytes) : [];
    }
}
