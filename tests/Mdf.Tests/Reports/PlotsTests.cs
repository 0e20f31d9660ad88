using Mdf.Reports;
using SkiaSharp;

namespace Mdf.Tests.Reports;

public sealed class PlotsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private static readonly double[] s_steps = [.. Enumerable.Range(0, 200).Select(i => i * 50.0)];

    private static CurvePlot Losses(bool isLog, int count = 3) => new(
        "Training losses, scale 3 of 8", "iteration", "loss",
        [.. Enumerable.Range(0, count).Select(n => new CurveSeries($"series {n}", s_steps,
            [.. s_steps.Select(x => 0.002 * (n + 1) + (0.6 + 0.3 * n) * Math.Exp(-x / (900 + 600 * n)) + 1e-4 * Math.Sin(x))]))],
        isLog);

    private static BarPlot Scores(bool isLog = false) => new(
        "PSNR of the restored images", "PSNR (dB)", ["Set5", "Set14", "BSD100", "Urban100"],
        [
            new("L1", [32.1, 28.5, 27.5, 26.0]),
            new("MDF (SISR)", [31.7, 28.2, 27.2, double.NaN]),
            new("VGG", [30.9, 27.4, 26.6, 25.1]),
        ],
        isLog, "F1");

    private static SKBitmap Decode(byte[] png) => SKBitmap.Decode(png);

    /// <summary>Pixels of one of the palette's colours: what the plot shows, without its text and axes.</summary>
    private static int CountOf(byte[] png, uint rgb)
    {
        using var bitmap = Decode(png);
        return bitmap.Pixels.Count(p => ((uint)p & 0xffffff) == rgb);
    }

    private const uint Blue = 0x0072B2;
    private const uint Vermilion = 0xD55E00;

    [Fact]
    public void A_plot_is_a_png_of_the_stated_size_with_every_series_in_its_own_colour()
    {
        foreach (var png in new[] { Plots.Render(Losses(isLog: false)), Plots.Render(Losses(isLog: true)), Plots.Render(Scores()) })
        {
            using var bitmap = Decode(png);
            Assert.Equal((Plots.Width, Plots.Height), (bitmap.Width, bitmap.Height));
            Assert.True(CountOf(png, Blue) > 200);
            Assert.True(CountOf(png, Vermilion) > 200);
        }
    }

    [Fact]
    public void The_same_plot_is_the_same_bytes() => Assert.Equal(Plots.Render(Scores()), Plots.Render(Scores()));

    [Fact]
    public void A_logarithmic_axis_changes_the_picture() =>
        Assert.NotEqual(Plots.Render(Losses(isLog: true)), Plots.Render(Losses(isLog: false)));

    [Theory]
    [InlineData("title")]
    [InlineData("y label")]
    [InlineData("group")]
    [InlineData("legend")]
    [InlineData("value")]
    public void Every_label_is_drawn(string which)
    {
        var plot = Scores();
        var changed = which switch
        {
            "title" => plot with { Title = plot.Title.Replace('o', 'x') },
            "y label" => plot with { YLabel = "RMSE (dB)" },
            "group" => plot with { Groups = ["Set6", .. plot.Groups.Skip(1)] },
            "legend" => plot with { Series = [plot.Series[0] with { Name = "L2" }, .. plot.Series.Skip(1)] },
            _ => plot with { Series = [plot.Series[0] with { Values = [32.1001, .. plot.Series[0].Values.Skip(1)] }, .. plot.Series.Skip(1)], ValueFormat = "F3" },
        };
        Assert.NotEqual(Plots.Render(plot), Plots.Render(changed));
    }

    [Fact]
    public void A_bar_without_a_value_leaves_its_place_empty()
    {
        var whole = Plots.Render(new BarPlot("", "", ["a", "b"], [new("s", [1, 1])]));
        var half = Plots.Render(new BarPlot("", "", ["a", "b"], [new("s", [1, double.NaN])]));
        Assert.InRange(CountOf(half, Blue), CountOf(whole, Blue) * 0.45, CountOf(whole, Blue) * 0.55);
    }

    [Fact]
    public void A_gap_in_a_line_stays_a_gap()
    {
        double[] x = [.. Enumerable.Range(0, 100)];
        var whole = Plots.Render(new CurvePlot("", "", "", [new("s", x, [.. x.Select(_ => 1.0)])]));
        var gap = Plots.Render(new CurvePlot("", "", "", [new("s", x, [.. x.Select(v => v is > 25 and < 75 ? double.NaN : 1.0)])]));
        Assert.InRange(CountOf(gap, Blue), CountOf(whole, Blue) * 0.4, CountOf(whole, Blue) * 0.6);
    }

    public static TheoryData<double[]> Awkward { get; } = new(
        [],
        [double.NaN],
        [5.0],
        [0.0, 0.0],
        [-1.0, double.PositiveInfinity, 2.0],
        [1e-30, 1e30],
        [1.0, 1.0000001],
        [double.MaxValue, double.MinValue],
        [double.Epsilon, 1.0]);

    [Theory]
    [MemberData(nameof(Awkward))]
    public void Awkward_values_are_drawn_or_left_out_but_never_fail(double[] values)
    {
        double[] x = [.. Enumerable.Range(0, values.Length)];
        string[] groups = [.. x.Select(i => $"{i}")];
        foreach (var isLog in new[] { false, true })
        {
            Assert.NotEmpty(Plots.Render(new CurvePlot("t", "x", "y", [new("s", x, values)], isLog)));
            Assert.NotEmpty(Plots.Render(new BarPlot("t", "y", groups, [new("s", values)], isLog, "G3")));
        }
    }

    [Fact]
    public void Values_that_do_not_match_their_places_are_refused()
    {
        Assert.Throws<ArgumentException>(() => Plots.Render(new CurvePlot("", "", "", [new("s", [1, 2], [1])])));
        Assert.Throws<ArgumentException>(() => Plots.Render(new BarPlot("", "", ["a"], [new("s", [1, 2])])));
    }

    [Fact]
    public void A_heat_map_colours_what_is_above_the_middle_and_what_is_below()
    {
        var png = Plots.Render(new HeatMap("t", ["a", "b"], ["x", "y", "z"], [[4, 1, 0.25], [1, 1, 1]], [(0, 0)]));
        const uint orange = 0xD55E00;
        Assert.InRange(CountOf(png, orange), 20_000, 400_000);
        Assert.InRange(CountOf(png, Blue), 0.9 * CountOf(png, orange), 1.1 * CountOf(png, orange));
        Assert.Equal((Plots.Width, Plots.Height), (Decode(png).Width, Decode(png).Height));
        Assert.NotEmpty(Plots.Render(new HeatMap("", [], [], [], [])));
        Assert.NotEmpty(Plots.Render(new HeatMap("", ["a"], ["x", "y"], [[double.NaN, 0]], [])));
        Assert.Throws<ArgumentException>(() => Plots.Render(new HeatMap("", ["a"], ["x", "y"], [[1]], [])));
    }

    [Fact]
    public void A_plot_is_saved_as_a_png_file()
    {
        var path = _folder.File(Path.Combine("plots", "loss.png"));
        Plots.Save(path, Losses(isLog: true));
        Assert.Equal(Plots.Render(Losses(isLog: true)), File.ReadAllBytes(path));
    }
}
