using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Runtime;

public sealed class ImageStripsTests
{
    [Theory]
    [InlineData(1L, 1L, null)]
    [InlineData(1L, 1L, 1L)]
    [InlineData(37L, 20L, 1L)]
    [InlineData(37L, 20L, 16L)]
    [InlineData(20L, 37L, 37L)]
    [InlineData(20L, 37L, 1000L)]
    [InlineData(3000L, 4000L, null)]
    [InlineData(600L, 20000L, null)]
    public void Strips_cover_every_row_once(long height, long width, long? thickness)
    {
        long[] shape = [1, 3, height, width];
        var strips = ImageStrips.Divide(shape, thickness).ToList();
        var axis = height >= width ? 2 : 3;
        Assert.All(strips, strip => Assert.Equal(axis, strip.Axis));
        Assert.Equal(strips.Select((_, i) => i == 0 ? 0 : strips[i - 1].Start + strips[i - 1].Length), strips.Select(strip => strip.Start));
        Assert.Equal(shape[axis], strips[^1].Start + strips[^1].Length);
        Assert.Equal(strips.Select((_, i) => i == strips.Count - 1), strips.Select(strip => strip.IsLast));
    }

    [Fact]
    public void A_strip_of_a_larger_picture_is_not_larger()
    {
        foreach (var (height, width) in new[] { (3000L, 4000L), (600L, 20_000L), (10_000L, 10_000L), (1L, 1L << 27), (1L << 27, 1L), (200L, 1L << 50) })
        {
            var strip = ImageStrips.Divide([1, 3, height, width]).First();
            Assert.InRange(3 * Math.Min(height, width) * strip.Length, 1, ImageStrips.Samples);
        }
    }

    [Fact]
    public void A_strip_is_never_so_thin_that_windows_see_mostly_what_they_have_seen()
    {
        Assert.Equal(16, ImageStrips.Divide([8, 3, 11_000, 11_000]).First().Length);
    }

    [Fact]
    public void Strips_are_views_and_tensors_of_one_dimension_have_them_too()
    {
        using var scope = NewDisposeScope();
        var values = Arange(10, float32);
        var strips = ImageStrips.Divide(values.shape, 4).ToList();
        Assert.Equal([4L, 4L, 2L], strips.Select(strip => strip.Length));
        Assert.Equal([4f, 5f, 6f, 7f], strips[1].Cut(values).data<float>().ToArray());
        strips[2].Cut(values).zero_();
        Assert.Equal(28, values.sum().item<float>());
    }

    [Fact]
    public void Nothing_has_no_strips()
    {
        Assert.Empty(ImageStrips.Divide([1, 3, 0, 8]));
        Assert.Empty(ImageStrips.Divide([0, 3, 8, 8]));
    }

    [Fact]
    public void A_cancelled_division_ends_before_the_next_strip()
    {
        using var source = new CancellationTokenSource();
        var seen = 0;
        Assert.Throws<OperationCanceledException>(() =>
        {
            foreach (var _ in ImageStrips.Divide([1, 3, 64, 64], 16, source.Token))
            {
                if (++seen == 2)
                    source.Cancel();
            }
        });
        Assert.Equal(2, seen);
    }
}
