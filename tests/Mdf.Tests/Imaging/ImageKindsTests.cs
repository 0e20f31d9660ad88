using System.IO.Compression;
using System.Text;
using Mdf.Imaging;
using Mdf.Runtime;
using NetVips;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.TensorIndex;

namespace Mdf.Tests.Imaging;

/// <summary>Bit depths, palettes, alpha, CMYK, orientations and colour profiles, in files that libvips makes here.</summary>
public sealed class ImageKindsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(Enums.BandFormat.Uchar, 255)]
    [InlineData(Enums.BandFormat.Ushort, 65535)]
    public void Grey_becomes_three_equal_channels(Enums.BandFormat format, int levels)
    {
        using var grey = Ramp(format, 1);
        foreach (var file in new[] { grey.PngsaveBuffer(), grey.TiffsaveBuffer() })
        {
            var read = Read(file);
            Assert.Equal([1, 3, 16, 16], read.shape);
            var expected = tensor(Levels(format, 1)).to(ScalarType.Float32).Div(levels).reshape(1, 1, 16, 16);
            Assert.True(expected.expand(1, 3, 16, 16).Equals(read));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    [InlineData(8)]
    public void A_palette_is_looked_up(int bitDepth)
    {
        byte[][] colors = [[10, 200, 30], [250, 0, 255]];
        var pixels = Enumerable.Range(0, 64).SelectMany(i => colors[i / 3 % 2]).ToArray();
        using var image = Rgb(pixels, 8, 8);
        var file = image.PngsaveBuffer(palette: true, bitdepth: bitDepth, q: 100, dither: 0);
        Assert.Equal(3, file[25]); // the colour type in IHDR: palette
        Assert.True(Planar(pixels, 8, 8).Equals(Read(file)));
    }

    [Fact]
    public void Transparency_is_composited_on_white()
    {
        using var image = Rgba([255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 0, 51, 7, 8, 9, 255]);
        foreach (var file in new[] { image.PngsaveBuffer(), image.TiffsaveBuffer(), image.WebpsaveBuffer(lossless: true, exact: true) })
        {
            var levels = Read(file).Mul(255)[0].permute(1, 2, 0).reshape(-1).data<float>().ToArray();
            Assert.Equal([255, 0, 0, 255, 255, 255, 204, 204, 204, 7, 8, 9], levels.Select(level => Math.Round(level, 3)));
        }
    }

    [Fact]
    public void Transparency_is_refused_when_asked_for_and_an_opaque_channel_is_not()
    {
        var refuse = new ImageReadOptions { Alpha = AlphaHandling.Refuse };
        using var opaque = Rgba([1, 2, 3, 255, 4, 5, 6, 255, 7, 8, 9, 255, 10, 11, 12, 255]);
        var read = ImageFile.Read(_folder.File("opaque.png", opaque.PngsaveBuffer()), refuse);
        Assert.True(read.Equals(Planar([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 4, 1)));

        using var clear = Rgba([1, 2, 3, 255, 4, 5, 6, 254, 7, 8, 9, 255, 10, 11, 12, 255]);
        var error = Assert.Throws<InputException>(() => ImageFile.Read(_folder.File("clear.png", clear.PngsaveBuffer()), refuse));
        Assert.Contains("expected an opaque image", error.Message);
    }

    [Fact]
    public void Grey_with_alpha_in_16_bits_is_composited()
    {
        using var image = NetVips.Image.NewFromMemory(new ushort[] { 0, 65535, 1234, 0, 0, 13107 }, 3, 1, 2, Enums.BandFormat.Ushort)
            .Copy(interpretation: Enums.Interpretation.Grey16);
        var levels = Read(image.PngsaveBuffer())[0, 1, 0].Mul(65535).data<float>().ToArray();
        Assert.Equal([0, 65535, 52428], levels.Select(level => Math.Round(level, 2)));
    }

    [Theory]
    [InlineData(Enums.Interpretation.Bw, 3)]
    [InlineData(Enums.Interpretation.Bw, 4)]
    [InlineData(Enums.Interpretation.Bw, 5)]
    [InlineData(Enums.Interpretation.Srgb, 5)]
    [InlineData(Enums.Interpretation.Cmyk, 6)]
    public void More_channels_than_colours_and_alpha_are_refused(Enums.Interpretation interpretation, int bands)
    {
        using var image = NetVips.Image.NewFromMemory(new byte[64 * bands], 8, 8, bands, Enums.BandFormat.Uchar).Copy(interpretation: interpretation);
        var error = Assert.Throws<InputException>(() => Read(image.TiffsaveBuffer()));
        Assert.Contains($"found {bands} channels of {interpretation.ToString().ToLowerInvariant()}", error.Message);
    }

    [Fact]
    public void An_image_of_many_strips_is_read_whole()
    {
        // 16 bits, interlaced (decoded at once) and not (decoded from top to bottom), more than 2²² samples.
        var image = randint(0, 1 << 16, [1, 3, 1111, 1300], generator: Draws).to(ScalarType.Float32).Div(65535);
        using var pixels = Pixels.FromTensor(image, 16);
        Assert.True(image.Equals(Read(pixels.PngsaveBuffer(compression: 0))));
        Assert.True(image.Equals(Read(pixels.PngsaveBuffer(compression: 1, interlace: true))));
        foreach (var (orientation, upright) in new[] { (3, image.flip(2, 3)), (6, image.flip(2).transpose(2, 3)), (8, image.flip(3).transpose(2, 3)) })
        {
            using var turned = pixels.Mutate(mutable => mutable.Set(GValue.GIntType, "orientation", orientation));
            Assert.True(upright.Equals(Read(turned.TiffsaveBuffer())));
            Assert.True(upright.Equals(Read(turned.PngsaveBuffer(compression: 0))));
        }
    }

    [Fact]
    public void Cmyk_is_converted_with_and_without_a_profile()
    {
        // No ink is white; full cyan in libvips' CMYK profile is near (0, 160, 220), far from yellow's complement.
        using var memory = NetVips.Image.NewFromMemory(
            Enumerable.Repeat<byte[]>([0, 0, 0, 0], 64).Concat(Enumerable.Repeat<byte[]>([255, 0, 0, 0], 64)).SelectMany(ink => ink).ToArray(),
            8, 16, 4, Enums.BandFormat.Uchar);
        using var plain = memory.Copy(interpretation: Enums.Interpretation.Cmyk);
        using var tagged = plain.Mutate(image => image.Set(GValue.BlobType, "icc-profile-data", NetVips.Image.ProfileLoad("cmyk")));
        foreach (var file in new[]
        {
            plain.JpegsaveBuffer(q: 100, keep: Enums.ForeignKeep.None), tagged.JpegsaveBuffer(q: 100),
            plain.TiffsaveBuffer(keep: Enums.ForeignKeep.None), tagged.TiffsaveBuffer(),
        })
        {
            var read = Read(file);
            Assert.Equal([1, 3, 16, 8], read.shape);
            Assert.InRange(read[0, Colon, 1, 1].min().item<float>(), 0.98, 1);
            Assert.InRange(read[0, 0, 14, 1].item<float>(), 0, 0.1);
            Assert.InRange(read[0, 1, 14, 1].item<float>(), 0.5, 0.75);
            Assert.InRange(read[0, 2, 14, 1].item<float>(), 0.75, 1);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public void Orientation_is_applied(int orientation)
    {
        var upright = randint(0, 256, [1, 3, 5, 7], generator: Draws).to(ScalarType.Float32).Div(255);
        // What the camera stored, so that the EXIF transformation of that number gives the upright image back.
        var stored = orientation switch
        {
            2 => upright.flip(3),
            3 => upright.flip(2, 3),
            4 => upright.flip(2),
            5 => upright.transpose(2, 3),
            6 => upright.transpose(2, 3).flip(2), // shown after a quarter turn clockwise
            7 => upright.transpose(2, 3).flip(2, 3),
            8 => upright.transpose(2, 3).flip(3), // shown after a quarter turn anticlockwise
            _ => upright,
        };
        using var pixels = Pixels.FromTensor(stored, 8);
        using var tagged = pixels.Mutate(image => image.Set(GValue.GIntType, "orientation", orientation));
        Assert.True(upright.Equals(Read(tagged.TiffsaveBuffer())));
        Assert.True(upright.Equals(Read(tagged.PngsaveBuffer())));
        Assert.True(upright.Equals(Read(tagged.WebpsaveBuffer(lossless: true))));
        Assert.Equal(upright.shape, Read(tagged.JpegsaveBuffer()).shape);
    }

    [Theory]
    [InlineData("tEXt", "Raw profile type exif", "exif", true)]
    [InlineData("tEXt", "Raw profile type APP1", "generic profile", false)]
    [InlineData("zTXt", "Raw profile type APP1", "app1", true)]
    [InlineData("zTXt", "Raw profile type exif", "exif", false)]
    public void The_orientation_of_a_raw_profile_in_a_png_is_applied(string chunk, string keyword, string name, bool isLittleEndian)
    {
        var image = randint(0, 256, [1, 3, 5, 7], generator: Draws).to(ScalarType.Float32).Div(255);
        var file = Insert(Png(image), chunk, keyword, PngChunks.RawProfile(name, Exif(6, isLittleEndian)));
        Assert.True(image.flip(2).transpose(2, 3).Equals(Read(file)));
        using var picture = ImageFile.ReadPicture(_folder.File("image"));
        Assert.Equal([1, 3, 7, 5], picture.Color.shape);
        // Of a directory that is cut off what is there counts, as in a JPEG.
        var cut = Exif(6, isLittleEndian);
        cut[isLittleEndian ? 14 : 15] = 3; // entries, of which it has two
        Assert.True(image.flip(2).transpose(2, 3).Equals(Read(Insert(Png(image), chunk, keyword, PngChunks.RawProfile(name, cut)))));
        // Some programs leave out the "Exif" at its start.
        file = Insert(Png(image), chunk, keyword, PngChunks.RawProfile(name, Exif(8, isLittleEndian)[6..]));
        Assert.True(image.flip(3).transpose(2, 3).Equals(Read(file)));
    }

    [Fact]
    public void An_exif_chunk_counts_more_than_a_raw_profile()
    {
        var image = randint(0, 256, [1, 3, 5, 7], generator: Draws).to(ScalarType.Float32).Div(255);
        var file = Insert(Png(image), "tEXt", "Raw profile type exif", PngChunks.RawProfile("exif", Exif(6, true)));
        Assert.True(image.flip(2, 3).Equals(Read(PngChunks.Insert(file, "eXIf", Exif(3, true)[6..]))));
    }

    [Fact]
    public void A_raw_profile_that_is_damaged_or_has_no_orientation_counts_as_none()
    {
        var image = randint(0, 256, [1, 3, 5, 7], generator: Draws).to(ScalarType.Float32).Div(255);
        var exif = Exif(6, true);
        var far = exif.ToArray();
        far[13] = 255; // the high byte of where the directory starts
        byte[] endless = [.. exif[..14], 255, 255, .. exif[16..^12]];
        foreach (var text in new[]
        {
            "", "\nexif\n", "\nexif\n   26\nno digits", PngChunks.RawProfile("exif", exif)[..40], PngChunks.RawProfile("exif", []), PngChunks.RawProfile("exif", far), PngChunks.RawProfile("exif", endless),
            PngChunks.RawProfile("exif", Exif(0, true)), PngChunks.RawProfile("exif", Exif(9, true)), PngChunks.RawProfile("exif", exif[..15]),
        })
        {
            Assert.True(image.Equals(Read(Insert(Png(image), "tEXt", "Raw profile type exif", text))));
        }

        // Another text that looks like one.
        Assert.True(image.Equals(Read(Insert(Png(image), "tEXt", "Comment", PngChunks.RawProfile("exif", exif)))));
    }

    [Fact]
    public void An_orientation_that_only_xmp_gives_is_ignored_as_in_browsers()
    {
        var image = randint(0, 256, [1, 3, 5, 7], generator: Draws).to(ScalarType.Float32).Div(255);
        const string Xmp = "<x:xmpmeta xmlns:x='adobe:ns:meta/'><rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>"
            + "<rdf:Description xmlns:tiff='http://ns.adobe.com/tiff/1.0/' tiff:Orientation='6'/></rdf:RDF></x:xmpmeta>";
        var file = PngChunks.Insert(Png(image), "iTXt", [.. "XML:com.adobe.xmp"u8, 0, 0, 0, 0, 0, .. Encoding.UTF8.GetBytes(Xmp)]);
        Assert.True(image.Equals(Read(file)));
    }

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    public void An_srgb_profile_leaves_every_bit(int bitDepth)
    {
        var image = randint(0, 1 << bitDepth, [1, 3, 16, 16], generator: Draws).to(ScalarType.Float32).Div((1 << bitDepth) - 1);
        using var pixels = Pixels.FromTensor(image, bitDepth);
        using var tagged = Tag(pixels, "srgb");
        Assert.True(image.Equals(Read(tagged.PngsaveBuffer())));
        Assert.True(image.Equals(Read(tagged.TiffsaveBuffer())));
    }

    [Theory]
    [InlineData(8)]
    [InlineData(16)]
    public void Another_profile_is_converted(int bitDepth)
    {
        // Inside sRGB's gamut. Display P3 has sRGB's curve and white, so both are one 3×3 matrix apart in linear light:
        // the matrix from the primaries of SMPTE EG 432-1 and ITU-R BT.709, as in CSS Color 4.
        float[] displayP3 = [0.5f, 0.7f, 0.4f];
        double[,] matrix = { { 1.2249402, -0.2249402, 0 }, { -0.0420570, 1.0420570, 0 }, { -0.0196376, -0.0786507, 1.0982883 } };
        var linear = displayP3.Select(value => Math.Pow((value + 0.055) / 1.055, 2.4)).ToArray();
        var expected = Enumerable.Range(0, 3)
            .Select(row => Enumerable.Range(0, 3).Sum(column => matrix[row, column] * linear[column]))
            .Select(value => 1.055 * Math.Pow(value, 1 / 2.4) - 0.055).ToArray();

        using var pixels = Pixels.FromTensor(tensor(displayP3).reshape(1, 3, 1, 1).expand(1, 3, 4, 4), bitDepth);
        using var tagged = Tag(pixels, "p3");
        var read = Read(tagged.PngsaveBuffer());
        for (var channel = 0; channel < 3; channel++)
            Assert.Equal(expected[channel], read[0, channel, 2, 2].item<float>(), bitDepth == 8 ? 0.006 : 0.002);
    }

    [Fact]
    public void Alpha_passes_a_colour_conversion_unchanged()
    {
        using var image = Rgba([100, 150, 100, 0, 100, 150, 100, 255, 100, 150, 100, 51, 0, 0, 0, 51]);
        using var tagged = Tag(image, "p3");
        using var opaque = Tag(Rgb([100, 150, 100], 1, 1), "p3");
        var expected = Read(opaque.PngsaveBuffer())[0, Colon, 0, 0];
        var read = Read(tagged.PngsaveBuffer())[0, Colon, 0];
        Assert.Equal(1, read[Colon, 0].min().item<float>());
        Assert.True(expected.Equals(read[Colon, 1]));
        Assert.InRange((expected.Mul(0.2).Add(0.8) - read[Colon, 2]).abs().max().item<float>(), 0, 1e-6);
        Assert.Equal(0.8f, read[0, 3].item<float>(), 1e-6f);
    }

    [Fact]
    public void A_grey_image_may_carry_a_colour_profile()
    {
        using var grey = Ramp(Enums.BandFormat.Uchar, 1);
        using var srgb = Tag(grey, "srgb");
        using var p3 = Tag(grey, "p3"); // the same white and curve: greys stay
        var expected = Read(grey.PngsaveBuffer());
        // libtiff keeps any profile; PNG writers refuse a wrong one.
        Assert.True(expected.Equals(Read(srgb.TiffsaveBuffer())));
        Assert.InRange((expected - Read(p3.TiffsaveBuffer())).abs().max().item<float>(), 0, 1.01 / 255);
    }

    [Fact]
    public void A_profile_that_does_not_fit_or_is_damaged_counts_as_none()
    {
        var damaged = NetVips.Image.ProfileLoad("p3");
        Array.Clear(damaged, 130, damaged.Length - 130);
        using var image = Rgb([100, 200, 50], 1, 1);
        foreach (var profile in new[] { NetVips.Image.ProfileLoad("cmyk"), damaged, [1, 2, 3, 4, 5, 6, 7, 8] })
        {
            using var tagged = image.Mutate(mutable => mutable.Set(GValue.BlobType, "icc-profile-data", profile));
            Assert.True(Planar([100, 200, 50], 1, 1).Equals(Read(tagged.TiffsaveBuffer())));
        }
    }

    [Fact]
    public void The_first_page_is_read()
    {
        using var first = Rgb([.. Enumerable.Repeat((byte)10, 48)], 4, 4);
        using var second = Rgb([.. Enumerable.Repeat((byte)99, 48)], 4, 4);
        using var tower = first.Join(second, Enums.Direction.Vertical).Mutate(image => image.Set(GValue.GIntType, "page-height", 4));
        foreach (var file in new[] { tower.TiffsaveBuffer(), tower.WebpsaveBuffer(lossless: true) })
        {
            var read = Read(file);
            Assert.Equal([1, 3, 4, 4], read.shape);
            Assert.True(read.Mul(255).round().Eq(10).all().item<bool>());
        }
    }

    [Fact]
    public void The_authors_training_picture_is_opaque_rgba()
    {
        var path = Shared.Path("data", "stone", "stone.png");
        var image = ImageFile.Read(path, new ImageReadOptions { Alpha = AlphaHandling.Refuse });
        Assert.Equal([1, 3, 168, 250], image.shape);
        Assert.True(image.Equals(ImageFile.Read(path)));
    }

    [Fact]
    public void Set14_holds_one_picture_with_a_single_channel()
    {
        var grey = Directory.GetFiles(Shared.Path("data", "Set14_HRx4"), "*.png")
            .Where(file => File.ReadAllBytes(file)[25] == 0).ToArray(); // the colour type in IHDR: grey
        var image = ImageFile.Read(Assert.Single(grey));
        Assert.True(image[Colon, ..1].expand_as(image).Equals(image));
    }

    private static byte[] Png(Tensor image)
    {
        using var pixels = Pixels.FromTensor(image, 8);
        return pixels.PngsaveBuffer(keep: Enums.ForeignKeep.None);
    }

    private static byte[] Insert(byte[] png, string type, string keyword, string text)
    {
        byte[] bytes = Encoding.Latin1.GetBytes(text);
        if (type == "zTXt")
        {
            using var compressed = new MemoryStream();
            using (var zlib = new ZLibStream(compressed, CompressionLevel.Optimal))
                zlib.Write(bytes);
            bytes = [0, .. compressed.ToArray()];
        }

        return PngChunks.Insert(png, type, [.. Encoding.Latin1.GetBytes(keyword), 0, .. bytes]);
    }

    /// <summary>EXIF data of one directory: an image description, then the orientation.</summary>
    private static byte[] Exif(byte orientation, bool isLittleEndian) => isLittleEndian
        ? [.. "Exif\0\0II*\0"u8, 8, 0, 0, 0, 2, 0, 0x0e, 1, 2, 0, 2, 0, 0, 0, (byte)'a', 0, 0, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0, 0, 0, 0, 0]
        : [.. "Exif\0\0MM\0*"u8, 0, 0, 0, 8, 0, 2, 1, 0x0e, 0, 2, 0, 0, 0, 2, (byte)'a', 0, 0, 0, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0];

    private Tensor Read(byte[] file) => ImageFile.Read(_folder.File("image", file));

    private static NetVips.Image Tag(NetVips.Image image, string profile) =>
        image.Mutate(mutable => mutable.Set(GValue.BlobType, "icc-profile-data", NetVips.Image.ProfileLoad(profile)));

    private static NetVips.Image Rgb(byte[] pixels, int width, int height) =>
        NetVips.Image.NewFromMemory(pixels, width, height, 3, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);

    private static NetVips.Image Rgba(byte[] pixels) =>
        NetVips.Image.NewFromMemory(pixels, pixels.Length / 4, 1, 4, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);

    private static Tensor Planar(byte[] pixels, int width, int height) =>
        tensor(pixels, [1, height, width, 3]).permute(0, 3, 1, 2).to(ScalarType.Float32).Div(255f);

    private static int[] Levels(Enums.BandFormat format, int bands) =>
        [.. Enumerable.Range(0, 256 * bands).Select(i => format == Enums.BandFormat.Uchar ? i % 256 : i * 257 % 65536)];

    private static NetVips.Image Ramp(Enums.BandFormat format, int bands)
    {
        var levels = Levels(format, bands);
        return format == Enums.BandFormat.Uchar
            ? NetVips.Image.NewFromMemory(levels.Select(level => (byte)level).ToArray(), 16, 16, bands, format).Copy(interpretation: Enums.Interpretation.Bw)
            : NetVips.Image.NewFromMemory(levels.Select(level => (ushort)level).ToArray(), 16, 16, bands, format).Copy(interpretation: Enums.Interpretation.Grey16);
    }
}
