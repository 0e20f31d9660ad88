using System.Globalization;
using System.Text.RegularExpressions;
using Mdf.Evaluation;
using Mdf.Reports;
using SkiaSharp;

namespace Mdf.Tests.Reports;

public sealed class SearchPlotsTests
{
    private static readonly double[] s_weights = [1e-3, 1e-2, 0.1];
    private static readonly string s_long = new('名', 80);

    [Fact]
    public void A_measure_is_drawn_against_an_axis_with_its_errors_levels_and_the_chosen_point()
    {
        var plain = new MeasurePlot("title", "w", "PSNR", LogX: true, [new("A", s_weights, [28, 29, 28.5])], []);
        var picture = Plots.Render(plain);
        AssertIsPlot(picture);
        Assert.Equal(picture, Plots.Render(plain)); // the same bytes
        Assert.True(Ink(picture) < Ink(Plots.Render(plain with { Marked = (1e-2, 29) })));
        Assert.NotEqual(picture, Plots.Render(plain with { Levels = [new("B", 28.2, 0.1)] }));
        Assert.NotEqual(picture, Plots.Render(plain with { Curves = [new("A", s_weights, [28, 29, 28.5], [0.1, 0.2, 0.1])] }));
        Assert.NotEqual(picture, Plots.Render(plain with { LogX = false }));
    }

    [Theory]
    [InlineData(10, 2, true)]
    [InlineData(40, 2, false)]
    [InlineData(40, 12, true)] // below the data they would leave no room
    public void A_legend_is_beside_the_data_unless_long_names_would_leave_them_too_little_room(int length, int count, bool isBeside)
    {
        var plot = new MeasurePlot(new string('t', 80), "w", "PSNR", LogX: true, [.. Enumerable.Range(0, count).Select(i => new MeasureCurve(new string((char)('a' + i), length), s_weights, [28, 29, 28.5]))], []);
        var svg = Plots.Svg(plot);
        var name = Regex.Match(svg, $"matrix\\(\\S+ \\S+ \\S+ \\S+ \\S+ (?<y>[0-9.]+)\\)\"[^>]*>\\s*{new string('a', length)}");
        Assert.True(name.Success);
        Assert.Equal(isBeside, double.Parse(name.Groups["y"].Value, CultureInfo.InvariantCulture) < Plots.Height / 2);
        Assert.Contains('…', svg);
    }

    [Fact]
    public void An_svg_has_dashes_and_the_same_bytes_each_time()
    {
        var plot = new MeasurePlot("title", "w", "PSNR", LogX: true, [new("A", s_weights, [28, 29, 28.5])], [new MeasureLevel("B", 28.2)]);
        var svg = Plots.Svg(plot);
        Assert.Equal(svg, Plots.Svg(plot));
        Assert.Contains("stroke-dasharray=\"", svg, StringComparison.Ordinal);
        Assert.DoesNotContain("stroke-dasharray=\"", Plots.Svg(plot with { Levels = [] }), StringComparison.Ordinal);
        Assert.All(Regex.Matches(svg, "#(?<id>[^)\"]+)\\)").Select(found => found.Groups["id"].Value), id => Assert.Contains($"id=\"{id}\"", svg, StringComparison.Ordinal));
    }

    [Fact]
    public void A_plane_has_a_corner_that_is_better()
    {
        var (psnr, flip) = (Measures.Find(Measures.PsnrY), Measures.Find(Measures.Flip));
        var plane = new PlanePlot("title", psnr, flip, [new("A", [(28, 0.2, "0.1"), (28.5, 0.15, "1"), (28.6, 0.17, "10")]), new("B", [(28.2, 0.16, "")])], (28.5, 0.15));
        AssertIsPlot(Plots.Render(plane));
        Assert.Equal(Plots.Render(plane), Plots.Render(plane));
        Assert.NotEqual(Plots.Render(plane), Plots.Render(plane with { X = flip, Y = psnr }));
    }

    [Fact]
    public void Parallel_coordinates_have_axes_of_names_and_of_numbers_and_gaps()
    {
        var plot = new ParallelPlot("title", [new("loss", ["A", "B"]), new("w", IsLog: true), new("PSNR ↑")], [[0, null, 28], [1, 0.1, 28.5], [1, 1, 29]], Marked: 2);
        AssertIsPlot(Plots.Render(plot));
        Assert.NotEqual(Plots.Render(plot), Plots.Render(plot with { Marked = null }));
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(double.NegativeInfinity)]
    [InlineData(1e200)]
    [InlineData(0)]
    public void Odd_values_and_names_are_drawn_without_an_error(double odd)
    {
        var psnr = Measures.Find(Measures.PsnrY);
        foreach (var isLog in new[] { true, false })
        {
            AssertIsPlot(Plots.Render(new MeasurePlot(s_long, "<w>", "", isLog, [new(s_long, [odd, 1, 2], [1, odd, odd], [odd, odd, 0]), new("one", [1], [1]), new("none", [], [])], [new("", odd, odd), new("<b>", 1, odd)], (odd, odd))));
            AssertIsPlot(Plots.Render(new ParallelPlot("", [new(s_long, [s_long]), new("a", IsLog: isLog), new("b")], [[0, odd, odd], [0, 1, 1], [null, null, odd]], 0)));
        }

        AssertIsPlot(Plots.Render(new PlanePlot(s_long, psnr, psnr, [new(s_long, [(odd, 1, s_long), (1, odd, ""), (1, 1, s_long)]), new("none", [])], (odd, 1))));
    }

    [Fact]
    public void Nothing_and_much_are_drawn()
    {
        var psnr = Measures.Find(Measures.PsnrY);
        AssertIsPlot(Plots.Render(new MeasurePlot("", "", "", true, [], [])));
        AssertIsPlot(Plots.Render(new PlanePlot("", psnr, psnr, [])));
        AssertIsPlot(Plots.Render(new ParallelPlot("", [], [])));
        var many = Enumerable.Range(0, 30).ToArray();
        AssertIsPlot(Plots.Render(new MeasurePlot("many", "w", "PSNR", true, [.. many.Select(i => new MeasureCurve($"curve {i}", s_weights, [i, i + 1, i]))], [])));
        AssertIsPlot(Plots.Render(new PlanePlot("many", psnr, psnr, [.. many.Select(i => new PlaneCurve($"curve {i}", [(i, i, "a"), (i + 1, i, "b")]))])));
        AssertIsPlot(Plots.Render(new ParallelPlot("many", [new("a"), new("b")], [.. Enumerable.Range(0, 300).Select(i => (IReadOnlyList<double?>)[i, i % 7])], 299)));
    }

    private static void AssertIsPlot(byte[] png)
    {
        using var picture = SKBitmap.Decode(png);
        Assert.Equal((Plots.Width, Plots.Height), (picture.Width, picture.Height));
        foreach (var (x, y) in new[] { (0, 0), (Plots.Width - 1, 0), (0, Plots.Height - 1), (Plots.Width - 1, Plots.Height - 1) })
            Assert.Equal(SKColors.White, picture.GetPixel(x, y));
    }

    private static int Ink(byte[] png)
    {
        using var picture = SKBitmap.Decode(png);
        return picture.Pixels.Count(pixel => pixel != SKColors.White);
    }
}
