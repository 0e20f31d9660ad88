using System.Globalization;
using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace Mdf.Imaging;

/// <summary>Corrects XMP packets (ISO 16684-1), which are XML metadata of a picture.</summary>
internal static class XmpPacket
{
    private static readonly XNamespace s_tiff = "http://ns.adobe.com/tiff/1.0/";
    private static readonly XNamespace s_exif = "http://ns.adobe.com/exif/1.0/";
    private static readonly XNamespace s_xmp = "http://ns.adobe.com/xap/1.0/";
    private static readonly XNamespace s_photoshop = "http://ns.adobe.com/photoshop/1.0/";

    private static readonly XName[] s_stale = [s_xmp + "Thumbnails", s_photoshop + "ICCProfile"];

    /// <summary>The property that refers to the rest of a packet that is too large for one segment of a JPEG (XMP, part 3, 1.1.3.1).</summary>
    private static readonly XName s_extension = XName.Get("HasExtendedXMP", "http://ns.adobe.com/xmp/note/");

    /// <summary>The list of the data after the picture in its file (Android's Ultra HDR and Motion Photo formats), and the kind of an entry.</summary>
    private static readonly XName s_directory = XName.Get("Directory", "http://ns.google.com/photos/1.0/container/");
    private static readonly XName s_semantic = XName.Get("Semantic", "http://ns.google.com/photos/1.0/container/item/");

    private const string GainMap = "gain map";
    private const string Video = "video";
    private const string DepthMap = "depth map";
    private const string Extension = "extended XMP";

    /// <summary>
    /// The properties about data that a phone writes after the picture: all properties with the given namespace whose name starts with the given prefix. They are gain
    /// maps of Adobe and Apple, and Android's motion photos and their predecessor.
    /// </summary>
    private static readonly (XNamespace Namespace, string Start, string What)[] s_behindPicture =
    [
        ("http://ns.adobe.com/hdr-gain-map/1.0/", "", GainMap),
        ("http://ns.apple.com/HDRGainMap/1.0/", "", GainMap),
        ("http://ns.google.com/photos/1.0/camera/", "MicroVideo", Video),
        ("http://ns.google.com/photos/1.0/camera/", "MotionPhoto", Video),
    ];

    /// <summary>The properties of Google's camera. Their data are usually in the extension, and are lost with it.</summary>
    private static readonly (XNamespace Namespace, string Start, string What)[] s_inExtension =
    [
        ("http://ns.google.com/photos/1.0/depthmap/", "", DepthMap),
        ("http://ns.google.com/photos/1.0/image/", "", "original picture"),
    ];

    /// <summary>Safe settings: no entities, no external resources, and no more text than <see cref="PictureMetadata.MaximumBytes"/>.</summary>
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

    /// <summary>
    /// Corrects the XMP of a picture that is now upright, in sRGB, possibly of another size, and alone in its file: removes thumbnails, and properties about data
    /// in other parts of the old file.
    /// </summary>
    /// <param name="packet">XML, in UTF-8 or UTF-16.</param>
    /// <param name="width">The current width of the picture, in pixels.</param>
    /// <param name="height">The current height of the picture, in pixels.</param>
    /// <returns>The corrected packet in UTF-8, or the packet itself if nothing needs correction, and the kinds of the removed data; null if the packet is not well-formed.</returns>
    public static (byte[] Packet, IReadOnlyList<UnkeptMetadata> Gone)? Mend(byte[] packet, int width, int height)
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
        try
        {
            using var stream = new MemoryStream(packet, 0, EndOf(packet), writable: false);
            using var reader = XmlReader.Create(stream, s_reading);
            var document = XDocument.Load(reader, LoadOptions.PreserveWhitespace);
            var gone = new SortedSet<string>(StringComparer.Ordinal);
            var isExtended = document.Descendants().Any(element => element.Name == s_extension || element.Attribute(s_extension) is not null);
            var isChanged = false;
            foreach (var element in document.Descendants().ToArray())
            {
                foreach (var attribute in element.Attributes().ToArray())
                {
                    if (IsStale(attribute.Name))
                        Change(attribute.Remove);
                    else if (values.TryGetValue(attribute.Name, out var value) && attribute.Value != value)
                        Change(() => attribute.Value = value);
                }

                if (element.Name == s_directory)
                    gone.UnionWith(Items(element));
                if (element.Parent is not null && IsStale(element.Name))
                    Change(element.Remove);
                else if (values.TryGetValue(element.Name, out var value) && element.Value != value)
                    Change(() => element.Value = value);
            }

            return (isChanged ? Write(document) : packet, [.. gone.Select(Explain)]);

            bool IsStale(XName name)
            {
                if (s_stale.Contains(name) || name == s_directory)
                    return true;
                if (name == s_extension)
                    return Add(Extension);
                var found = s_behindPicture.Concat(isExtended ? s_inExtension : [])
                    .FirstOrDefault(kind => name.Namespace == kind.Namespace && name.LocalName.StartsWith(kind.Start, StringComparison.Ordinal));
                return found.What is not null && Add(found.What);
            }

            bool Add(string what)
            {
                gone.Add(what);
                return true;
            }

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

    /// <summary>Lists the kinds of data, other than the picture, in a list of the parts of a file.</summary>
    private static IEnumerable<string> Items(XElement directory) =>
        from element in directory.Descendants()
        from semantic in element.Attributes(s_semantic).Select(attribute => attribute.Value)
            .Concat(element.Name == s_semantic ? [element.Value] : [])
        where semantic != "Primary"
        select semantic switch
        {
            "GainMap" => GainMap,
            "MotionPhoto" => Video,
            "Depth" => DepthMap,
            _ => "further pictures",
        };

    private static UnkeptMetadata Explain(string what) => new(
        what, what == Extension ? "mdf reads only the first part of a JPEG's XMP" : "mdf reads only the main picture");

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
        // In little-endian UTF-16, the second half of that character follows.
        return last < 0 ? packet.Length : packet[0] == 0xff ? Math.Min(last + 2, packet.Length) : last + 1;
    }
}
