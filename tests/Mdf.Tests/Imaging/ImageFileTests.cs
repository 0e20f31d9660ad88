using System.Text;
using Mdf.Imaging;
using Mdf.Runtime;
using NetVips;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Imaging;

public sealed class ImageFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData("image.png", 8)]
    [InlineData("image.PNG", 8)]
    [InlineData("image.tif", 8)]
    [InlineData("image.tiff", 8)]
    [InlineData("image.webp", 8)]
    [InlineData("image.png", 16)]
    [InlineData("image.tiff", 16)]
    public void Lossless_formats_return_every_bit(string name, int bitDepth)
    {
        var levels = (1 << bitDepth) - 1;
        var image = randint(0, levels + 1, [1, 3, 37, 53], generator: Draws).to(ScalarType.Float32).Div(levels);
        ImageFile.Write(_folder.File(name), image, new ImageWriteOptions { BitDepth = bitDepth });
        var read = ImageFile.Read(_folder.File(name));
        Assert.Equal(ScalarType.Float32, read.dtype);
        Assert.True(image.Equals(read));
    }

    [Fact]
    public void Every_level_of_16_bits_survives()
    {
        var image = Arange(65536, ScalarType.Float32).Div(65535).reshape(1, 1, 256, 256).expand(1, 3, 256, 256);
        ImageFile.Write(_folder.File("levels.png"), image, new ImageWriteOptions { BitDepth = 16 });
        Assert.True(image.Equals(ImageFile.Read(_folder.File("levels.png"))));
    }

    [Fact]
    public void Values_are_clamped_and_rounded_half_up()
    {
        // 0.5 · 255 = 127.5 is a tie in binary too.
        var values = new[] { -0.3, 0, 0.4 / 255, 0.6 / 255, 127.4 / 255, 0.5, 127.6 / 255, 254.6 / 255, 1, 7 };
        var image = tensor(values).reshape(1, 1, values.Length).expand(3, 1, values.Length);
        ImageFile.Write(_folder.File("a.png"), image);
        var levels = ImageFile.Read(_folder.File("a.png")).Mul(255).round()[0, 0, 0].data<float>().ToArray();
        Assert.Equal([0, 0, 0, 1, 127, 128, 128, 255, 255, 255], levels);
    }

    [Fact]
    public void Memory_layout_and_gradients_do_not_matter()
    {
        var image = rand(1, 3, 8, 9, generator: Draws);
        ImageFile.Write(_folder.File("a.png"), image);
        ImageFile.Write(_folder.File("b.png"), image.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2));
        ImageFile.Write(_folder.File("c.png"), image.detach().requires_grad_());
        Assert.Equal(File.ReadAllBytes(_folder.File("a.png")), File.ReadAllBytes(_folder.File("b.png")));
        Assert.Equal(File.ReadAllBytes(_folder.File("a.png")), File.ReadAllBytes(_folder.File("c.png")));
    }

    [Theory]
    [InlineData("image.png")]
    [InlineData("image.jpg")]
    [InlineData("image.tiff")]
    [InlineData("image.webp")]
    public void Written_bytes_hold_no_metadata(string name)
    {
        var image = rand(1, 3, 20, 30, generator: Draws);
        ImageFile.Write(_folder.File(name), image);
        ImageFile.Write(_folder.File("again" + name), image);
        var bytes = File.ReadAllBytes(_folder.File(name));
        Assert.Equal(bytes, File.ReadAllBytes(_folder.File("again" + name)));
        var text = Encoding.Latin1.GetString(bytes);
        foreach (var mark in new[] { "tIME", "tEXt", "eXIf", "Exif", "iCCP", "http:", "vips", DateTime.UtcNow.Year + ":" })
            Assert.DoesNotContain(mark, text, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Quality_decides_the_loss_of_jpeg_and_webp()
    {
        var image = Resampler.Bicubic(rand(1, 3, 8, 8, generator: Draws), 64, 64).Clamp(0, 1);
        foreach (var extension in new[] { "jpg", "webp" })
        {
            double Error(ImageWriteOptions options)
            {
                var path = _folder.File("a." + extension);
                ImageFile.Write(path, image, options);
                return (ImageFile.Read(path) - image).Square().mean().item<float>();
            }

            var (low, high) = (Error(new() { Quality = 10 }), Error(new() { Quality = 98 }));
            Assert.InRange(high, 1e-9, low / 4);
        }
    }

    [Fact]
    public void Subsampling_blurs_the_colours_of_a_jpeg()
    {
        var image = zeros(1, 3, 16, 16);
        image[0, 0, TensorIndex.Ellipsis, TensorIndex.Slice(null, null, 2)] = 1; // red and black columns
        double Error(ChromaSubsampling subsampling)
        {
            ImageFile.Write(_folder.File("a.jpg"), image, new ImageWriteOptions { Quality = 100, Subsampling = subsampling });
            return (ImageFile.Read(_folder.File("a.jpg")) - image).abs().mean().item<float>();
        }

        Assert.InRange(Error(ChromaSubsampling.Full), 0, 0.02);
        Assert.InRange(Error(ChromaSubsampling.Half), 0.1, 1);
    }

    [Fact]
    public void Content_decides_and_not_the_name()
    {
        ImageFile.Write(_folder.File("a.jpg"), rand(1, 3, 8, 8, generator: Draws));
        File.Move(_folder.File("a.jpg"), _folder.File("a.png"));
        Assert.Equal([1, 3, 8, 8], ImageFile.Read(_folder.File("a.png")).shape);
    }

    [Fact]
    public void A_pipe_and_a_device_are_refused_without_being_opened()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "makes a Unix pipe");
        var pipe = _folder.File("pipe.png");
        using (var made = System.Diagnostics.Process.Start("mkfifo", [pipe]))
            made.WaitForExit();
        var link = _folder.File("link.png");
        File.CreateSymbolicLink(link, pipe);
        foreach (var path in new[] { pipe, link, "/dev/zero" })
            Assert.Contains("a pipe or a device", Refusal(path));
    }

    [Fact]
    public void What_is_not_an_image_is_refused_in_one_line()
    {
        Assert.Contains("no such file", Refusal(_folder.File("missing.png")));
        Assert.Contains("found a folder", Refusal(Path.GetDirectoryName(_folder.File("x"))!));
        Assert.Contains("found nothing in it", Refusal(_folder.File("empty.png", [])));
        Assert.Contains("found text ('Dear reader,')", Refusal(_folder.File("text.png", "Dear reader, this is no image"u8)));
        // Formats that libvips would open by itself.
        Assert.Contains("expected PNG", Refusal(_folder.File("a.svg", "<svg width='9' height='9'/>"u8)));
        Assert.Contains("expected PNG", Refusal(_folder.File("a.gif", "GIF89a\u0001\0\u0001\0\0\0\0"u8)));
        Assert.Contains("expected PNG", Refusal(_folder.File("a.csv", "1,2,3\n4,5,6\n"u8)));
        Assert.Contains("expected PNG", Refusal(_folder.File("a.pdf", "%PDF-1.7 %%EOF\n"u8)));
    }

    [Theory]
    [InlineData("png")]
    [InlineData("jpg")]
    [InlineData("tiff")]
    [InlineData("webp")]
    public void A_truncated_file_is_refused(string extension)
    {
        ImageFile.Write(_folder.File("a." + extension), rand(1, 3, 64, 64, generator: Draws));
        var bytes = File.ReadAllBytes(_folder.File("a." + extension));
        foreach (var part in new[] { 0.1, 0.5, 0.9, 0.99 })
            Refusal(_folder.File("b." + extension, bytes.AsSpan(0, (int)(bytes.Length * part))));
    }

    [Fact]
    public void Too_many_pixels_are_refused_before_any_is_decoded()
    {
        // One colour compresses to almost nothing, and 2³¹ pixels would need 24 GiB.
        using var black = NetVips.Image.Black(46341, 46341);
        var error = Refusal(_folder.File("bomb.png", black.PngsaveBuffer(bitdepth: 1)));
        Assert.Contains("found 46341×46341", error);
    }

    [Fact]
    public void Kinds_of_pixels_that_have_no_range_are_refused()
    {
        using var black = NetVips.Image.Black(8, 8, bands: 3);
        using var real = black.Cast(Enums.BandFormat.Float);
        Assert.Contains("found float", Refusal(_folder.File("a.tiff", real.TiffsaveBuffer())));
    }

    [Theory]
    [InlineData("image.bmp")]
    [InlineData("image.gif")]
    [InlineData("image")]
    public void An_unknown_extension_lists_the_known_ones(string name)
    {
        var error = Assert.Throws<InputException>(() => ImageFile.Write(_folder.File(name), rand(1, 3, 8, 8, generator: Draws)));
        Assert.Contains("expected one of .png, .jpg, .jpeg, .tif, .tiff, .webp", error.Message);
        Assert.False(File.Exists(_folder.File(name)));
    }

    [Fact]
    public void Options_that_do_not_fit_are_refused()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new ImageWriteOptions { Quality = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ImageWriteOptions { Quality = 101 });
        Assert.Throws<ArgumentOutOfRangeException>(() => new ImageWriteOptions { BitDepth = 12 });
        var image = rand(1, 3, 8, 8, generator: Draws);
        Assert.Throws<InputException>(() => ImageFile.Write(_folder.File("a.jpg"), image, new() { BitDepth = 16 }));
        Assert.Throws<InputException>(() => ImageFile.Write(_folder.File("a.webp"), image, new() { BitDepth = 16 }));
        Assert.Throws<InputException>(() => ImageFile.Write(_folder.File("a.png"), image, new() { Quality = 90 }));
        Assert.Throws<InputException>(() => ImageFile.Write(_folder.File("a.webp"), image, new() { Subsampling = ChromaSubsampling.Full }));
        // The format's own limit, 16,383 pixels a side.
        Assert.Throws<InputException>(() => ImageFile.Write(_folder.File("a.webp"), rand(1, 3, 1, 16384, generator: Draws)));
    }

    [Fact]
    public void Tensors_that_are_not_one_rgb_image_are_refused()
    {
        foreach (var image in new[] { rand(2, 3, 8, 8, generator: Draws), rand(1, 1, 8, 8, generator: Draws), rand(8, 8, generator: Draws), ones(1, 3, 8, 8, ScalarType.Int32), Full([1, 3, 8, 8], float.NaN) })
            Assert.Throws<ArgumentException>(() => ImageFile.Write(_folder.File("a.png"), image));
    }

    [Fact]
    public void Nothing_stays_alive_after_a_round_trip()
    {
        var image = rand(1, 3, 64, 64, generator: Draws);
        void RoundTrip()
        {
            foreach (var name in new[] { "a.png", "a.jpg", "a.tiff", "a.webp" })
            {
                ImageFile.Write(_folder.File(name), image);
                ImageFile.Read(_folder.File(name)).Dispose();
            }
        }

        RoundTrip();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        for (var i = 0; i < 5; i++)
            RoundTrip();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    private static string Refusal(string path)
    {
        var message = Assert.Throws<InputException>(() => ImageFile.Read(path)).Message;
        Assert.StartsWith($"cannot read '{path}': ", message);
        Assert.DoesNotContain('\n', message);
        return message;
    }
}
