using CsCheck;
using Mdf.Evaluation;

namespace Mdf.Tests.Evaluation;

public sealed class TileGridTests
{
    [Fact]
    public void Spans_cover_a_picture_once_and_their_windows_fit_the_stride_and_the_margin()
    {
        Gen.Select(Gen.Int[1, 5000], Gen.Int[1, 5000], Gen.Int[1, 4], Gen.Int[0, 100], Gen.Int[0, 4].Select(power => 1 << power), Gen.Int[1, 600]).Sample(
            (height, width, factor, margin, stride, side) =>
            {
                foreach (var grid in new[] { TileGrid.Square(height, width, margin, stride, side), TileGrid.Cheapest(height, width, factor, margin, stride) })
                {
                    AssertSpans(grid.Rows, height, margin, stride);
                    AssertSpans(grid.Columns, width, margin, stride);
                }
            });
    }

    [Fact]
    public void Chosen_windows_stay_within_the_limit_unless_the_margin_is_nearly_all_of_them()
    {
        Gen.Select(Gen.Int[1, 5000], Gen.Int[1, 5000], Gen.Int[1, 4], Gen.Int[0, 100], Gen.Int[0, 4].Select(power => 1 << power)).Sample(
            (height, width, factor, margin, stride) =>
            {
                var grid = TileGrid.Cheapest(height, width, factor, margin, stride);
                var largest = grid.Rows.Max(span => span.WindowLength) * grid.Columns.Max(span => span.WindowLength) * factor * factor;
                var least = 3 * (margin + stride) + stride;
                Assert.InRange(largest, 1, Math.Max(TileGrid.WindowPixels, (long)least * least * factor * factor));
            });
    }

    [Fact]
    public void What_fits_is_one_tile()
    {
        Assert.Equal(1, TileGrid.Cheapest(768, 768, 1, margin: 20, stride: 1).Count);
        Assert.Equal(1, TileGrid.Cheapest(100, 5898, 1, margin: 20, stride: 8).Count);
        Assert.Equal(2, TileGrid.Cheapest(768, 769, 1, margin: 20, stride: 1).Count);
        Assert.Equal(1, TileGrid.Cheapest(192, 192, 4, margin: 36, stride: 1).Count);
    }

    [Fact]
    public void No_square_tiles_of_that_size_compute_less()
    {
        // EDSR ×4 to 3840×2160: 16 blocks reach some 36 pixels.
        var (chosen, square) = (TileGrid.Cheapest(540, 960, 4, 36, 1), TileGrid.Square(540, 960, 36, 1, 192 - 2 * 36));
        Assert.InRange(Computed(chosen), 1, Computed(square));
    }

    private static long Computed(TileGrid grid) => grid.Rows.Sum(span => span.WindowLength) * grid.Columns.Sum(span => span.WindowLength);

    private static void AssertSpans(IReadOnlyList<TileSpan> spans, int length, int margin, int stride)
    {
        Assert.Equal(0, spans[0].Start);
        Assert.Equal(length, spans[^1].End);
        for (var i = 0; i < spans.Count; i++)
        {
            var span = spans[i];
            Assert.True(span.Length > 0);
            Assert.True(i == 0 || span.Start == spans[i - 1].End);
            Assert.True(span.Start % stride == 0 && span.WindowStart % stride == 0);
            Assert.True(span.WindowEnd % stride == 0 || span.WindowEnd == length);
            Assert.True(span.WindowStart >= 0 && span.WindowStart <= Math.Max(0, span.Start - margin));
            Assert.True(span.WindowEnd <= length && span.WindowEnd >= Math.Min(length, span.End + margin));
        }
    }
}
