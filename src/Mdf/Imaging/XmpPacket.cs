using System.Globalization;
using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace Mdf.Imaging;

/// <summary>An XMP packet (ISO 16684-1): XML about a picture.</summary>
internal static class XmpPacket
{
    private static readonly XNamespace s_tiff = "http://ns.adobe.com/tiff/1.0/";
    private static readonly XNamespace s_exif = "http://ns.adobe.com/exif/1.0/";
    private static readonly XNamespace s_xmp = "http://ns.adobe.com/xap/1.0/";
    private static readonly XNamespace s_photoshop = "http://ns.adobe.com/photoshop/1.0/";

    /// <summary>No entities, nothing from elsewhere, and no more text than <see cref="PictureMetadata.MaximumBytes"/>.</summary>
    private static readonly XmlReaderSettings s_reading = new()
    {
        DtdProcessing = DtdProcessing.Prohibit,
        XmlResolver = null,
        MaxCharactersInDocument = PictureMetadata.MaximumBytes,
    };

    private static readonly XmlWriterSettings s_writing = new()
    {
        Encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
        OmitXmlDeclaration = true,
        NewLineHandling = NewLineHandling.None,
    };

    /// <summary>Mends what XMP says of a picture that is now upright, in sRGB and perhaps of another size, and takes thumbnails out.</summary>
    /// <param name="packet">XML, in UTF-8 or UTF-16.</param>
    /// <param name="width">The picture's width now.</param>
    /// <param name="height">The picture's height now.</param>
    /// <returns>UTF-8, or the packet itself where nothing is to be mended; null where it is not well-formed.</returns>
    public static byte[]? Mend(byte[] packet, int width, int height)
    {
        var values = new Dictionary<XName, string>
        {
            [s_tiff + "Orientation"] = "1",
            [s_tiff + "ImageWidth"] = width.ToString(CultureInfo.InvariantCulture),
            [s_tiff + "ImageLength"] = height.ToString(CultureInfo.InvariantCulture),
            [s_exif + "PixelXDimension"] = width.ToString(CultureInfo.InvariantCulture),
            [s_exif + "PixelYDimension"] = height.ToString(CultureInfo.InvariantCulture),
            [s_exif + "ColorSpace"] = "1", // sRGB
        };
        XName[] stale = [s_xmp + "Thumbnails", s_photoshop + "ICCProfile"];
        try
        {
            using var stream = new MemoryStream(packet, 0, EndOf(packet), writable: false);
            using var reader = XmlReader.Create(stream, s_reading);
            var document = XDocument.Load(reader, LoadOptions.PreserveWhitespace);
            var isChanged = false;
            foreach (var element in document.Descendants().ToArray())
            {
                foreach (var attribute in element.Attributes().ToArray())
                {
                    if (stale.Contains(attribute.Name))
                        Change(attribute.Remove);
                    else if (values.TryGetValue(attribute.Name, out var value) && attribute.Value != value)
                        Change(() => attribute.Value = value);
                }

                if (stale.Contains(element.Name) && element.Parent is not null)
                    Change(element.Remove);
                else if (values.TryGetValue(element.Name, out var value) && element.Value != value)
                    Change(() => element.Value = value);
            }

            return isChanged ? Write(document) : packet;

            void Change(Action change)
            {
                change();
                isChanged = true;
            }
        }
        catch (XmlException)
        {
            return null;
        }
    }

    private static byte[] Write(XDocument document)
    {
        using var stream = new MemoryStream();
        using (var writer = XmlWriter.Create(stream, s_writing))
            document.Save(writer);
        return stream.ToArray();
    }

    /// <summary>Some writers end the packet with NUL characters, which XML does not allow.</summary>
    private static int EndOf(byte[] packet)
    {
        var last = packet.AsSpan().LastIndexOf((byte)'>');
        // In little-endian UTF-16 half of that character follows.
        return last < 0 ? packet.Length : packet[0] == 0xff ? Math.Min(last + 2, packet.Length) : last + 1;
    }
}
