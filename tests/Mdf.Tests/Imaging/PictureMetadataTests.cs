using System.Text;
using Mdf.Imaging;
using Mdf.Runtime;
using NetVips;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Imaging;

/// <summary>What of a file's metadata is in the file that is made from its picture.</summary>
public sealed class PictureMetadataTests : IDisposable
{
    private const int Width = 48;
    private const int Height = 32;

    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("jpg", "jpg")]
    [InlineData("jpg", "png")]
    [InlineData("jpg", "webp")]
    [InlineData("png", "jpg")]
    [InlineData("webp", "png")]
    public void What_a_camera_wrote_is_kept_and_mended(string from, string to)
    {
        var (written, unkept) = Carry(from, to, Camera());
        Assert.Empty(unkept);
        Assert.StartsWith("ACME", Text(written, "exif-ifd0-Make"));
        Assert.StartsWith(new string('x', 700), Text(written, "exif-ifd0-ImageDescription"));
        Assert.StartsWith("1/125", Text(written, "exif-ifd2-ExposureTime"));
        // The picture is upright, in sRGB, twice as large, and the thumbnail showed the one before.
        Assert.StartsWith("1 ", Text(written, "exif-ifd0-Orientation"));
        Assert.StartsWith("1 ", Text(written, "exif-ifd2-ColorSpace"));
        Assert.StartsWith("R98", Text(written, "exif-ifd4-InteroperabilityIndex"));
        Assert.StartsWith($"{2 * Height} ", Text(written, "exif-ifd2-PixelXDimension"));
        Assert.StartsWith($"{2 * Width} ", Text(written, "exif-ifd2-PixelYDimension"));
        Assert.StartsWith($"{2 * Height} ", Text(written, "exif-ifd0-ImageWidth"));
        Assert.StartsWith($"{2 * Width} ", Text(written, "exif-ifd0-ImageLength"));
        Assert.False(written.Contains("jpeg-thumbnail-data"));
        Assert.Equal((2 * Height, 2 * Width), (written.Width, written.Height));
        Assert.DoesNotContain(written.GetFields(), field => field.StartsWith("exif-ifd1", StringComparison.Ordinal));
        // 300 × 200 dots per inch along the sides of what the camera stored.
        Assert.StartsWith("200000/1000 ", Text(written, "exif-ifd0-XResolution"));
        Assert.StartsWith("300000/1000 ", Text(written, "exif-ifd0-YResolution"));
        Assert.Equal(NetVips.Image.ProfileLoad("srgb"), (byte[])written.Get("icc-profile-data"));
        var xmp = Encoding.UTF8.GetString((byte[])written.Get("xmp-data"));
        Assert.Contains("tiff:Orientation=\"1\"", xmp, StringComparison.Ordinal);
        Assert.Contains("dc:rights=\"mine\"", xmp, StringComparison.Ordinal);
        Assert.Contains($"<exif:PixelXDimension>{2 * Height}<", xmp, StringComparison.Ordinal);
        Assert.DoesNotContain("Adobe RGB", xmp, StringComparison.Ordinal);
        Assert.DoesNotContain("Thumbnails", xmp, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("jpg")]
    [InlineData("png")]
    public void A_tiff_has_all_but_the_exif_which_is_said(string from)
    {
        var (written, unkept) = Carry(from, "tif", Camera());
        Assert.Equal(("EXIF", "mdf writes no EXIF to TIFF; write .jpg, .png or .webp to keep it"), (Assert.Single(unkept).What, unkept[0].Why));
        Assert.Equal((200, 300), (Math.Round(written.Xres * 25.4), Math.Round(written.Yres * 25.4)));
        Assert.True(written.Contains("xmp-data") && written.Contains("icc-profile-data"));
        Assert.Equal(1, written.Get("orientation"));
    }

    [Theory]
    [InlineData(0x8769)] // EXIF
    [InlineData(0x8825)] // GPS
    [InlineData(0x8298)] // Copyright
    public void The_exif_of_a_tiff_is_said_to_be_lost(int tag)
    {
        // The tag of the last entry that libvips writes, which says that samples are whole numbers, is changed.
        using var pixels = Make();
        var file = pixels.TiffsaveBuffer();
        Assert.Empty(Unkept("a.tif", file));
        var directory = BitConverter.ToInt32(file, 4);
        var last = directory + 2 + 12 * (BitConverter.ToUInt16(file, directory) - 1);
        BitConverter.TryWriteBytes(file.AsSpan(last), (ushort)tag);
        Assert.Equal([new UnkeptMetadata("EXIF", "mdf does not read the EXIF of TIFF files")], Unkept("a.tif", file));
        // No prefix of it reads beyond its end.
        for (var length = 0; length < file.Length; length += length < 64 ? 1 : 37)
        {
            _ = TiffDirectory.HasExif(file.AsSpan(0, length));
            _ = PixelDensity.FromTiff(file.AsSpan(0, length));
        }
    }

    [Theory]
    [InlineData(0x010e)] // ImageDescription
    [InlineData(0x010f)] // Make
    [InlineData(0x0110)] // Model
    [InlineData(0x0132)] // DateTime
    [InlineData(0x013b)] // Artist
    [InlineData(0x8298)] // Copyright
    [InlineData(0x8769)] // EXIF
    public void What_a_camera_writes_into_a_tiffs_own_directory_is_exif_too(ushort tag)
    {
        byte[] Big(ushort number) => [.. "MM\0+"u8, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 1, (byte)(number >> 8), (byte)number, .. new byte[18], .. new byte[8]];
        Assert.True(TiffDirectory.HasExif(Exif((tag, 2, 2, 'a'))));
        Assert.True(TiffDirectory.HasExif(Big(tag)));
        Assert.False(TiffDirectory.HasExif(Exif((0x0131, 2, 2, 'a')))); // the software
        Assert.False(TiffDirectory.HasExif(Big(0x0131)));
        for (var length = 0; length < Big(tag).Length - 8; length++)
            Assert.False(TiffDirectory.HasExif(Big(tag).AsSpan(0, length)));
    }

    [Fact]
    public void The_description_of_a_tiff_is_said_to_be_lost()
    {
        using var pixels = Make();
        using var described = pixels.Mutate(image => image.Set(GValue.GStrType, "image-description", "a tree"));
        Assert.Equal("EXIF", Assert.Single(Unkept("a.tif", described.TiffsaveBuffer())).What);
        Assert.Equal("EXIF", Assert.Single(Unkept("a.tif", described.TiffsaveBuffer(bigtiff: true))).What);
    }

    [Theory]
    [MemberData(nameof(Conversions))]
    public void A_picture_without_metadata_gets_none(string from, string to)
    {
        var picture = ImageFile.ReadPicture(_folder.File($"a.{from}", Plain(from)));
        Assert.Null(picture.Metadata!.Resolution);
        Assert.Empty(ImageFile.Write(_folder.File($"x.{to}"), picture));
        ImageFile.Write(_folder.File($"y.{to}"), picture.Color);
        var file = File.ReadAllBytes(_folder.File($"x.{to}"));
        Assert.Equal(File.ReadAllBytes(_folder.File($"y.{to}")), file);
        var content = Encoding.Latin1.GetString(file);
        Assert.All(["pHYs", "eXIf", "JFIF", "Exif", "EXIF"], name => Assert.DoesNotContain(name, content, StringComparison.Ordinal));
        Assert.Equal(to == "tif" ? 1 : null, TiffDirectory.Number(file, TiffDirectory.ResolutionUnit)); // no unit: TIFF demands a number
        Assert.Null(ImageFile.ReadPicture(_folder.File($"x.{to}")).Metadata!.Resolution);
    }

    [Theory]
    [InlineData("jpg")]
    [InlineData("png")]
    [InlineData("tif")]
    public void The_shape_of_a_pixel_is_no_resolution_and_said_to_be_lost(string from)
    {
        byte[] WithShape(byte vertical) => from switch
        {
            "jpg" => Jfif(0, 2, vertical),
            "png" => PngChunks.Insert(Plain("png"), "pHYs", [0, 0, 0, 2, 0, 0, 0, vertical, 0]),
            _ => Plain("tif", 2, vertical),
        };
        foreach (var to in new[] { "jpg", "png", "tif", "webp" })
        {
            Assert.Equal([new UnkeptMetadata("pixel aspect ratio", "mdf does not keep it")], Unkept($"a.{from}", WithShape(3), to));
            Assert.Null(ImageFile.ReadPicture(_folder.File($"x.{to}")).Metadata!.Resolution);
            Assert.Empty(Unkept($"a.{from}", WithShape(2), to));
            Assert.Null(ImageFile.ReadPicture(_folder.File($"x.{to}")).Metadata!.Resolution);
        }
    }

    [Theory]
    [MemberData(nameof(Conversions))]
    public void The_resolution_alone_is_kept(string from, string to)
    {
        using var pixels = Make();
        using var dots = pixels.Copy(xres: 300 / 25.4, yres: 150 / 25.4);
        var file = from switch
        {
            "jpg" => Jfif(1, 300, 150),
            "png" => dots.PngsaveBuffer(keep: Enums.ForeignKeep.None),
            "tif" => dots.TiffsaveBuffer(),
            "webp" => dots.WebpsaveBuffer(lossless: true),
            _ => Bmp(11811, 5906),
        };
        using var picture = ImageFile.ReadPicture(_folder.File($"a.{from}", file));
        // Without the EXIF that libvips makes for a WebP.
        Assert.Empty(ImageFile.Write(_folder.File($"x.{to}"), picture with { Metadata = picture.Metadata! with { Exif = null } }));
        var resolution = ImageFile.ReadPicture(_folder.File($"x.{to}")).Metadata!.Resolution!.Value;
        Assert.Equal((300, 150), (Math.Round(resolution.Horizontal * 25.4, 1), Math.Round(resolution.Vertical * 25.4, 1)));
        // No EXIF for that where the format has a place of its own, and EXIF that says what the colours are.
        using var written = NetVips.Image.NewFromFile(_folder.File($"x.{to}"));
        Assert.Equal(to == "webp", written.Contains("exif-data"));
        if (to == "webp")
        {
            Assert.StartsWith("1 ", Text(written, "exif-ifd2-ColorSpace"));
            Assert.StartsWith("300000/1000 ", Text(written, "exif-ifd0-XResolution"));
        }
        else
        {
            Assert.Equal((300, 150), (Math.Round(written.Xres * 25.4, 1), Math.Round(written.Yres * 25.4, 1)));
        }
    }

    [Fact]
    public void The_units_of_a_resolution_are_understood()
    {
        (double Horizontal, double Vertical) Read(string name, byte[] file)
        {
            using var picture = ImageFile.ReadPicture(_folder.File(name, file));
            return picture.Metadata!.Resolution is var (horizontal, vertical) ? (Math.Round(horizontal, 3), Math.Round(vertical, 3)) : default;
        }

        Assert.Equal((9.6, 2.5), Read("a.jpg", Jfif(2, 96, 25)));
        Assert.Equal((10, 20), Read("a.jpg", Jfif(1, 254, 508)));
        Assert.Equal((2.835, 5.669), Read("a.png", PngChunks.Insert(Plain("png"), "pHYs", [0, 0, 0x0b, 0x13, 0, 0, 0x16, 0x25, 1])));
        Assert.Equal((0.1, 0.2), Read("a.tif", Plain("tif", 1, 2, unit: 3)));
        // EXIF: in inches, in centimetres, in inches as the tag is absent, in none.
        Assert.Equal((10, 20), Read("a.webp", WithExif("webp", Resolution(254, 508, 2))));
        Assert.Equal((30, 40), Read("a.webp", WithExif("webp", Resolution(300, 400, 3))));
        Assert.Equal((10, 20), Read("a.png", WithExif("png", Resolution(254, 508, null))));
        Assert.Equal(default, Read("a.jpg", WithExif("jpg", Resolution(254, 508, 1))));
        Assert.Equal(default, Read("a.jpg", WithExif("jpg", Resolution(254, 0, 2))));
        // A PNG's own chunk counts more than its EXIF, a JPEG's EXIF more than JFIF.
        Assert.Equal((0.007, 0.008), Read("a.png", PngChunks.Insert(WithExif("png", Resolution(254, 508, 2)), "pHYs", [0, 0, 0, 7, 0, 0, 0, 8, 1])));
        Assert.Equal((10, 20), Read("a.jpg", WithSegments(WithExif("jpg", Resolution(254, 508, 2)), (0xe0, [.. "JFIF\0"u8, 1, 1, 1, 0, 72, 0, 72, 0, 0]))));
        // Lying on its side.
        var (turned, at) = (Resolution(254, 508, 2, 6), 0);
        Assert.Equal((20, 10), Read("a.jpg", WithExif("jpg", turned)));
        Assert.Equal((20, 10), Read("a.png", PngChunks.InsertRawProfile(Plain("png"), "exif", turned)));
        // No byte that is wrong, and no end, reads beyond the structure.
        for (; at < turned.Length; at++)
        {
            foreach (var value in new byte[] { 0, 1, 0x7f, 0x80, 0xff })
            {
                var damaged = turned.ToArray();
                damaged[at] = value;
                _ = PixelDensity.FromTiff(damaged);
                _ = PixelDensity.FromTiff(damaged.AsSpan(0, at));
                TiffDirectory.RemoveResolution(damaged.AsSpan(0, at));
                TiffDirectory.RemoveResolution(damaged);
            }
        }
    }

    [Fact]
    public void A_resolution_that_JFIF_has_no_number_for_is_kept_in_exif()
    {
        foreach (var (resolution, hasExif) in new[] { (0.1, false), (2.4, false), (5000, false), (0.005, true), (9000, true) })
        {
            using var pixels = Make();
            var picture = Pixels.ToPicture(pixels, default, isGrey: false, default) with { Metadata = new PictureMetadata { Resolution = new(resolution, resolution) } };
            Assert.Empty(ImageFile.Write(_folder.File("x.jpg"), picture));
            using var written = NetVips.Image.NewFromBuffer(File.ReadAllBytes(_folder.File("x.jpg"))); // it remembers files by name
            Assert.Equal(hasExif, written.Contains("exif-data"));
            var read = ImageFile.ReadPicture(_folder.File("x.jpg")).Metadata!.Resolution!.Value;
            Assert.InRange(read.Horizontal / resolution, 0.98, 1.02);
        }
    }

    [Theory]
    [InlineData("jpg")]
    [InlineData("png")]
    [InlineData("webp")]
    public void Exif_without_a_resolution_gets_none(string to)
    {
        var (written, unkept) = Carry("jpg", WithExif("jpg", Exif((0x010f, 2, 4, 'A'), (0x0112, 3, 1, 6))), to);
        Assert.Empty(unkept);
        var exif = (byte[])written.Get("exif-data");
        Assert.Null(PixelDensity.FromTiff(exif));
        Assert.Null(TiffDirectory.Number(exif, TiffDirectory.ResolutionUnit));
        Assert.Null(ImageFile.ReadPicture(_folder.File($"x.{to}")).Metadata!.Resolution);
        // The rest is whole.
        Assert.Equal(1, TiffDirectory.Number(exif, TiffDirectory.Orientation));
        Assert.StartsWith("A", Text(written, "exif-ifd0-Make"));
        Assert.StartsWith("1 ", Text(written, "exif-ifd2-ColorSpace"));
        Assert.StartsWith($"{2 * Height} ", Text(written, "exif-ifd2-PixelXDimension"));
        Assert.DoesNotContain(written.GetFields(), field => field.StartsWith("exif-ifd1", StringComparison.Ordinal));
    }

    [Fact]
    public void The_size_in_every_directory_of_exif_is_mended()
    {
        // The first directory, its EXIF, and the interoperability directory of that.
        byte[] exif =
        [
            .. "II*\0"u8, 8, 0, 0, 0,
            3, 0, 0x00, 1, 4, 0, 1, 0, 0, 0, Width, 0, 0, 0, 0x01, 1, 4, 0, 1, 0, 0, 0, Height, 0, 0, 0, 0x69, 0x87, 4, 0, 1, 0, 0, 0, 50, 0, 0, 0, 0, 0, 0, 0,
            1, 0, 0x05, 0xa0, 4, 0, 1, 0, 0, 0, 68, 0, 0, 0, 0, 0, 0, 0,
            3, 0, 1, 0, 2, 0, 4, 0, 0, 0, .. "R98\0"u8, 1, 0x10, 4, 0, 1, 0, 0, 0, Width, 0, 0, 0, 2, 0x10, 4, 0, 1, 0, 0, 0, Height, 0, 0, 0, 0, 0, 0, 0,
        ];
        var (written, _) = Carry("jpg", WithExif("jpg", exif), "jpg");
        foreach (var field in new[] { "exif-ifd0-ImageWidth", "exif-ifd4-RelatedImageWidth", "exif-ifd2-PixelXDimension" })
            Assert.StartsWith($"{2 * Width} ", Text(written, field));
        foreach (var field in new[] { "exif-ifd0-ImageLength", "exif-ifd4-RelatedImageLength", "exif-ifd2-PixelYDimension" })
            Assert.StartsWith($"{2 * Height} ", Text(written, field));
    }

    [Theory]
    [InlineData("exif", true)]
    [InlineData("APP1", true)]
    [InlineData("exif", false)]
    public void Exif_in_a_text_of_a_png_is_kept(string name, bool hasPrefix)
    {
        var exif = Exif((0x010f, 2, 4, 'A'), (0x0112, 3, 1, 6));
        var file = PngChunks.InsertRawProfile(Plain("png"), name, hasPrefix ? [.. "Exif\0\0"u8, .. exif] : exif);
        foreach (var to in new[] { "jpg", "png", "webp" })
        {
            var (written, unkept) = Carry("png", file, to);
            Assert.Empty(unkept);
            Assert.StartsWith("A", Text(written, "exif-ifd0-Make"));
            Assert.StartsWith("1 ", Text(written, "exif-ifd0-Orientation"));
            Assert.Equal((2 * Height, 2 * Width), (written.Width, written.Height));
        }

        Assert.Equal("EXIF", Assert.Single(Unkept("a.png", file, "tif")).What);
    }

    [Fact]
    public void Other_metadata_in_a_text_of_a_png_is_kept_or_said_to_be_lost()
    {
        var xmp = "<a b='c'/>"u8.ToArray();
        foreach (var (name, content) in new[] { ("xmp", xmp), ("APP1", [.. "http://ns.adobe.com/xap/1.0/\0"u8, .. xmp]) })
        {
            var (written, unkept) = Carry("png", PngChunks.InsertRawProfile(Plain("png"), name, content), "jpg");
            Assert.Empty(unkept);
            Assert.Equal(xmp, (byte[])written.Get("xmp-data"));
        }

        UnkeptMetadata[] Of(string name, byte[] content) => Unkept("a.png", PngChunks.InsertRawProfile(Plain("png"), name, content));
        var damaged = new UnkeptMetadata("EXIF", "it is corrupt");
        Assert.Equal([damaged], Of("exif", []));
        Assert.Equal([damaged], Of("exif", [1, 2, 3]));
        Assert.Equal([damaged], Of("exif", Exif((0x010f, 2, 4, 'A'))[..12]));
        Assert.Equal([damaged], Of("exif", Exif((0x010f, 2, 4, 'A'), (0x0112, 3, 1, 6))[..^8]));
        Assert.Equal([new UnkeptMetadata("EXIF", $"it has {PictureMetadata.MaximumBytes + 1} bytes, more than {PictureMetadata.MaximumBytes}")],
            Of("exif", [.. Exif((0x010f, 2, 4, 'A')), .. new byte[PictureMetadata.MaximumBytes]]));
        var lost = new UnkeptMetadata("IPTC", "mdf does not keep it");
        Assert.Equal([lost], Of("iptc", [0x1c, 2, 5, 0, 1, (byte)'a']));
        Assert.Equal([lost], Of("8bim", Block(0x0404, 6)));
        Assert.Empty(Of("8bim", Block(0x03ed, 16)));
        Assert.Empty(Of("other", [1, 2, 3]));
    }

    [Fact]
    public void Iptc_is_what_lies_in_photoshops_block_of_that_name()
    {
        byte[] Jpeg(params byte[][] segments) =>
            WithSegments(Plain("jpg"), [.. segments.Select(blocks => ((byte)0xed, (byte[])[.. "Photoshop 3.0\0"u8, .. blocks]))]);
        byte[] resolution = Block(0x03ed, 16);
        var iptc = Block(0x0404, 9, "name");
        foreach (var file in new[] { Jpeg(iptc), Jpeg([.. resolution, .. iptc]), Jpeg(resolution, iptc), Jpeg([.. resolution, .. iptc[..5]], iptc[5..]) })
            Assert.Equal([new UnkeptMetadata("IPTC", "mdf does not keep it")], Unkept("a.jpg", file));
        foreach (var file in new[] { Jpeg(resolution), Jpeg(Block(0x0404, 0)), Jpeg(Block(0x03ed, 15, "odd")), Jpeg(iptc[..9]), Jpeg([]) })
            Assert.Empty(Unkept("a.jpg", file));

        using var pixels = Make();
        UnkeptMetadata[] Tiff(string field, byte[] content)
        {
            using var tagged = pixels.Mutate(image => image.Set(GValue.BlobType, field, content));
            return Unkept("a.tif", tagged.TiffsaveBuffer());
        }

        Assert.Equal("IPTC", Assert.Single(Tiff("iptc-data", [0x1c, 2, 5, 0, 1, (byte)'a', 0, 0])).What);
        Assert.Equal("IPTC", Assert.Single(Tiff("photoshop-data", iptc)).What);
        Assert.Empty(Tiff("photoshop-data", resolution));
    }

    [Fact]
    public void What_xmp_says_of_data_behind_the_picture_is_taken_out_and_they_are_said_to_be_lost()
    {
        const string start = """
            <x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
            xmlns:xmpNote="http://ns.adobe.com/xmp/note/" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
            xmlns:Container="http://ns.google.com/photos/1.0/container/" xmlns:Item="http://ns.google.com/photos/1.0/container/item/"
            xmlns:GCamera="http://ns.google.com/photos/1.0/camera/" xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/"
            xmlns:HDRGainMap="http://ns.apple.com/HDRGainMap/1.0/" dc:rights="mine"
            """;
        const string end = "</rdf:Description></rdf:RDF></x:xmpmeta>";
        const string alone = "mdf reads only the main picture";
        (string Text, UnkeptMetadata[] Unkept) Of(string attributes, string elements = "")
        {
            using var pixels = Make();
            using var tagged = pixels.Mutate(image => image.Set(GValue.BlobType, "xmp-data", Encoding.UTF8.GetBytes($"{start} {attributes}>{elements}{end}")));
            var (written, unkept) = Carry("jpg", tagged.JpegsaveBuffer(keep: Enums.ForeignKeep.Xmp), "jpg");
            var text = Encoding.UTF8.GetString((byte[])written.Get("xmp-data"));
            Assert.Contains("dc:rights=\"mine\"", text, StringComparison.Ordinal);
            return (text[text.IndexOf("dc:rights", StringComparison.Ordinal)..], [.. unkept]);
        }

        // An Ultra HDR picture.
        var (text, unkept) = Of("hdrgm:Version=\"1.0\"", """
            <Container:Directory><rdf:Seq><rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="Primary" Item:Mime="image/jpeg"/></rdf:li>
            <rdf:li rdf:parseType="Resource"><Container:Item Item:Semantic="GainMap" Item:Mime="image/jpeg" Item:Length="4096"/></rdf:li></rdf:Seq></Container:Directory>
            """);
        Assert.Equal([new UnkeptMetadata("gain map", alone)], unkept);
        Assert.All(["hdrgm:", "Container:", "Item:"], name => Assert.DoesNotContain(name, text, StringComparison.Ordinal));
        // A motion photo, new and old, and one that is both.
        (text, unkept) = Of("GCamera:MotionPhoto=\"1\" GCamera:MotionPhotoVersion=\"1\" GCamera:BurstID=\"b\"", "<GCamera:MicroVideoOffset>5000</GCamera:MicroVideoOffset>");
        Assert.Equal([new UnkeptMetadata("video", alone)], unkept);
        Assert.All(["MotionPhoto", "MicroVideo"], name => Assert.DoesNotContain(name, text, StringComparison.Ordinal));
        Assert.Contains("BurstID", text, StringComparison.Ordinal);
        (text, unkept) = Of("HDRGainMap:HDRGainMapVersion=\"65536\"", "<Container:Directory><Item:Semantic>MotionPhoto</Item:Semantic></Container:Directory>");
        Assert.Equal([new UnkeptMetadata("gain map", alone), new UnkeptMetadata("video", alone)], unkept);
        Assert.DoesNotContain("HDRGainMap", text, StringComparison.Ordinal);
        // A second packet, which had the depth map.
        (text, unkept) = Of("xmpNote:HasExtendedXMP=\"0123456789ABCDEF0123456789ABCDEF\" GDepth:Format=\"RangeInverse\"");
        Assert.Equal([new UnkeptMetadata("depth map", alone), new UnkeptMetadata("extended XMP", "mdf reads only the first part of a JPEG's XMP")], unkept);
        Assert.All(["HasExtendedXMP", "GDepth:"], name => Assert.DoesNotContain(name, text, StringComparison.Ordinal));
        // Without one it is in the packet itself, and stays.
        (text, unkept) = Of("GDepth:Data=\"AAAA\"");
        Assert.Empty(unkept);
        Assert.Contains("GDepth:Data=\"AAAA\"", text, StringComparison.Ordinal);
    }

    [Fact]
    public void What_libvips_does_not_take_does_not_take_the_rest_along()
    {
        using var pixels = Make();
        using var camera = Camera();
        var exif = (byte[])NetVips.Image.NewFromBuffer(camera.JpegsaveBuffer()).Get("exif-data");
        var metadata = new PictureMetadata { Exif = exif, Xmp = "<a b='c'/>"u8.ToArray(), HasProfile = true, Resolution = new(10, 20) };
        (byte[] File, string Unkept) Encode(ImageFormat format, Enums.ForeignKeep refused)
        {
            var (file, unkept) = MetadataWriter.Encode(pixels, metadata, format, (image, keep) => (keep & refused) != 0 ? throw new VipsException("no")
                : format == ImageFormat.WebP ? image.WebpsaveBuffer(keep: keep) : image.PngsaveBuffer(keep: keep));
            return (file, string.Join(", ", unkept.Select(lost => lost.What)));
        }

        foreach (var (refused, lost) in new[]
        {
            (Enums.ForeignKeep.None, ""),
            (Enums.ForeignKeep.Exif, "EXIF"),
            (Enums.ForeignKeep.Xmp, "XMP"),
            (Enums.ForeignKeep.Exif | Enums.ForeignKeep.Xmp, "EXIF, XMP"),
            (Enums.ForeignKeep.Icc, "EXIF, XMP, colour profile"),
        })
        {
            var (file, unkept) = Encode(ImageFormat.Png, refused);
            Assert.Equal(lost, unkept);
            using var written = NetVips.Image.NewFromBuffer(file);
            Assert.Equal((10, 20), (Math.Round(written.Xres, 3), Math.Round(written.Yres, 3)));
            Assert.Equal(!lost.Contains("EXIF", StringComparison.Ordinal), written.Contains("exif-data"));
            Assert.Equal(!lost.Contains("XMP", StringComparison.Ordinal), written.Contains("xmp-data"));
            Assert.Equal(!lost.Contains("profile", StringComparison.Ordinal), written.Contains("icc-profile-data"));
        }

        // A WebP has the resolution in EXIF.
        Assert.Equal("EXIF, XMP, colour profile, resolution", Encode(ImageFormat.WebP, Enums.ForeignKeep.Exif | Enums.ForeignKeep.Icc).Unkept);
        Assert.Throws<VipsException>(() => MetadataWriter.Encode(pixels, metadata, ImageFormat.Png, (_, _) => throw new VipsException("no")));
    }

    [Fact]
    public void The_resolution_of_a_bmp_is_kept()
    {
        var file = Bmp(11811, 11811); // per metre: 300 dots per inch
        ImageFile.Write(_folder.File("x.png"), ImageFile.ReadPicture(_folder.File("a.bmp", file)));
        using var written = NetVips.Image.NewFromFile(_folder.File("x.png"));
        Assert.Equal((300, 300), (Math.Round(written.Xres * 25.4), Math.Round(written.Yres * 25.4)));
        // Nonsense counts as none.
        file.AsSpan(38, 8).Fill(0xff);
        Assert.Null(ImageFile.ReadPicture(_folder.File("a.bmp", file)).Metadata!.Resolution);
    }

    [Fact]
    public void A_grey_picture_has_no_profile_and_that_is_said()
    {
        using var pixels = Make();
        var picture = Pixels.ToPicture(pixels, default, isGrey: true, default) with { Metadata = new PictureMetadata { HasProfile = true } };
        Assert.Equal("colour profile", Assert.Single(ImageFile.Write(_folder.File("x.png"), picture)).What);
        using var written = NetVips.Image.NewFromFile(_folder.File("x.png"));
        Assert.Equal((1, false), (written.Bands, written.Contains("icc-profile-data")));
        Assert.Equal("colour profile", Assert.Single(ImageFile.Write(_folder.File("x.webp"), picture)).What);
    }

    [Fact]
    public void What_does_not_fit_or_is_damaged_is_left_out_and_said()
    {
        UnkeptMetadata[] Unkept(string to, byte[]? exif, byte[]? xmp)
        {
            using var pixels = Make();
            var picture = Pixels.ToPicture(pixels, default, isGrey: false, default) with { Metadata = new PictureMetadata { Exif = exif, Xmp = xmp } };
            var unkept = ImageFile.Write(_folder.File($"x.{to}"), picture);
            Assert.True(Pixels.ToPicture(pixels, default, isGrey: false, default).Color.shape.SequenceEqual(ImageFile.Read(_folder.File($"x.{to}")).shape));
            return [.. unkept];
        }

        var large = Encoding.UTF8.GetBytes($"<x:xmpmeta xmlns:x='adobe:ns:meta/'>{new string('a', 70_000)}</x:xmpmeta>");
        Assert.Empty(Unkept("png", null, large));
        Assert.Equal("XMP", Assert.Single(Unkept("jpg", null, large)).What);
        foreach (var xmp in new[] { "<a>", "no XML", "", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>" })
            Assert.Equal(("XMP", "it is corrupt"), (Assert.Single(Unkept("jpg", null, Encoding.UTF8.GetBytes(xmp + " "))).What, "it is corrupt"));
        Assert.Equal("EXIF", Assert.Single(Unkept("png", [1, 2, 3], null)).What);
        Assert.Equal("EXIF", Assert.Single(Unkept("jpg", [1, 2, 3], null)).What);
    }

    [Fact]
    public void Damaged_exif_neither_stops_reading_nor_writing()
    {
        using var camera = Camera();
        var file = camera.JpegsaveBuffer(q: 90);
        var start = file.AsSpan().IndexOf("Exif\0\0"u8);
        string[] formats = ["jpg", "png", "webp"];
        var random = new Random(1);
        for (var i = 0; i < 300; i++)
        {
            var damaged = file.ToArray();
            for (var k = 0; k < 4; k++)
                damaged[start + 6 + random.Next(300)] = (byte)random.Next(256);
            var picture = ImageFile.ReadPicture(_folder.File("a.jpg", damaged));
            var to = formats[i % formats.Length];
            ImageFile.Write(_folder.File($"x.{to}"), picture);
            using var written = ImageFile.ReadPicture(_folder.File($"x.{to}"));
            Assert.Equal(picture.Color.shape, written.Color.shape);
            picture.Dispose();
        }
    }

    [Fact]
    public void Metadata_beyond_the_bound_is_not_carried_and_that_is_said()
    {
        using var pixels = Make();
        using var tagged = pixels.Mutate(image => image.Set(
            GValue.BlobType, "xmp-data", Encoding.UTF8.GetBytes($"<a>{new string('b', PictureMetadata.MaximumBytes)}</a>")));
        var picture = ImageFile.ReadPicture(_folder.File("a.tif", tagged.TiffsaveBuffer()));
        Assert.False(picture.Metadata!.HasXmp);
        Assert.StartsWith("it has 1048583 bytes", Assert.Single(picture.Metadata.Unread).Why);
    }

    [Fact]
    public void Xmp_of_any_prefix_depth_and_encoding_is_mended()
    {
        byte[]? Mend(string text, Encoding? encoding = null) =>
            XmpPacket.Mend([.. (encoding ?? Encoding.UTF8).GetPreamble(), .. (encoding ?? Encoding.UTF8).GetBytes(text)], 5, 6)?.Packet;

        var other = "<r xmlns:q='http://ns.adobe.com/tiff/1.0/'><q:Orientation>8</q:Orientation><q:Make>A</q:Make></r>";
        Assert.Contains("<q:Orientation>1</q:Orientation><q:Make>A</q:Make>", Encoding.UTF8.GetString(Mend(other)!), StringComparison.Ordinal);
        Assert.Contains("<q:Orientation>1<", Encoding.UTF8.GetString(Mend(other, Encoding.Unicode)!), StringComparison.Ordinal);
        Assert.Contains("<q:Orientation>1<", Encoding.UTF8.GetString(Mend($"<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?>{other}\n  <?xpacket end='w'?>\0\0")!), StringComparison.Ordinal);
        // Nothing to mend: the bytes as they were.
        Assert.Equal("<a  b='c'/>", Encoding.UTF8.GetString(XmpPacket.Mend("<a  b='c'/>"u8.ToArray(), 5, 6)!.Value.Packet));
        var deep = string.Concat(Enumerable.Repeat("<a>", 50_000)) + other + string.Concat(Enumerable.Repeat("</a>", 50_000));
        Assert.NotNull(Mend(deep));
    }

    public static TheoryData<string, string> Conversions =>
        [.. from source in new[] { "jpg", "png", "tif", "bmp", "webp" } from target in new[] { "jpg", "png", "tif", "webp" } select (source, target)];

    private (NetVips.Image Written, IReadOnlyList<UnkeptMetadata> Unkept) Carry(string from, string to, NetVips.Image image) => Carry(
        from,
        from switch
        {
            "jpg" => image.JpegsaveBuffer(q: 95),
            "png" => image.PngsaveBuffer(),
            _ => image.WebpsaveBuffer(lossless: true),
        },
        to);

    /// <summary>Reads a file, doubles the picture's sides, and writes it.</summary>
    private (NetVips.Image Written, IReadOnlyList<UnkeptMetadata> Unkept) Carry(string from, byte[] file, string to)
    {
        var picture = ImageFile.ReadPicture(_folder.File($"a.{from}", file));
        var unkept = ImageFile.Write(_folder.File($"x.{to}"), picture with { Color = Resampler.BicubicScale(picture.Color, 2).Clamp(0, 1) });
        return (NetVips.Image.NewFromBuffer(File.ReadAllBytes(_folder.File($"x.{to}"))), unkept);
    }

    /// <summary>What is said to be lost when a file is read and written.</summary>
    private UnkeptMetadata[] Unkept(string name, byte[] file, string to = "png") =>
        [.. ImageFile.Write(_folder.File($"x.{to}"), ImageFile.ReadPicture(_folder.File(name, file)))];

    /// <summary>A file that says nothing but its pixels, and of a TIFF a resolution, which it must have.</summary>
    private static byte[] Plain(string format, byte horizontal = 1, byte vertical = 1, byte unit = 1)
    {
        using var pixels = Make();
        switch (format)
        {
            case "jpg":
                return pixels.JpegsaveBuffer(keep: Enums.ForeignKeep.None); // libvips makes no JFIF
            case "png":
                return PngChunks.Remove(pixels.PngsaveBuffer(keep: Enums.ForeignKeep.None), "pHYs");
            case "webp":
                return pixels.WebpsaveBuffer(lossless: true, keep: Enums.ForeignKeep.None);
            case "bmp":
                return Bmp(0, 0);
        }

        var file = pixels.TiffsaveBuffer(keep: Enums.ForeignKeep.None);
        var directory = BitConverter.ToInt32(file, 4);
        for (var i = 0; i < BitConverter.ToUInt16(file, directory); i++)
        {
            var entry = file.AsSpan(directory + 2 + 12 * i);
            var tag = BitConverter.ToUInt16(entry);
            if (tag == 0x0128)
                entry[8] = unit;
            if (tag is 0x011a or 0x011b)
                new byte[] { tag == 0x011a ? horizontal : vertical, 0, 0, 0, 1, 0, 0, 0 }.CopyTo(file, BitConverter.ToInt32(entry[8..]));
        }

        return file;
    }

    /// <summary>A BMP of 1×1 pixel with 24 bits.</summary>
    private static byte[] Bmp(int horizontal, int vertical) =>
    [
        .. "BM"u8, 58, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 24, 0, 0, 0, 0, 0, 4, 0, 0, 0,
        .. BitConverter.GetBytes(horizontal), .. BitConverter.GetBytes(vertical), 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 0,
    ];

    private static byte[] Jfif(byte unit, ushort horizontal, ushort vertical) => WithSegments(Plain("jpg"),
        (0xe0, [.. "JFIF\0"u8, 1, 1, unit, (byte)(horizontal >> 8), (byte)horizontal, (byte)(vertical >> 8), (byte)vertical, 0, 0]));

    private static byte[] WithSegments(byte[] jpeg, params (byte Code, byte[] Content)[] segments) =>
    [
        .. jpeg[..2],
        .. segments.SelectMany(segment =>
            (byte[])[0xff, segment.Code, (byte)((segment.Content.Length + 2) >> 8), (byte)(segment.Content.Length + 2), .. segment.Content]),
        .. jpeg[2..],
    ];

    /// <summary>A file with these bytes as EXIF, which libvips would change.</summary>
    private static byte[] WithExif(string format, byte[] exif)
    {
        var file = Plain(format);
        switch (format)
        {
            case "jpg":
                return WithSegments(file, (0xe1, [.. "Exif\0\0"u8, .. exif]));
            case "png":
                return PngChunks.Insert(file, "eXIf", exif);
        }

        // The extended format: the flag for EXIF, width and height less one, in 24 bits each; the pixels; EXIF.
        byte[] content =
        [
            .. "WEBPVP8X"u8, 10, 0, 0, 0, 8, 0, 0, 0, Width - 1, 0, 0, Height - 1, 0, 0, .. file[12..],
            .. "EXIF"u8, .. BitConverter.GetBytes(exif.Length), .. exif, .. new byte[exif.Length % 2],
        ];
        return [.. "RIFF"u8, .. BitConverter.GetBytes(content.Length), .. content];
    }

    /// <summary>EXIF of one directory of small values.</summary>
    private static byte[] Exif(params (ushort Tag, ushort Type, int Count, int Value)[] entries) =>
    [
        .. "II*\0"u8, 8, 0, 0, 0, (byte)entries.Length, 0,
        .. entries.SelectMany(entry => (byte[])
            [.. BitConverter.GetBytes(entry.Tag), .. BitConverter.GetBytes(entry.Type), .. BitConverter.GetBytes(entry.Count), .. BitConverter.GetBytes(entry.Value)]),
        0, 0, 0, 0,
    ];

    /// <summary>EXIF with a resolution, and an orientation.</summary>
    private static byte[] Resolution(int horizontal, int vertical, byte? unit, byte orientation = 1)
    {
        var end = 8 + 2 + 12 * (unit is null ? 3 : 4) + 4;
        return
        [
            .. Exif([(0x0112, 3, 1, orientation), (0x011a, 5, 1, end), (0x011b, 5, 1, end + 8), .. unit is { } known ? new[] { ((ushort)0x0128, (ushort)3, 1, (int)known) } : []]),
            .. BitConverter.GetBytes(horizontal), 1, 0, 0, 0, .. BitConverter.GetBytes(vertical), 1, 0, 0, 0,
        ];
    }

    /// <summary>One of Photoshop's blocks, of so many bytes.</summary>
    private static byte[] Block(ushort number, byte length, string name = "") =>
    [
        .. "8BIM"u8, (byte)(number >> 8), (byte)number, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), .. new byte[(name.Length + 1) % 2],
        0, 0, 0, length, .. Enumerable.Repeat((byte)0x1c, length), .. new byte[length % 2],
    ];

    private static string Text(NetVips.Image image, string field) => (string)image.Get(field);

    private static NetVips.Image Make()
    {
        using var random = new Generator(2);
        return Pixels.FromTensor(Resampler.Bicubic(rand([1, 3, 4, 5], generator: random), Height, Width), 8);
    }

    /// <summary>A picture that a camera stored lying on its side, with all that a camera and an editor write.</summary>
    private static NetVips.Image Camera()
    {
        using var pixels = Make();
        var thumbnail = pixels.JpegsaveBuffer(q: 50);
        const string xmp = """
            <x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
            xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
            xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
            tiff:Orientation="6" dc:rights="mine" photoshop:ICCProfile="Adobe RGB (1998)"><exif:PixelXDimension>48</exif:PixelXDimension>
            <xmp:Thumbnails><rdf:Alt/></xmp:Thumbnails></rdf:Description></rdf:RDF></x:xmpmeta>
            """;
        using var tagged = pixels.Mutate(image =>
        {
            image.Set(GValue.GStrType, "exif-ifd0-Make", "ACME (ACME, ASCII, 5 components, 5 bytes)");
            image.Set(GValue.GStrType, "exif-ifd0-ImageDescription", new string('x', 700));
            image.Set(GValue.GStrType, "exif-ifd0-ImageWidth", $"{Width}");
            image.Set(GValue.GStrType, "exif-ifd0-ImageLength", $"{Height}");
            image.Set(GValue.GStrType, "exif-ifd2-ExposureTime", "1/125 (1/125 sec., Rational, 1 components, 8 bytes)");
            image.Set(GValue.GStrType, "exif-ifd4-InteroperabilityIndex", "R03 (R03, ASCII, 4 components, 4 bytes)");
            image.Set(GValue.GIntType, "orientation", 6);
            image.Set(GValue.BlobType, "jpeg-thumbnail-data", thumbnail);
            image.Set(GValue.BlobType, "xmp-data", Encoding.UTF8.GetBytes(xmp));
            image.Set(GValue.BlobType, "icc-profile-data", NetVips.Image.ProfileLoad("p3"));
        });
        return tagged.Copy(xres: 300 / 25.4, yres: 200 / 25.4);
    }
}
