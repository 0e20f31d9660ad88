using Mdf.Evaluation;
using Mdf.Reports;
using Mdf.Runtime;
using SkiaSharp;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Reports;

public sealed class DistortionFigureTests : IDisposable
{
    private static readonly SKColor s_blue = new(0x00, 0x72, 0xB2);
    private static readonly SKColor s_vermilion = new(0xD5, 0x5E, 0x00);

    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose() => _scope.Dispose();

    /// <summary>A picture of one magenta, which no letter, line or bar has.</summary>
    private static Tensor Magenta(double value, int width = 256) =>
        Full([1, 3, 170, width], value) * tensor(new float[] { 1, 0, 1 }).view(1, 3, 1, 1);

    private static IReadOnlyList<DistortedImage> Distorted(int width = 256) =>
        [.. Enumerable.Range(1, 4).Select(i => new DistortedImage($"distortion {i}", Magenta(i / 5.0, width)))];

    private static SKBitmap Draw(params IReadOnlyList<BarSeries> losses) =>
        SKBitmap.Decode(DistortionFigure.Render("title", Magenta(1 / 255.0), Distorted(), losses));

    /// <summary>The box of the pixels of a colour, of the columns from <paramref name="fromX"/> to before <paramref name="toX"/>.</summary>
    private static (int Left, int Top, int Right, int Bottom) BoxOf(SKBitmap bitmap, SKColor color, int fromX, int toX)
    {
        var found = (from x in Enumerable.Range(fromX, toX - fromX)
                     from y in Enumerable.Range(0, bitmap.Height)
                     where bitmap.GetPixel(x, y) == color
                     select (X: x, Y: y)).ToList();
        return (found.Min(p => p.X), found.Min(p => p.Y), found.Max(p => p.X) + 1, found.Max(p => p.Y) + 1);
    }

    private static SKColor MagentaOf(int level) => new((byte)level, 0, (byte)level);

    [Fact]
    public void Pictures_of_a_columns_width_are_shown_pixel_for_pixel_each_above_its_own_bars()
    {
        using var bitmap = Draw(new BarSeries("a", [1, 2, 3, 4]), new BarSeries("b", [4, 3, 2, 1]));
        Assert.Equal(DistortionFigure.Width, bitmap.Width);
        for (var i = 0; i < 4; i++)
        {
            var left = 32 + 280 * (i + 1);
            var picture = BoxOf(bitmap, MagentaOf((i + 1) * 51), left, left + 256);
            Assert.Equal((256, 170), (picture.Right - picture.Left, picture.Bottom - picture.Top));
            Assert.Equal(picture.Left, BoxOf(bitmap, s_blue, left - 12, left + 268).Left);
            Assert.Equal(picture.Right, BoxOf(bitmap, s_vermilion, left - 12, left + 268).Right);
            Assert.True(BoxOf(bitmap, s_blue, left, left + 256).Top > picture.Bottom);
        }
    }

    [Fact]
    public void Pixels_keep_their_colours_and_places()
    {
        var picture = rand(1, 3, 170, 256, generator: new Generator(1)).Mul(255).round().Div(255);
        using var bitmap = SKBitmap.Decode(
            DistortionFigure.Render("", picture, Distorted(), [new BarSeries("a", [1, 1, 1, 1])]));
        foreach (var (x, y) in new[] { (0, 0), (255, 0), (0, 169), (255, 169), (100, 50) })
        {
            var expected = picture[0, TensorIndex.Ellipsis, y, x].Mul(255).round().to(uint8).data<byte>().ToArray();
            Assert.Equal(new SKColor(expected[0], expected[1], expected[2]), bitmap.GetPixel(32 + x, 96 + y));
        }
    }

    [Fact]
    public void Bars_are_as_high_as_the_loss_is_relative_to_its_mean()
    {
        using var bitmap = Draw(new BarSeries("a", [10, 20, 30, 40]));
        int[] heights = [.. Enumerable.Range(1, 4).Select(i => BoxOf(bitmap, s_blue, 32 + 280 * i, 288 + 280 * i)).Select(box => box.Bottom - box.Top)];
        for (var i = 0; i < 4; i++)
            Assert.InRange(heights[i], heights[3] * (i + 1) / 4.0 - 2, heights[3] * (i + 1) / 4.0 + 2);
        using var same = Draw(new BarSeries("a", [1, 2, 3, 4]));
        Assert.Equal(bitmap.Bytes, same.Bytes);
    }

    [Fact]
    public void A_value_that_is_not_finite_has_no_bar()
    {
        using var bitmap = Draw(new BarSeries("a", [1, double.NaN, 1, double.PositiveInfinity]));
        bool HasBar(int i) => Enumerable.Range(32 + 280 * i, 256).Any(x => bitmap.GetPixel(x, bitmap.Height - 60) == s_blue);
        Assert.Equal([true, false, true, false], Enumerable.Range(1, 4).Select(HasBar));
    }

    [Theory]
    [InlineData(new double[] { 0, 0, 0, 0 })]
    [InlineData(new double[] { double.NaN, double.NaN, double.NaN, double.NaN })]
    [InlineData(new double[] { 0, 0, 0, 1e300 })]
    public void Awkward_values_are_drawn_or_left_out_but_never_fail(double[] values)
    {
        using var bitmap = Draw(new BarSeries("a", values));
        Assert.Equal(DistortionFigure.Width, bitmap.Width);
    }

    [Fact]
    public void Pictures_of_any_size_fill_their_columns()
    {
        using var bitmap = SKBitmap.Decode(
            DistortionFigure.Render("", Magenta(1 / 255.0, 100), Distorted(100), [new BarSeries("a", [1, 1, 1, 1])]));
        var picture = BoxOf(bitmap, MagentaOf(102), 32 + 280 * 2, 288 + 280 * 2);
        Assert.Equal((256, 435), (picture.Right - picture.Left, picture.Bottom - picture.Top)); // 170 × 256/100
    }

    [Fact]
    public void The_same_figure_is_the_same_bytes_and_every_text_is_drawn()
    {
        byte[] Render(string title, string loss, string name) => DistortionFigure.Render(
            title, Magenta(0), [new DistortedImage(name, Magenta(0.5))], [new BarSeries(loss, [1])]);
        var figure = Render("t", "l", "n");
        Assert.Equal(figure, Render("t", "l", "n"));
        Assert.NotEqual(figure, Render("T", "l", "n"));
        Assert.NotEqual(figure, Render("t", "L", "n"));
        Assert.NotEqual(figure, Render("t", "l", "N"));
    }

    [Fact]
    public void What_cannot_be_drawn_is_refused()
    {
        Assert.Throws<ArgumentException>(() => DistortionFigure.Render("", Magenta(0), [], [new BarSeries("a", [])]));
        Assert.Throws<ArgumentException>(() => DistortionFigure.Render("", Magenta(0), Distorted(), []));
        Assert.Throws<ArgumentException>(() => DistortionFigure.Render("", Magenta(0), Distorted(), [new BarSeries("a", [1])]));
        Assert.Throws<ArgumentException>(() => DistortionFigure.Render("", Magenta(0), Distorted(), [new BarSeries("a", [1, 1, 1, -1])]));
    }
}
