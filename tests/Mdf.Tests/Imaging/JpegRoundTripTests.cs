using Mdf.Imaging;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Imaging;

public sealed class JpegRoundTripTests : IDisposable
{
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(10)]
    [InlineData(40)]
    [InlineData(75)]
    [InlineData(95)]
    [InlineData(100)]
    public void It_leaves_the_pixels_that_a_file_would(int quality)
    {
        // Odd sides: blocks that are not full, and chroma samples of half a pixel.
        foreach (var (height, width) in new[] { (1, 1), (7, 9), (16, 16), (33, 64), (150, 101) })
        {
            foreach (var subsampling in Enum.GetValues<ChromaSubsampling>())
            {
                var smooth = Resampler.Bicubic(rand(1, 3, 4, 4, generator: Draws), height, width);
                var image = smooth.Add(randn(1, 3, height, width, generator: Draws).Mul(0.2));
                Assert.True(JpegRoundTrip.Apply(image, quality, subsampling).Equals(JpegCodec.Decode(JpegCodec.Encode(image, quality, subsampling))));
            }
        }
    }

    [Fact]
    public void Photographs_come_out_as_from_a_file()
    {
        foreach (var path in ImageFolder.List(Shared.Path("data", "LIVE1")))
        {
            using var scope = NewDisposeScope();
            var image = ImageFile.Read(path);
            Assert.True(JpegRoundTrip.Apply(image, 10, ChromaSubsampling.Half).Equals(JpegCodec.Decode(JpegCodec.Encode(image, 10))));
        }
    }

    [Fact]
    public void What_is_no_image_is_refused()
    {
        Assert.Throws<ArgumentException>(() => JpegRoundTrip.Apply(rand(2, 3, 8, 8, generator: Draws), 10, ChromaSubsampling.Half));
        Assert.Throws<ArgumentException>(() => JpegRoundTrip.Apply(Full([3, 8, 8], double.NaN), 10, ChromaSubsampling.Half));
        Assert.Throws<ArgumentException>(() => JpegRoundTrip.Apply(zeros(3, 1, 70_000), 10, ChromaSubsampling.Half));
    }
}
