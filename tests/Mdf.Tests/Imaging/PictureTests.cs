using Mdf.Imaging;
using Mdf.Runtime;
using NetVips;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Imaging;

/// <summary>Pictures to files and back with all their channels.</summary>
public sealed class PictureTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("a.png", 8)]
    [InlineData("a.png", 16)]
    [InlineData("a.tif", 8)]
    [InlineData("a.tif", 16)]
    [InlineData("a.webp", 8)]
    public void Every_kind_comes_back_as_it_was(string name, int bitDepth)
    {
        foreach (var (isGrey, hasAlpha) in new[] { (false, false), (false, true), (true, false), (true, true) })
        {
            var picture = Make(isGrey, hasAlpha, bitDepth);
            ImageFile.Write(_folder.File(name), picture);
            var read = ImageFile.ReadPicture(_folder.File(name));
            var knowsGrey = !name.EndsWith("webp", StringComparison.Ordinal); // WebP has no grey: three equal channels
            Assert.Equal((isGrey && knowsGrey, bitDepth, hasAlpha), (read.IsGrey, read.BitDepth, read.Alpha is not null));
            Assert.Equal(ScalarType.Float32, read.Color.dtype);
            Assert.True(picture.Color.Equals(read.Color));
            Assert.True(!hasAlpha || picture.Alpha!.Equals(read.Alpha!));
        }
    }

    [Fact]
    public void A_picture_of_many_strips_comes_back_as_it_was()
    {
        var picture = Make(isGrey: false, hasAlpha: true, 16, height: 1111, width: 1300); // more than 2²² samples
        ImageFile.Write(_folder.File("a.tif"), picture);
        var read = ImageFile.ReadPicture(_folder.File("a.tif"));
        Assert.True(picture.Color.Equals(read.Color));
        Assert.True(picture.Alpha!.Equals(read.Alpha!));
    }

    [Theory]
    [InlineData(false, false, 2)]
    [InlineData(false, true, 6)]
    [InlineData(true, false, 0)]
    [InlineData(true, true, 4)]
    public void A_png_has_no_more_channels_than_the_picture(bool isGrey, bool hasAlpha, int colorType)
    {
        foreach (var bitDepth in new[] { 8, 16 })
        {
            ImageFile.Write(_folder.File("a.png"), Make(isGrey, hasAlpha, bitDepth));
            Assert.Equal([(byte)bitDepth, (byte)colorType], File.ReadAllBytes(_folder.File("a.png"))[24..26]); // in IHDR
        }
    }

    [Fact]
    public void Channels_that_differ_make_grey_by_their_mean()
    {
        var color = tensor(new[] { 10f, 20f, 60f }).Div(255).reshape(1, 3, 1, 1).expand(1, 3, 4, 5);
        foreach (var name in new[] { "a.png", "a.jpg" })
        {
            ImageFile.Write(_folder.File(name), new Picture(color, null, IsGrey: true, 8));
            var read = ImageFile.ReadPicture(_folder.File(name));
            Assert.True(read.IsGrey);
            Assert.True(read.Color.Mul(255).round().Eq(30).all().item<bool>());
        }
    }

    [Fact]
    public void A_jpeg_shows_transparency_on_white_as_reading_does()
    {
        var picture = new Picture(zeros(1, 3, 16, 16), Full([1, 1, 16, 16], 0.2f), IsGrey: false, 16);
        ImageFile.Write(_folder.File("a.jpg"), picture);
        ImageFile.Write(_folder.File("a.png"), picture);
        var read = ImageFile.ReadPicture(_folder.File("a.jpg"));
        Assert.Equal((null, 8), (read.Alpha, read.BitDepth));
        Assert.True(read.Color.Mul(255).round().Eq(204).all().item<bool>());
        Assert.InRange((ImageFile.Read(_folder.File("a.png")) - read.Color).abs().max().item<float>(), 0, 1e-4);
    }

    [Fact]
    public void A_format_of_8_bits_takes_what_has_16_and_one_of_16_keeps_8_unless_asked()
    {
        int Depth(string name, int bitDepth, ImageWriteOptions? options = null)
        {
            ImageFile.Write(_folder.File(name), Make(isGrey: false, hasAlpha: false, bitDepth), options);
            return ImageFile.ReadPicture(_folder.File(name)).BitDepth;
        }

        Assert.Equal(8, Depth("a.webp", 16));
        Assert.Equal(8, Depth("a.jpg", 16, new ImageWriteOptions { Quality = 90 }));
        Assert.Equal(8, Depth("a.png", 8));
        Assert.Equal(16, Depth("a.png", 8, new ImageWriteOptions { BitDepth = 16 }));
        Assert.Equal(8, Depth("a.tif", 16, new ImageWriteOptions { BitDepth = 8 }));
        Assert.Throws<InputException>(() => Depth("a.webp", 16, new ImageWriteOptions { BitDepth = 16 }));
    }

    [Fact]
    public void Grey_is_what_the_file_calls_grey_whatever_its_profile()
    {
        using var memory = NetVips.Image.NewFromMemory(Enumerable.Range(0, 64).Select(i => (byte)(4 * i)).ToArray(), 8, 8, 1, Enums.BandFormat.Uchar);
        using var grey = memory.Copy(interpretation: Enums.Interpretation.Bw);
        using var tagged = grey.Mutate(image => image.Set(GValue.BlobType, "icc-profile-data", NetVips.Image.ProfileLoad("p3")));
        var read = ImageFile.ReadPicture(_folder.File("grey.tif", tagged.TiffsaveBuffer()));
        Assert.True(read.IsGrey);
        Assert.Equal([1, 3, 8, 8], read.Color.shape);
        // Three equal channels that the file stores as colour are colour.
        ImageFile.Write(_folder.File("rgb.png"), read.Color);
        Assert.False(ImageFile.ReadPicture(_folder.File("rgb.png")).IsGrey);
    }

    [Fact]
    public void Tensors_that_make_no_picture_are_refused()
    {
        var color = rand(1, 3, 8, 8, generator: Draws);
        foreach (var picture in new[]
        {
            new Picture(rand(1, 1, 8, 8, generator: Draws), null, true, 8), new Picture(color, rand(1, 1, 8, 9, generator: Draws), false, 8), new Picture(color, rand(8, 8, generator: Draws), false, 8),
            new Picture(color, ones(1, 1, 8, 8, ScalarType.Byte), false, 8), new Picture(color, Full([1, 1, 8, 8], float.NaN), false, 8),
            new Picture(color, null, false, 12),
        })
        {
            Assert.Throws<ArgumentException>(() => ImageFile.Write(_folder.File("a.png"), picture));
        }

        Assert.Empty(_folder.Content());
    }

    [Fact]
    public void A_file_that_is_no_image_is_refused_by_name() =>
        Assert.StartsWith(
            $"cannot read '{_folder.File("text.png")}': ",
            Assert.Throws<InputException>(() => ImageFile.ReadPicture(_folder.File("text.png", "no image"u8))).Message);

    [Fact]
    public void Nothing_stays_alive_after_a_round_trip()
    {
        var picture = Make(isGrey: true, hasAlpha: true, 8);
        void RoundTrip()
        {
            foreach (var name in new[] { "a.png", "a.jpg", "a.tif", "a.webp" })
            {
                ImageFile.Write(_folder.File(name), picture);
                ImageFile.ReadPicture(_folder.File(name)).Dispose();
            }
        }

        RoundTrip();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 5; i++)
            RoundTrip();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    private static Picture Make(bool isGrey, bool hasAlpha, int bitDepth, int height = 13, int width = 17)
    {
        var levels = (1 << bitDepth) - 1;
        Tensor Random(int channels) => randint(0, levels + 1, [1, channels, height, width], generator: Draws).to(ScalarType.Float32).Div(levels);
        return new Picture(isGrey ? Random(1).expand(1, 3, height, width) : Random(3), hasAlpha ? Random(1) : null, isGrey, bitDepth);
    }
}
