using Mdf.Imaging;
using Mdf.Runtime;
using NetVips;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Imaging;

/// <summary>Damaged files give an image or one line, and never anything else.</summary>
public sealed class ImageDamageTests : IDisposable
{
    private const int Damages = 200;

    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    public static TheoryData<string> Kinds => ["png", "png 16 bit", "png palette", "png profile", "jpeg", "jpeg cmyk", "tiff", "tiff 16 bit",
        "tiff jpeg", "tiff tiled", "webp", "webp lossy", "webp animated", "bmp", "bmp palette", "bmp alpha"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_damaged_file_is_refused_in_one_line_or_read(string kind)
    {
        var whole = Make(kind);
        Assert.Equal(3, ImageFile.Read(_folder.File("whole", whole)).shape[1]);
        var random = new Random(17);
        var refused = 0;
        for (var i = 0; i < Damages; i++)
        {
            using var scope = NewDisposeScope();
            var path = _folder.File("damaged", Damage(whole, random));
            try
            {
                var image = ImageFile.Read(path);
                Assert.Equal([1, 3], image.shape[..2]);
                Assert.InRange(image.min().item<float>(), 0, 1);
                Assert.InRange(image.max().item<float>(), 0, 1);
            }
            catch (InputException e)
            {
                Assert.DoesNotContain('\n', e.Message);
                refused++;
            }
        }

        Assert.InRange(refused, 1, Damages);
        GC.Collect();
    }

    private static byte[] Damage(byte[] whole, Random random)
    {
        var damaged = whole.ToArray();
        if (random.Next(4) == 0)
            return damaged[..random.Next(damaged.Length)];
        // Headers hold the sizes and offsets: they get half of it.
        var range = random.Next(2) == 0 ? Math.Min(200, damaged.Length) : damaged.Length;
        for (var count = random.Next(1, 9); count > 0; count--)
            damaged[random.Next(range)] = random.Next(3) switch { 0 => 0, 1 => 255, _ => (byte)random.Next(256) };
        return damaged;
    }

    private static byte[] Make(string kind)
    {
        var pixels = new byte[24 * 16 * 3];
        new Random(3).NextBytes(pixels);
        using var rgb = NetVips.Image.NewFromMemory(pixels, 24, 16, 3, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Srgb);
        using var deep = NetVips.Image.NewFromMemory(pixels.Select(level => (ushort)(level * 255)).ToArray(), 24, 16, 3, Enums.BandFormat.Ushort)
            .Copy(interpretation: Enums.Interpretation.Rgb16);
        using var tagged = rgb.Mutate(image => image.Set(GValue.BlobType, "icc-profile-data", NetVips.Image.ProfileLoad("p3")));
        using var inks = NetVips.Image.NewFromMemory(pixels, 24, 12, 4, Enums.BandFormat.Uchar).Copy(interpretation: Enums.Interpretation.Cmyk);
        using var pages = rgb.Mutate(image => image.Set(GValue.GIntType, "page-height", 8));
        return kind switch
        {
            "png" => rgb.PngsaveBuffer(),
            "png 16 bit" => deep.PngsaveBuffer(),
            "png palette" => rgb.PngsaveBuffer(palette: true),
            "png profile" => tagged.PngsaveBuffer(),
            "jpeg" => rgb.JpegsaveBuffer(),
            "jpeg cmyk" => inks.JpegsaveBuffer(),
            "tiff" => rgb.TiffsaveBuffer(Enums.ForeignTiffCompression.Lzw),
            "tiff 16 bit" => deep.TiffsaveBuffer(),
            "tiff jpeg" => rgb.TiffsaveBuffer(Enums.ForeignTiffCompression.Jpeg),
            "tiff tiled" => rgb.TiffsaveBuffer(Enums.ForeignTiffCompression.Deflate, tile: true, tileWidth: 16, tileHeight: 16),
            "webp" => rgb.WebpsaveBuffer(lossless: true),
            "webp lossy" => rgb.WebpsaveBuffer(),
            "webp animated" => pages.WebpsaveBuffer(),
            "bmp" => Bmp(24, 3, [], pixels),
            "bmp palette" => Bmp(8, 0, pixels[..1024], pixels),
            "bmp alpha" => Bmp(32, 3, [0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255], [.. pixels, .. pixels]),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
        };
    }

    /// <summary>24 × 16 pixels behind a header of the fourth version.</summary>
    private static byte[] Bmp(int bits, int compression, byte[] palette, byte[] pixels)
    {
        var header = new byte[108];
        int[] fields = [108, 24, 16, 1 | bits << 16, bits == 24 ? 0 : compression];
        for (var i = 0; i < fields.Length; i++)
            BitConverter.TryWriteBytes(header.AsSpan(4 * i), fields[i]);
        if (bits == 32)
            palette.CopyTo(header, 40);
        byte[] body = [.. header, .. bits == 8 ? palette : [], .. pixels];
        return [.. "BM"u8, 0, 0, 0, 0, 0, 0, 0, 0, .. BitConverter.GetBytes(122 + (bits == 8 ? palette.Length : 0)), .. body];
    }
}
