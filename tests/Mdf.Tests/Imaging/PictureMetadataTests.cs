using System.Text;
using Mdf.Imaging;
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
        Assert.False(written.Contains("jpeg-thumbnail-data"));
        Assert.Equal((2 * Height, 2 * Width), (written.Width, written.Height));
        Assert.DoesNotContain(written.GetFields(), field => field.StartsWith("exif-ifd1", StringComparison.Ordinal));
        // 300 × 200 dots per inch along the sides of what the camera stored.
        Assert.StartsWith("200", Text(written, "exif-ifd0-XResolution"));
        Assert.StartsWith("300", Text(written, "exif-ifd0-YResolution").Replace("299999/1000", "300", StringComparison.Ordinal));
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
        Assert.Equal(("EXIF", "mdf writes none into TIFF; write .jpg, .png or .webp to keep it"), (Assert.Single(unkept).What, unkept[0].Why));
        Assert.Equal((200, 300), (Math.Round(written.Xres * 25.4), Math.Round(written.Yres * 25.4)));
        Assert.True(written.Contains("xmp-data") && written.Contains("icc-profile-data"));
        Assert.Equal(1, written.Get("orientation"));
    }

    [Fact]
    public void The_exif_of_a_tiff_is_said_to_be_lost()
    {
        // A directory with one entry (tag 0x8769: EXIF) before libvips' own would do; here the tag of one entry is changed into it.
        using var pixels = Make();
        var file = pixels.TiffsaveBuffer();
        using var scope = NewDisposeScope();
        Assert.False(TiffDirectory.HasExif(file));
        var directory = BitConverter.ToInt32(file, 4);
        var last = directory + 2 + 12 * (BitConverter.ToUInt16(file, directory) - 1);
        BitConverter.TryWriteBytes(file.AsSpan(last), (ushort)0x8769);
        Assert.True(TiffDirectory.HasExif(file));
        // No prefix of it reads beyond its end.
        for (var length = 0; length < file.Length; length += length < 64 ? 1 : 37)
            _ = TiffDirectory.HasExif(file.AsSpan(0, length));
    }

    [Theory]
    [InlineData("jpg")]
    [InlineData("png")]
    [InlineData("webp")]
    [InlineData("tif")]
    public void A_picture_without_metadata_gets_none(string to)
    {
        using var pixels = Make();
        var picture = ImageFile.ReadPicture(_folder.File("a.webp", pixels.WebpsaveBuffer(lossless: true, keep: Enums.ForeignKeep.None)));
        Assert.Empty(ImageFile.Write(_folder.File($"x.{to}"), picture));
        ImageFile.Write(_folder.File($"y.{to}"), picture.Color);
        Assert.Equal(File.ReadAllBytes(_folder.File($"y.{to}")), File.ReadAllBytes(_folder.File($"x.{to}")));
    }

    [Theory]
    [InlineData("jpg", "webp")]
    [InlineData("tif", "jpg")]
    [InlineData("png", "tif")]
    [InlineData("jpg", "png")]
    public void The_resolution_alone_is_kept(string from, string to)
    {
        using var pixels = Make();
        var dots = pixels.Copy(xres: 300 / 25.4, yres: 150 / 25.4);
        var (written, unkept) = Carry(from, to, dots);
        Assert.Empty(unkept);
        var (x, y) = to == "webp"
            ? (Text(written, "exif-ifd0-XResolution").Split('.')[0], Text(written, "exif-ifd0-YResolution").Split('.')[0])
            : ($"({Math.Round(written.Xres * 25.4)}", $"({Math.Round(written.Yres * 25.4)}");
        Assert.EndsWith("(300", x);
        Assert.EndsWith("(150", y);
    }

    [Fact]
    public void The_resolution_of_a_bmp_is_kept()
    {
        // 1×1, 24 bits, 11,811 pixels per metre: 300 dots per inch.
        byte[] file = [.. "BM"u8, 58, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 24, 0, 0, 0, 0, 0, 4, 0, 0, 0,
            0x23, 0x2e, 0, 0, 0x23, 0x2e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 0];
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
            Assert.Equal(("XMP", "it is damaged"), (Assert.Single(Unkept("jpg", null, Encoding.UTF8.GetBytes(xmp + " "))).What, "it is damaged"));
        Assert.Equal("EXIF", Assert.Single(Unkept("png", [1, 2, 3], null)).What);
        Assert.Equal("EXIF", Assert.Single(Unkept("jpg", [1, 2, 3], null)).What);
    }

    [Fact]
    public void Damaged_exif_neither_stops_reading_nor_writing()
    {
        using var camera = Camera();
        var file = camera.JpegsaveBuffer(q: 90);
        var start = file.AsSpan().IndexOf("Exif\0\0"u8);
        var random = new Random(1);
        for (var i = 0; i < 300; i++)
        {
            var damaged = file.ToArray();
            for (var k = 0; k < 4; k++)
                damaged[start + 6 + random.Next(300)] = (byte)random.Next(256);
            var picture = ImageFile.ReadPicture(_folder.File("a.jpg", damaged));
            foreach (var to in new[] { "jpg", "png", "webp" })
            {
                ImageFile.Write(_folder.File($"x.{to}"), picture);
                using var written = ImageFile.ReadPicture(_folder.File($"x.{to}"));
                Assert.Equal(picture.Color.shape, written.Color.shape);
            }

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
            XmpPacket.Mend([.. (encoding ?? Encoding.UTF8).GetPreamble(), .. (encoding ?? Encoding.UTF8).GetBytes(text)], 5, 6);

        var other = "<r xmlns:q='http://ns.adobe.com/tiff/1.0/'><q:Orientation>8</q:Orientation><q:Make>A</q:Make></r>";
        Assert.Contains("<q:Orientation>1</q:Orientation><q:Make>A</q:Make>", Encoding.UTF8.GetString(Mend(other)!), StringComparison.Ordinal);
        Assert.Contains("<q:Orientation>1<", Encoding.UTF8.GetString(Mend(other, Encoding.Unicode)!), StringComparison.Ordinal);
        Assert.Contains("<q:Orientation>1<", Encoding.UTF8.GetString(Mend($"<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?>{other}\n  <?xpacket end='w'?>\0\0")!), StringComparison.Ordinal);
        // Nothing to mend: the bytes as they were.
        Assert.Equal("<a  b='c'/>", Encoding.UTF8.GetString(XmpPacket.Mend("<a  b='c'/>"u8.ToArray(), 5, 6)!));
        var deep = string.Concat(Enumerable.Repeat("<a>", 50_000)) + other + string.Concat(Enumerable.Repeat("</a>", 50_000));
        Assert.NotNull(Mend(deep));
    }

    /// <summary>Reads a file that libvips makes, doubles the picture's sides, and writes it.</summary>
    private (NetVips.Image Written, IReadOnlyList<UnkeptMetadata> Unkept) Carry(string from, string to, NetVips.Image image)
    {
        var file = from switch
        {
            "jpg" => image.JpegsaveBuffer(q: 95),
            "png" => image.PngsaveBuffer(keep: image.Contains("orientation") ? Enums.ForeignKeep.All : Enums.ForeignKeep.None), // or it makes EXIF of the resolution
            "webp" => image.WebpsaveBuffer(lossless: true),
            _ => image.TiffsaveBuffer(),
        };
        var picture = ImageFile.ReadPicture(_folder.File($"a.{from}", file));
        var unkept = ImageFile.Write(_folder.File($"x.{to}"), picture with { Color = Resampler.BicubicScale(picture.Color, 2).clamp(0, 1) });
        return (NetVips.Image.NewFromBuffer(File.ReadAllBytes(_folder.File($"x.{to}"))), unkept);
    }

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
