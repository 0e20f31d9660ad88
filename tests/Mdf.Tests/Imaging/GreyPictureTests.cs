using Mdf.Imaging;
using NetVips;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Imaging;

public sealed class GreyPictureTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Grey_is_grey_however_its_file_stores_it()
    {
        using var memory = NetVips.Image.NewFromMemory([.. Enumerable.Range(0, 256).Select(i => (byte)i)], 16, 16, 1, Enums.BandFormat.Uchar);
        using var grey = memory.Copy(interpretation: Enums.Interpretation.Bw);
        using var rgb = grey.Bandjoin(grey, grey).Copy(interpretation: Enums.Interpretation.Srgb);
        using var profiled = grey.Mutate(image => image.Set(GValue.BlobType, "icc-profile-data", NetVips.Image.ProfileLoad("p3")));
        foreach (var (name, file) in new[]
        {
            ("one channel", grey.PngsaveBuffer()),
            ("one channel in 16 bits", (grey * 257).Cast(Enums.BandFormat.Ushort).Copy(interpretation: Enums.Interpretation.Grey16).PngsaveBuffer()),
            ("a palette", rgb.PngsaveBuffer(palette: true, bitdepth: 8, q: 100, dither: 0)),
            ("a BMP's palette, as Classic5 has it", Bmp(i => [i, i, i, 0])),
            ("three equal channels", rgb.PngsaveBuffer()),
            ("WebP, which has no grey", rgb.WebpsaveBuffer(lossless: true)),
            ("JPEG with three components", rgb.JpegsaveBuffer(q: 90)),
            ("a colour profile", profiled.TiffsaveBuffer()),
        })
        {
            Assert.True(GreyPicture.IsGrey(ImageFile.Decode(file, name)), name);
        }

        Assert.False(GreyPicture.IsGrey(ImageFile.Decode(Bmp(i => [i, i, (byte)(255 - i), 0]), "a palette of colours")));
    }

    [Fact]
    public void One_coloured_pixel_makes_a_coloured_picture()
    {
        var picture = rand(1, 1, 20, 30, generator: Draws).expand(1, 3, 20, 30).clone();
        Assert.True(GreyPicture.IsGrey(picture));
        picture[0, 2, 7, 9] = picture[0, 2, 7, 9].item<float>() > 0.5 ? 0.2 : 0.8;
        Assert.False(GreyPicture.IsGrey(picture));
    }

    /// <summary>16×16 pixels of the colours 0 to 255 of a palette.</summary>
    private static byte[] Bmp(Func<byte, byte[]> blueGreenRed)
    {
        using var stream = new MemoryStream();
        using var writer = new BinaryWriter(stream);
        writer.Write("BM"u8);
        foreach (var value in new[] { 54 + 1024 + 256, 0, 54 + 1024, 40, 16, 16, 1 | 8 << 16, 0, 256, 0, 0, 256, 0 })
            writer.Write(value);
        for (var i = 0; i < 256; i++)
            writer.Write(blueGreenRed((byte)i));
        writer.Write([.. Enumerable.Range(0, 256).Select(i => (byte)i)]);
        return stream.ToArray();
    }
}
