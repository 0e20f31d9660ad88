using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Mdf.Runtime;
using ScottPlot;
using ScottPlot.TickGenerators;
using SkiaSharp;

namespace Mdf.Reports;

/// <summary>One named line of a <see cref="CurvePlot"/>.</summary>
/// <param name="Name">Its name in the legend.</param>
/// <param name="X">The x coordinates of the points, ascending.</param>
/// <param name="Y">The y coordinates of the points, one per x coordinate. NaN and infinity leave a gap; on a logarithmic axis, so do values of 0 or below.</param>
internal sealed record CurveSeries(string Name, IReadOnlyList<double> X, IReadOnlyList<double> Y);

/// <summary>A plot of lines over a common axis, such as losses over the steps of a training.</summary>
/// <param name="Title">The title of the plot.</param>
/// <param name="XLabel">The label of the x axis, with its unit.</param>
/// <param name="YLabel">The label of the y axis, with its unit.</param>
/// <param name="Series">The lines.</param>
/// <param name="LogY">Whether the y axis is logarithmic.</param>
internal sealed record CurvePlot(
    string Title, string XLabel, string YLabel, IReadOnlyList<CurveSeries> Series, bool LogY = false);

/// <summary>The bars of one colour of a <see cref="BarPlot"/>: one value per group.</summary>
/// <param name="Name">Its name in the legend.</param>
/// <param name="Values">One value per group. NaN and infinity have no bar; on a logarithmic axis, neither do values of 0 or below.</param>
internal sealed record BarSeries(string Name, IReadOnlyList<double> Values);

/// <summary>A plot of bars side by side in groups, such as the scores of several networks on several sets of images.</summary>
/// <param name="Title">The title of the plot.</param>
/// <param name="YLabel">The label of the y axis, with its unit.</param>
/// <param name="Groups">The groups' names, from left to right.</param>
/// <param name="Series">The bars of each group, from left to right.</param>
/// <param name="LogY">Whether the y axis is logarithmic.</param>
/// <param name="ValueFormat">The .NET format of the number above each bar, such as <c>F2</c>; null for no numbers.</param>
internal sealed record BarPlot(
    string Title,
    string YLabel,
    IReadOnlyList<string> Groups,
    IReadOnlyList<BarSeries> Series,
    bool LogY = false,
    string? ValueFormat = null);

/// <summary>A table of numbers, each on a colour that depends on its value: blue below the middle, white at the middle, orange above it.</summary>
/// <param name="Title">The title of the plot.</param>
/// <param name="Rows">The rows' names, from top to bottom.</param>
/// <param name="Columns">The columns' names, from left to right.</param>
/// <param name="Values">One value per column in every row; above 0.</param>
/// <param name="Marked">The cells with a frame, by row and column.</param>
/// <param name="Middle">The value in the middle of the logarithmic colour scale; above 0.</param>
/// <param name="ValueFormat">The .NET format of the number in each cell, such as <c>F2</c>.</param>
internal sealed record HeatMap(
    string Title,
    IReadOnlyList<string> Rows,
    IReadOnlyList<string> Columns,
    IReadOnlyList<IReadOnlyList<double>> Values,
    IReadOnlyList<(int Row, int Column)> Marked,
    double Middle = 1,
    string ValueFormat = "F2");

/// <summary>Draws plots as PNG images. All have the same size.</summary>
/// <remarks>The font of all labels is part of the library, so a plot looks the same on every machine, with or without system fonts.</remarks>
internal static partial class Plots
{
    /// <summary>The width of every plot, in pixels.</summary>
    public const int Width = 1440;

    /// <summary>The height of every plot, in pixels.</summary>
    public const int Height = 900;

    // Plots are drawn at half the size and twice the scale, so that lines and letters are crisp and thick enough in a document.
    private const int Scale = 2;

    // Longer names and titles would be wider than the plot.
    private const int LongestName = 40;
    private const int LongestNameBeside = 30;
    private const int MostNamesBelow = 8;
    private const int LongestTitle = 75;

    // The title is centred over the data, which have less than half of the width beside a legend of long names.
    private const int LongestTitleBeside = 40;

    private const int MostTicksAtPlaces = 6;

    // Digits and letters without descenders are too high; this offset centres them.
    private const int DigitOffset = 2;

    // The white margin around everything, in pixels: ScottPlot itself draws up to the edge.
    private const int Margin = 20;

    /// <summary>Writes a plot as a PNG file.</summary>
    /// <param name="path">The file. It is written atomically.</param>
    /// <param name="plot">The plot.</param>
    /// <exception cref="ArgumentException">A line does not have as many y coordinates as x coordinates.</exception>
    /// <exception cref="InputException">The file cannot be written.</exception>
    public static void Save(string path, CurvePlot plot) => AtomicFile.Write(path, Render(plot));

    /// <summary>Writes a plot as a PNG file.</summary>
    /// <param name="path">The file. It is written atomically.</param>
    /// <param name="plot">The plot.</param>
    /// <exception cref="ArgumentException">A series does not have one value per group.</exception>
    /// <exception cref="InputException">The file cannot be written.</exception>
    public static void Save(string path, BarPlot plot) => AtomicFile.Write(path, Render(plot));

    /// <summary>Draws a plot for a page.</summary>
    /// <param name="plot">The plot.</param>
    /// <returns>The text of an SVG file, <see cref="Width"/> × <see cref="Height"/> pixels.</returns>
    /// <exception cref="ArgumentException">A line does not have as many y coordinates as x coordinates.</exception>
    public static string Svg(CurvePlot plot) => Svg(Compose(plot));

    /// <inheritdoc cref="Svg(CurvePlot)"/>
    public static string Svg(MeasurePlot plot) => Svg(Compose(plot));

    /// <inheritdoc cref="Svg(CurvePlot)"/>
    public static string Svg(PlanePlot plot) => Svg(Compose(plot));

    /// <inheritdoc cref="Svg(CurvePlot)"/>
    public static string Svg(ParallelPlot plot) => Svg(Compose(plot));

    /// <summary>Draws a plot.</summary>
    /// <param name="plot">The plot.</param>
    /// <returns>The bytes of a PNG file, <see cref="Width"/> × <see cref="Height"/> pixels.</returns>
    /// <exception cref="ArgumentException">A line does not have as many y coordinates as x coordinates.</exception>
    public static byte[] Render(CurvePlot plot) => Png(Compose(plot));

    private static Plot Compose(CurvePlot plot)
    {
        if (plot.Series.FirstOrDefault(s => s.X.Count != s.Y.Count) is { } odd)
            throw new ArgumentException($"'{odd.Name}' has {odd.X.Count} places and {odd.Y.Count} values", nameof(plot));
        var canvas = new Plot();
        var all = new List<double>();
        for (var i = 0; i < plot.Series.Count; i++)
        {
            var series = plot.Series[i];
            var values = series.Y.Select(y => OnAxis(y, plot.LogY)).ToArray();
            all.AddRange(values);
            AddLine(canvas, series, values, i);
        }

        var (low, high) = Range(all, fromZero: false);
        SetTicks(canvas, low, high, plot.LogY);
        var places = plot.Series.SelectMany(s => s.X).Where(IsDrawable).DefaultIfEmpty(0).ToList();
        var margin = places.Max() > places.Min() ? 0.01 * (places.Max() - places.Min()) : 1;
        canvas.Axes.SetLimitsX(places.Min() - margin, places.Max() + margin);
        // A few places, such as the validations of a training, have a tick each.
        double[] distinct = [.. places.Distinct().Order()];
        var isRegular = distinct.Length <= MostTicksAtPlaces && distinct.All(double.IsInteger)
            && distinct.Zip(distinct.Skip(1), (one, next) => next - one).All(gap => gap * MostTicksAtPlaces >= distinct[^1] - distinct[0]);
        var ticks = isRegular ? distinct.Select(place => new Tick(place, Number(place, 0))) : LinearTicks(places.Min() - margin, places.Max() + margin);
        canvas.Axes.Bottom.TickGenerator = new NumericManual([.. ticks]);
        canvas.XLabel(plot.XLabel);
        return Finish(canvas, plot.Title, plot.YLabel, hasLegend: plot.Series.Count > 1);
    }

    /// <summary>Draws a plot.</summary>
    /// <param name="plot">The plot.</param>
    /// <returns>The bytes of a PNG file, <see cref="Width"/> × <see cref="Height"/> pixels.</returns>
    /// <exception cref="ArgumentException">A series does not have one value per group.</exception>
    public static byte[] Render(BarPlot plot) => Png(Compose(plot));

    private static Plot Compose(BarPlot plot)
    {
        if (plot.Series.FirstOrDefault(s => s.Values.Count != plot.Groups.Count) is { } odd)
            throw new ArgumentException($"'{odd.Name}' has {odd.Values.Count} values for {plot.Groups.Count} groups", nameof(plot));
        var canvas = new Plot();
        var (low, high) = Range(
            [.. plot.Series.SelectMany(s => s.Values).Select(v => OnAxis(v, plot.LogY))], fromZero: !plot.LogY);
        // Each group is one unit wide; its bars fill four fifths of it.
        var width = 0.8 / Math.Max(1, plot.Series.Count);
        for (var i = 0; i < plot.Series.Count; i++)
        {
            var series = plot.Series[i];
            var left = (i - (plot.Series.Count - 1) / 2.0) * width;
            var bars = canvas.Add.Bars(series.Values
                .Select((value, group) => (Raw: value, Value: OnAxis(value, plot.LogY), Group: group))
                .Where(bar => !double.IsNaN(bar.Value))
                .Select(bar => new Bar
                {
                    Position = bar.Group + left,
                    Value = bar.Value,
                    ValueBase = plot.LogY ? low : 0,
                    Size = width * 0.92,
                    FillColor = FigureStyle.ColorOf(i),
                    LineWidth = 0,
                    Label = plot.ValueFormat is { } format ? bar.Raw.ToString(format, CultureInfo.InvariantCulture) : "",
                })
                .ToArray());
            bars.LegendText = series.Name;
            bars.ValueLabelStyle.FontName = FigureStyle.Font;
            bars.ValueLabelStyle.FontSize = 10;
            bars.ValueLabelStyle.ForeColor = FigureStyle.Text;
        }

        SetTicks(canvas, low, high, plot.LogY);
        canvas.Axes.SetLimitsX(-0.6, Math.Max(1, plot.Groups.Count) - 0.4);
        canvas.Axes.Bottom.TickGenerator = new NumericManual([.. plot.Groups.Select((name, i) => new Tick(i, name))]);
        canvas.Axes.Bottom.MajorTickStyle.Width = 0; // a group is not a position on an axis, so it has no tick
        return Finish(canvas, plot.Title, plot.YLabel, hasLegend: plot.Series.Count > 1);
    }

    /// <summary>Writes a plot as a PNG file.</summary>
    /// <param name="path">The file. It is written atomically.</param>
    /// <param name="plot">The plot.</param>
    /// <exception cref="ArgumentException">A row does not have one value per column.</exception>
    /// <exception cref="InputException">The file cannot be written.</exception>
    public static void Save(string path, HeatMap plot) => AtomicFile.Write(path, Render(plot));

    /// <summary>Draws a plot.</summary>
    /// <param name="plot">The plot.</param>
    /// <returns>The bytes of a PNG file, <see cref="Width"/> × <see cref="Height"/> pixels.</returns>
    /// <exception cref="ArgumentException">A row does not have one value per column.</exception>
    public static byte[] Render(HeatMap plot) => Png(Compose(plot));

    private static Plot Compose(HeatMap plot)
    {
        if (plot.Values.Count != plot.Rows.Count || plot.Values.FirstOrDefault(row => row.Count != plot.Columns.Count) is not null)
            throw new ArgumentException($"expected {plot.Rows.Count} rows of {plot.Columns.Count} values", nameof(plot));
        var canvas = new Plot();
        var places = plot.Values.SelectMany(row => row).Select(value => OnAxis(value / plot.Middle, isLog: true)).Where(double.IsFinite);
        var largest = Math.Max(1e-9, places.Select(Math.Abs).DefaultIfEmpty(1).Max());
        var marked = plot.Marked.ToHashSet();
        // Frames are drawn last, so that no neighbouring cell covers them.
        foreach (var (row, column) in
            from row in Enumerable.Range(0, plot.Rows.Count)
            from column in Enumerable.Range(0, plot.Columns.Count)
            orderby marked.Contains((row, column))
            select (row, column))
        {
            var value = plot.Values[row][column];
            var place = OnAxis(value / plot.Middle, isLog: true) / largest;
            var (x, y, isMarked) = ((double)column, (double)(plot.Rows.Count - 1 - row), marked.Contains((row, column)));
            var cell = canvas.Add.Rectangle(x - 0.5, x + 0.5, y - 0.5, y + 0.5);
            cell.FillColor = double.IsNaN(place) ? FigureStyle.Grid : FigureStyle.Diverging(place);
            cell.LineColor = isMarked ? FigureStyle.Text : Colors.White;
            cell.LineWidth = isMarked ? 3 : 2;
            var label = canvas.Add.Text(value.ToString(plot.ValueFormat, CultureInfo.InvariantCulture), x, y);
            label.LabelFontName = FigureStyle.Font;
            label.LabelFontSize = 14;
            label.LabelBold = false;
            label.LabelFontColor = Math.Abs(place) > 0.75 ? Colors.White : FigureStyle.Text;
            label.LabelAlignment = ScottPlot.Alignment.MiddleCenter;
            label.OffsetY = DigitOffset;
        }

        canvas.Axes.SetLimits(-0.5, plot.Columns.Count - 0.5, -0.5, plot.Rows.Count - 0.5);
        canvas.Axes.Bottom.TickGenerator = new NumericManual([.. plot.Columns.Select((name, i) => new Tick(i, name))]);
        canvas.Axes.Left.TickGenerator = new NumericManual([.. plot.Rows.Select((name, i) => new Tick(plot.Rows.Count - 1 - i, name))]);
        canvas.Axes.Bottom.MajorTickStyle.Width = 0; // a column is not a position on an axis, so it has no tick
        canvas.Grid.YAxisStyle.IsVisible = false;
        canvas.Axes.Title.FullFigureCenter = true; // the names of the rows may take half of the width
        return Finish(canvas, plot.Title, yLabel: "", hasLegend: false);
    }

    /// <summary>Computes the position of a value on the axis; NaN, which gives a gap, if it has none.</summary>
    private static double OnAxis(double value, bool isLog)
    {
        var place = isLog ? Math.Log10(value) : value; // NaN below 0, -∞ at 0
        return IsDrawable(place) ? place : double.NaN;
    }

    /// <summary>Whether a position can be drawn. The limit is far above any float32, and far enough below the largest float64 that differences stay finite.</summary>
    private static bool IsDrawable(double place) => Math.Abs(place) < 1e100;

    /// <summary>Draws each run of points without a gap as a separate line, so that gaps stay visible.</summary>
    private static void AddLine(Plot canvas, CurveSeries series, double[] values, int index)
    {
        var name = series.Name;
        for (var start = 0; start < values.Length; start++)
        {
            var run = values.Skip(start).TakeWhile((y, i) => !double.IsNaN(y) && IsDrawable(series.X[start + i])).ToArray();
            if (run.Length == 0)
                continue;
            var line = canvas.Add.ScatterLine([.. series.X.Skip(start).Take(run.Length)], run, FigureStyle.ColorOf(index));
            line.LineWidth = 1.8f;
            line.LinePattern = PatternOf(index);
            line.MarkerSize = run.Length == 1 ? 5 : 0; // a line of one point would be invisible
            line.LegendText = name;
            name = ""; // all runs share one entry in the legend
            start += run.Length;
        }
    }

    private static LinePattern PatternOf(int index) =>
        (index / FigureStyle.ColorCount) switch { 0 => LinePattern.Solid, 1 => LinePattern.DenselyDashed, _ => LinePattern.Dotted };

    /// <summary>The shape of the points of a series, for points without a line.</summary>
    private static MarkerShape ShapeOf(int index) =>
        (index / FigureStyle.ColorCount) switch { 0 => MarkerShape.FilledCircle, 1 => MarkerShape.FilledSquare, _ => MarkerShape.FilledDiamond };

    /// <summary>Computes the range of the axis, with some margin; 0 to 1 if there are no values.</summary>
    private static (double Low, double High) Range(List<double> values, bool fromZero)
    {
        var finite = values.Where(double.IsFinite).ToList();
        if (finite.Count == 0)
            return (0, 1);
        var (low, high) = (finite.Min(), finite.Max());
        if (fromZero)
            (low, high) = (Math.Min(0, low), Math.Max(0, high));
        var span = high > low ? high - low : Math.Max(1e-9, Math.Abs(high) * 0.1);
        return (fromZero && low == 0 ? 0 : low - 0.06 * span, fromZero && high == 0 ? 0 : high + 0.08 * span);
    }

    private static void SetTicks(Plot canvas, double low, double high, bool isLog)
    {
        canvas.Axes.SetLimitsY(low, high);
        canvas.Axes.Left.TickGenerator = new NumericManual([.. isLog ? LogTicks(low, high) : LinearTicks(low, high)]);
    }

    /// <summary>Creates about five to ten ticks at round numbers, all with the same number of decimals.</summary>
    private static IEnumerable<Tick> LinearTicks(double low, double high)
    {
        var rough = (high - low) / 10;
        var magnitude = Math.Pow(10, Math.Floor(Math.Log10(rough)));
        var step = magnitude * (rough / magnitude) switch { <= 1.001 => 1, <= 2 => 2, <= 5 => 5, _ => 10 };
        var decimals = Math.Max(0, (int)Math.Ceiling(-Math.Log10(step) - 1e-9));
        return Enumerable.Range(0, 12)
            .Select(i => (Math.Ceiling(low / step) + i) * step)
            .Where(value => value <= high)
            .Select(value => new Tick(value, Number(Math.Abs(value) < step / 2 ? 0 : value, decimals)));
    }

    /// <summary>Creates the ticks of a logarithmic axis: at decades if there are many, otherwise at 1-3, 1-2-5, or round numbers.</summary>
    private static IEnumerable<Tick> LogTicks(double low, double high)
    {
        int[][] digits = [[1], [1, 3], [1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]];
        var values = digits.Select(set => Places(set).ToList()).FirstOrDefault(set => set.Count >= 4);
        // Only a small part of a decade is visible, so equal steps of the value are almost equal on the axis.
        if (values is null)
        {
            return LinearTicks(Math.Pow(10, low), Math.Pow(10, high))
                .Where(tick => tick.Position > 0)
                .Select(tick => new Tick(Math.Log10(tick.Position), tick.Label));
        }

        var every = 1 + values.Count / 13; // with very many decades, not every decade has a tick
        return values.Where((_, i) => i % every == 0).Select(value => new Tick(Math.Log10(value), Number(value, decimals: null)));

        IEnumerable<double> Places(int[] set) =>
            from decade in Enumerable.Range((int)Math.Floor(low), (int)(Math.Ceiling(high) - Math.Floor(low)) + 1)
            from digit in set
            let value = double.Parse($"{digit}e{decade}", CultureInfo.InvariantCulture)
            where Math.Log10(value) >= low && Math.Log10(value) <= high
            select value;
    }

    /// <summary>Formats the number of a tick: plain if that is short, otherwise with an exponent.</summary>
    private static string Number(double value, int? decimals) => Math.Abs(value) switch
    {
        0 => "0",
        >= 1e7 => value.ToString("0.###e0", CultureInfo.InvariantCulture),
        < 1e-3 when decimals is null or > 5 => value.ToString("0.###e0", CultureInfo.InvariantCulture),
        _ => value.ToString(decimals is { } n ? $"N{Math.Min(n, 12)}" : "#,0.###", CultureInfo.InvariantCulture),
    };

    /// <summary>Adds everything that is the same in all plots.</summary>
    private static Plot Finish(Plot canvas, string title, string yLabel, bool hasLegend)
    {
        canvas.ScaleFactor = Scale;
        canvas.FigureBackground.Color = Colors.White;
        canvas.DataBackground.Color = Colors.White;
        canvas.Grid.XAxisStyle.IsVisible = false;
        canvas.Grid.MajorLineColor = FigureStyle.Grid;
        var names = hasLegend ? canvas.Legend.GetItems().Select(item => item.LabelText.Length).ToList() : [];
        var isBeside = names.Count > MostNamesBelow || names.All(length => length <= LongestNameBeside);
        canvas.Title(Shortened(title, isBeside && names.Any(length => length > LongestNameBeside) ? LongestTitleBeside : LongestTitle));
        canvas.Axes.Title.Label.FontName = FigureStyle.Font;
        canvas.Axes.Title.Label.FontSize = 16;
        canvas.Axes.Title.Label.ForeColor = FigureStyle.Text;
        canvas.YLabel(yLabel);
        foreach (var axis in canvas.Axes.GetAxes())
        {
            // Only the x axis has a line. The grid is enough for the y axis.
            var isBottom = axis.Edge == Edge.Bottom;
            axis.FrameLineStyle.Width = isBottom ? 1 : 0;
            axis.FrameLineStyle.Color = FigureStyle.Axis;
            axis.MajorTickStyle.Color = isBottom && axis.MajorTickStyle.Width > 0 ? FigureStyle.Axis : Colors.Transparent;
            axis.Label.FontName = FigureStyle.Font;
            axis.Label.FontSize = 13;
            axis.Label.Bold = false;
            axis.Label.ForeColor = FigureStyle.Text;
            axis.TickLabelStyle.FontName = FigureStyle.Font;
            axis.TickLabelStyle.FontSize = 12;
            axis.TickLabelStyle.ForeColor = FigureStyle.Text;
        }

        canvas.Axes.Left.TickLabelStyle.OffsetY = DigitOffset;
        canvas.Axes.Right.MinimumSize = 24; // room for half of the last number of the x axis
        canvas.HideLegend();
        if (hasLegend)
        {
            // The legend never covers the data. It is beside them, or below them if it would leave them too little room.
            canvas.ShowLegend(isBeside ? Edge.Right : Edge.Bottom).Alignment = ScottPlot.Alignment.UpperLeft;
            canvas.Legend.Orientation = Orientation.Vertical;
            canvas.Legend.OutlineWidth = 0;
            canvas.Legend.ShadowColor = Colors.Transparent;
            canvas.Legend.FontName = FigureStyle.Font;
            canvas.Legend.FontSize = 12;
            canvas.Legend.FontColor = FigureStyle.Text;
        }

        return canvas;
    }

    /// <summary>Shortens a name for a legend.</summary>
    internal static string Short(string name) => Shortened(name, LongestName);

    private static string Shortened(string text, int longest)
    {
        if (text.Length <= longest)
            return text;
        var length = longest - 1;
        return text[..(char.IsHighSurrogate(text[length - 1]) ? length - 1 : length)] + "…";
    }

    private static byte[] Png(Plot canvas)
    {
        using var plot = canvas;
        using var surface = SKSurface.Create(new SKImageInfo(Width, Height));
        surface.Canvas.Translate(Margin, Margin);
        plot.Render(surface.Canvas, Width - 2 * Margin, Height - 2 * Margin);
        surface.Canvas.DrawColor(SKColors.White, SKBlendMode.DstOver); // ScottPlot leaves the margin transparent
        using var image = surface.Snapshot();
        using var png = image.Encode(SKEncodedImageFormat.Png, quality: 100);
        return png.ToArray();
    }

    /// <summary>Draws without the margin, because ScottPlot clears the whole canvas, and in SVG that would be a black rectangle beside the plot.</summary>
    /// <remarks>
    /// Skia's SVG has no dashes, and prints a warning for each: dashed lines are drawn with an opacity that marks their pattern, and get their dashes afterwards. Its identifiers
    /// count on from plot to plot; they are numbered again, so that the same plot has the same bytes.
    /// </remarks>
    private static string Svg(Plot canvas)
    {
        using var plot = canvas;
        var patterns = new List<LinePattern>();
        foreach (var line in plot.GetPlottables().OfType<IHasLine>().Where(line => line.LinePattern.Intervals.Length > 0))
        {
            if (!patterns.Contains(line.LinePattern))
                patterns.Add(line.LinePattern);
            line.LineColor = line.LineColor.WithAlpha(MarkOf(patterns.IndexOf(line.LinePattern)));
            line.LinePattern = LinePattern.Solid;
        }

        using var content = new SKDynamicMemoryWStream();
        using (var drawing = SKSvgCanvas.Create(SKRect.Create(Width, Height), content))
            plot.Render(drawing, Width, Height); // the file is complete when the canvas is closed
        using var data = content.DetachAsData();
        var svg = Opacity().Replace(Encoding.UTF8.GetString(data.ToArray()), found =>
        {
            var mark = (byte)Math.Round(double.Parse(found.Groups[1].Value, CultureInfo.InvariantCulture) * byte.MaxValue);
            var index = patterns.Select((_, i) => MarkOf(i)).ToList().IndexOf(mark);
            return index < 0 ? found.Value : $"stroke-dasharray=\"{string.Join(',', patterns[index].Intervals.Select(length => length.ToString(CultureInfo.InvariantCulture)))}\"";
        });
        // ScottPlot clears the canvas with a transparent colour; this becomes a rectangle without one, which is black, and a printer shows its edge.
        svg = Cleared().Replace(svg, "");
        var numbers = new Dictionary<string, int>();
        return Identifier().Replace(svg, found =>
        {
            numbers.TryAdd(found.Value, numbers.Count);
            return $"{found.Groups[1].Value}_{numbers[found.Value]}";
        });

        static byte MarkOf(int pattern) => (byte)(byte.MaxValue - 1 - pattern);
    }

    [GeneratedRegex("<rect transform=\"[^\"]*\" width=\"[0-9]+\" height=\"[0-9]+\"/>\\s*")]
    private static partial Regex Cleared();

    [GeneratedRegex("stroke-opacity=\"([0-9.]+)\"")]
    private static partial Regex Opacity();

    [GeneratedRegex("(?<=id=\"|#)([a-z]+)_[0-9a-f]+(?=[\")])")]
    private static partial Regex Identifier();
}
