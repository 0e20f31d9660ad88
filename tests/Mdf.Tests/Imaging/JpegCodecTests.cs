using Mdf.Imaging;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Imaging;

public sealed class JpegCodecTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData("Classic5", 10, 27.82)]
    [InlineData("Classic5", 20, 30.12)]
    [InlineData("Classic5", 30, 31.48)]
    [InlineData("Classic5", 40, 32.43)]
    public void The_loss_is_that_of_the_benchmark(string set, int quality, double expected)
    {
        // The rows "JPEG" of the tables in Dong et al., "Compression Artifacts Reduction by a Deep Convolutional
        // Network" (ICCV 2015), and of those who followed. The pictures are grey, so chroma has no part in it.
        var files = Directory.GetFiles(Shared.Path("data", set), "*.bmp");
        var mean = files.Average(file =>
        {
            using var scope = NewDisposeScope();
            var image = ImageFile.Read(file);
            var restored = JpegCodec.Decode(JpegCodec.Encode(image, quality));
            return -10 * Math.Log10((restored - image).Square().mean().item<float>());
        });
        Assert.Equal(expected, mean, 0.006);
    }

    [Fact]
    public void Quantisation_tables_are_those_of_libjpeg()
    {
        // Quality 50 is the standard's own luminance table (ITU-T T.81, table K.1), in zigzag order; 25 doubles it.
        byte[] start = [16, 11, 12, 14, 12, 10, 16, 14];
        Assert.Equal(start, Table(JpegCodec.Encode(rand(1, 3, 8, 8, generator: Draws), 50)));
        Assert.Equal(start.Select(step => (byte)(2 * step)), Table(JpegCodec.Encode(rand(1, 3, 8, 8, generator: Draws), 25)));

        static byte[] Table(byte[] file)
        {
            var marker = file.AsSpan().IndexOf(new byte[] { 0xff, 0xdb });
            return file[(marker + 5)..(marker + 13)];
        }
    }

    [Theory]
    [InlineData(ChromaSubsampling.Half, 0x22)]
    [InlineData(ChromaSubsampling.Full, 0x11)]
    public void Subsampling_holds_at_every_quality(ChromaSubsampling subsampling, byte expected)
    {
        foreach (var quality in new[] { 1, 50, 90, 100 })
        {
            // Baseline frame header: marker, length, precision, height, width, three components; the first's factors.
            var file = JpegCodec.Encode(rand(1, 3, 8, 8, generator: Draws), quality, subsampling);
            var frame = file.AsSpan().IndexOf(new byte[] { 0xff, 0xc0 });
            Assert.Equal(3, file[frame + 9]);
            Assert.Equal(expected, file[frame + 11]);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(101)]
    [InlineData(-5)]
    public void A_quality_outside_1_to_100_is_refused(int quality) =>
        Assert.Contains("expected a JPEG quality of 1 to 100", Assert.Throws<ArgumentOutOfRangeException>(() => JpegCodec.Encode(rand(1, 3, 8, 8, generator: Draws), quality)).Message);

    [Fact]
    public void Only_whole_jpeg_files_are_decoded()
    {
        var file = JpegCodec.Encode(rand(1, 3, 32, 32, generator: Draws), 90);
        Assert.Equal([1, 3, 32, 32], JpegCodec.Decode(file).shape);
        Assert.Throws<InputException>(() => JpegCodec.Decode(file[..^200]));
        Assert.Throws<InputException>(() => JpegCodec.Decode([]));
        Assert.Throws<InputException>(() => JpegCodec.Decode([0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]));
    }
}
