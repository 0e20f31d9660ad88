using System.Text;
using NetVips;

namespace Mdf.Imaging;

/// <summary>
/// Metadata in text chunks of a PNG. There was no chunk for EXIF until 2017: ImageMagick and ExifTool write texts called <c>Raw profile type NAME</c>, exiv2
/// reads them. The text has the name, the number of bytes, then the bytes as hexadecimal digits, each in lines of their own.
/// </summary>
internal static class RawProfile
{
    private const string Start = "png-comment-"; // libvips calls the text chunk number i png-comment-i-KEYWORD
    private const string Keyword = "-Raw profile type ";

    /// <summary>What comes before XMP in a JPEG's APP1 (XMP, part 3, 1.1.3).</summary>
    private static ReadOnlySpan<byte> XmpPrefix => "http://ns.adobe.com/xap/1.0/\0"u8;

    /// <summary>The EXIF.</summary>
    /// <param name="image">The file as libvips opened it.</param>
    /// <returns>The first that begins as EXIF does; of no bytes where there is one that does not; null where there is none.</returns>
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

    /// <summary>The XMP.</summary>
    /// <param name="image">The file as libvips opened it.</param>
    /// <returns>Null where there is none.</returns>
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

    /// <summary>Whether there is IPTC, as such or in Photoshop's blocks.</summary>
    /// <param name="image">The file as libvips opened it.</param>
    public static bool HasIptc(Image image)
    {
        const byte marker = 0x1c; // every data set of IPTC begins so (IIM 4.2, 1.5)
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

    /// <returns>As many bytes as can be read, and not many more than are carried; none where there is anything but digits.</returns>
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
