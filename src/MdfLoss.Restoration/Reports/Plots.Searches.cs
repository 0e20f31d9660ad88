using Mdf.Evaluation;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace Mdf.Reports;

/// <summary>One curve of a <see cref="MeasurePlot"/>.</summary>
/// <param name="Name">Its name in the legend.</param>
/// <param name="X">The x coordinates, ascending.</param>
/// <param name="Y">The values; NaN leaves a gap.</param>
/// <param name="Errors">The standard deviation of each value; null or NaN if there is none.</param>
internal sealed record MeasureCurve(string Name, IReadOnlyList<double> X, IReadOnlyList<double> Y, IReadOnlyList<double>? Errors = null);

/// <summary>A value that does not depend on the axis of a <see cref="MeasurePlot"/>: a horizontal line.</summary>
/// <param name="Name">Its name in the legend.</param>
/// <param name="Value">The value.</param>
/// <param name="Error">Its standard deviation; null if there is none.</param>
internal sealed record MeasureLevel(string Name, double Value, double? Error = null);

/// <summary>A measure against a numeric axis of a search, such as the weight of a loss.</summary>
/// <param name="Title">The title of the plot.</param>
/// <param name="XLabel">The label of the x axis.</param>
/// <param name="YLabel">The label of the y axis, with its unit.</param>
/// <param name="LogX">Whether the x axis is logarithmic.</param>
/// <param name="Curves">The curves.</param>
/// <param name="Levels">The values that do not depend on the axis.</param>
/// <param name="Marked">The point with a ring around it; null if there is none.</param>
internal sealed record MeasurePlot(
    string Title, string XLabel, string YLabel, bool LogX, IReadOnlyList<MeasureCurve> Curves, IReadOnlyList<MeasureLevel> Levels, (double X, double Y)? Marked = null);

/// <summary>One curve of a <see cref="PlanePlot"/>: the points of a loss with different weights. A single point is drawn larger.</summary>
/// <param name="Name">Its name in the legend.</param>
/// <param name="Points">The points in order, each with a short label; an empty label is not drawn.</param>
internal sealed record PlaneCurve(string Name, IReadOnlyList<(double X, double Y, string Label)> Points)
{
    /// <summary>The standard deviations of a single point; null where there is none.</summary>
    public (double? X, double? Y) Errors { get; init; }
}

/// <summary>The distortion-perception plane: two measures against each other.</summary>
/// <param name="Title">The title of the plot.</param>
/// <param name="X">The measure of the x axis.</param>
/// <param name="Y">The measure of the y axis.</param>
/// <param name="Curves">The curves.</param>
/// <param name="Marked">The point with a ring around it; null if there is none.</param>
internal sealed record PlanePlot(string Title, Measure X, Measure Y, IReadOnlyList<PlaneCurve> Curves, (double X, double Y)? Marked = null);

/// <summary>One axis of a <see cref="ParallelPlot"/>.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Names">The names of its values, from bottom to top, if it is an axis of names; null for an axis of numbers.</param>
/// <param name="IsLog">Whether the numbers are on a logarithmic axis.</param>
internal sealed record ParallelAxis(string Name, IReadOnlyList<string>? Names = null, bool IsLog = false);

/// <summary>Parallel coordinates: each line connects its values on all axes.</summary>
/// <param name="Title">The title of the plot.</param>
/// <param name="Axes">The axes, from left to right.</param>
/// <param name="Lines">The lines, the worst first, each with one value per axis: a number, or the index of a name; null leaves a gap.</param>
/// <param name="Marked">The index of the line that is drawn thick; null if there is none.</param>
internal sealed record ParallelPlot(string Title, IReadOnlyList<ParallelAxis> Axes, IReadOnlyList<IReadOnlyList<double?>> Lines, int? Marked = null);

/// <content>The plots of searches.</content>
internal static partial class Plots
{
    private const float PointSize = 7;
    private const float RingSize = 15;

    // The height of the first axis of parallel coordinates is 1; the names of the axes are above it.
    private const double ParallelTop = 1.06;

    // The width of a letter on the first axis, in parts of the width of the data.
    private const double ParallelLetter = 0.0115;

    // The size of a letter in a plane, in parts of the width and height of the data, for labels that must not lie on each other.
    private const double LetterWidth = 0.0145;
    private const double LetterHeight = 0.035;

    // Where the label of a point can be: at its right or left, and by how many lines above or below.
    private static readonly (int Side, int Up)[] s_places = [.. new[] { 0, 1, -1, 2, -2, 3, -3, 4, -4 }.SelectMany(up => new[] { (1, up), (-1, up) })];

    /// <summary>Draws a plot.</summary>
    /// <param name="plot">The plot.</param>
    /// <returns>The bytes of a PNG file, <see cref="Width"/> × <see cref="Height"/> pixels.</returns>
    public static byte[] Render(MeasurePlot plot) => Png(Compose(plot));

    private static Plot Compose(MeasurePlot plot)
    {
        var canvas = new Plot();
        var (lows, highs) = (new List<double>(), new List<double>());
        var places = plot.Curves.SelectMany(curve => curve.X).Select(x => OnAxis(x, plot.LogX)).Where(IsDrawable).DefaultIfEmpty(0).ToList();
        var (left, right) = WithMargin(places.Min(), places.Max());
        for (var i = 0; i < plot.Levels.Count; i++)
        {
            var (level, colour) = (plot.Levels[i], FigureStyle.ColorOf(plot.Curves.Count + i));
            if (!IsDrawable(level.Value))
                continue;
            var error = level.Error is { } deviation && IsDrawable(deviation) ? deviation : 0;
            if (error > 0)
            {
                var band = canvas.Add.Rectangle(left, right, level.Value - error, level.Value + error);
                (band.FillColor, band.LineWidth) = (colour.WithAlpha(0.12), 0);
            }

            var line = canvas.Add.Line(left, level.Value, right, level.Value);
            (line.LineWidth, line.LinePattern, line.LineColor, line.LegendText) = (1.8f, LinePattern.DenselyDashed, colour, Short(level.Name));
            lows.Add(level.Value - error);
            highs.Add(level.Value + error);
        }

        for (var i = 0; i < plot.Curves.Count; i++)
        {
            var curve = plot.Curves[i];
            var x = curve.X.Select(value => OnAxis(value, plot.LogX)).ToArray();
            AddLine(canvas, new CurveSeries(Short(curve.Name), x, curve.Y), [.. curve.Y.Select(y => OnAxis(y, isLog: false))], i);
            for (var point = 0; point < x.Length; point++)
            {
                if (!IsDrawable(x[point]) || !IsDrawable(curve.Y[point]) || double.IsNaN(x[point]) || double.IsNaN(curve.Y[point]))
                    continue;
                var error = curve.Errors is { } errors && IsDrawable(errors[point]) && errors[point] > 0 ? errors[point] : 0;
                if (error > 0)
                {
                    var bar = canvas.Add.ErrorBar([x[point]], [curve.Y[point]], [error]);
                    (bar.Color, bar.LineWidth, bar.CapSize) = (FigureStyle.ColorOf(i), 1.2f, 4);
                }

                canvas.Add.Marker(x[point], curve.Y[point], MarkerShape.FilledCircle, PointSize, FigureStyle.ColorOf(i));
                lows.Add(curve.Y[point] - error);
                highs.Add(curve.Y[point] + error);
            }
        }

        if (plot.Marked is var (markedX, markedY))
            Ring(canvas, OnAxis(markedX, plot.LogX), markedY);
        var (low, high) = Range([.. lows, .. highs], fromZero: false);
        SetTicks(canvas, low, high, isLog: false);
        canvas.Axes.SetLimitsX(left, right);
        canvas.Axes.Bottom.TickGenerator = new NumericManual([.. plot.LogX ? LogTicks(left, right) : LinearTicks(left, right)]);
        canvas.XLabel(plot.XLabel);
        return Finish(canvas, plot.Title, plot.YLabel, hasLegend: plot.Curves.Count + plot.Levels.Count > 1);
    }

    /// <inheritdoc cref="Render(MeasurePlot)"/>
    public static byte[] Render(PlanePlot plot) => Png(Compose(plot));

    private static Plot Compose(PlanePlot plot)
    {
        var canvas = new Plot();
        var points = plot.Curves.SelectMany(curve => curve.Points).Where(IsInPlane).ToList();
        var ends = plot.Curves.SelectMany(curve => curve.Points.Where(IsInPlane).SelectMany(point => new[] { -1, 1 }.Select(sign => (X: point.X + sign * ErrorOf(curve.Errors.X), Y: point.Y + sign * ErrorOf(curve.Errors.Y))))).ToList();
        var (left, right) = Range([.. ends.Select(point => point.X)], fromZero: false);
        var (low, high) = Range([.. ends.Select(point => point.Y)], fromZero: false);
        var (isRight, isUp) = (plot.X.Direction == Direction.Higher, plot.Y.Direction == Direction.Higher);
        var hint = $"better {(isUp ? isRight ? "↗" : "↖" : isRight ? "↘" : "↙")}";
        var taken = points.Select(point => Box(point.X, point.Y, "o", 0, 0)).Concat(plot.Curves.SelectMany(ErrorBoxes)).Append(Corner(hint)).ToList();
        var unnamed = 0;
        for (var i = 0; i < plot.Curves.Count; i++)
        {
            var drawn = plot.Curves[i].Points.Where(IsInPlane).ToArray();
            if (drawn.Length == 0)
                continue;
            var line = canvas.Add.Scatter(drawn.Select(point => point.X).ToArray(), drawn.Select(point => point.Y).ToArray(), FigureStyle.ColorOf(i));
            (line.LineWidth, line.MarkerSize, line.MarkerShape, line.LegendText) = (1.8f, drawn.Length == 1 ? PointSize * 1.5f : PointSize, ShapeOf(i), Short(plot.Curves[i].Name));
            line.LinePattern = PatternOf(i);
            var (errorX, errorY) = (ErrorOf(plot.Curves[i].Errors.X), ErrorOf(plot.Curves[i].Errors.Y));
            if (drawn.Length == 1 && (errorX > 0 || errorY > 0))
            {
                canvas.Add.Plottable(new ScottPlot.Plottables.ErrorBar([drawn[0].X], [drawn[0].Y], [errorX], [errorX], [errorY], [errorY])
                {
                    Color = FigureStyle.ColorOf(i),
                    LineWidth = 1.2f,
                    CapSize = 4,
                });
            }

            var isNamed = false;
            // The ends first, because they say in which direction the curve goes.
            foreach (var point in drawn.Take(1).Concat(drawn.Reverse().Take(1)).Concat(drawn.Skip(1)).Distinct().Where(point => point.Label.Length > 0))
            {
                // Beside the point; if this is taken, higher or lower, with a line to the point.
                foreach (var (side, up) in s_places)
                {
                    var box = Box(point.X, point.Y, Short(point.Label), side, up);
                    if (box.Left < 0 || box.Right > 1 || box.Low < 0 || box.High > 1 || taken.Any(other => other.Left < box.Right && box.Left < other.Right && other.Low < box.High && box.Low < other.High))
                        continue;
                    taken.Add(box);
                    isNamed |= point.Label == plot.Curves[i].Name;
                    if (up != 0)
                    {
                        var toPoint = canvas.Add.Line(point.X, point.Y, point.X + side * LetterWidth * (right - left), point.Y + up * LetterHeight * (high - low));
                        (toPoint.LineWidth, toPoint.LineColor) = (0.8f, FigureStyle.ColorOf(i).WithAlpha(0.6));
                    }

                    var label = canvas.Add.Text(Short(point.Label), point.X + (up == 0 ? 0 : side * LetterWidth * (right - left)), point.Y + up * LetterHeight * (high - low));
                    (label.LabelFontName, label.LabelFontSize, label.LabelFontColor) = (FigureStyle.Font, 11, FigureStyle.ColorOf(i));
                    label.LabelBackgroundColor = Colors.White.WithAlpha(0.7);
                    label.LabelAlignment = side > 0 ? ScottPlot.Alignment.MiddleLeft : ScottPlot.Alignment.MiddleRight;
                    (label.OffsetX, label.OffsetY) = ((up == 0 ? 8 : 2) * side, DigitOffset);
                    break;
                }
            }

            unnamed += isNamed ? 0 : 1;
        }

        if (plot.Marked is var (markedX, markedY))
            Ring(canvas, markedX, markedY);
        SetTicks(canvas, low, high, isLog: false);
        canvas.Axes.SetLimitsX(left, right);
        canvas.Axes.Bottom.TickGenerator = new NumericManual([.. LinearTicks(left, right)]);
        canvas.XLabel(plot.X.Heading);
        var better = canvas.Add.Text(hint, isRight ? right : left, isUp ? high : low);
        (better.LabelFontName, better.LabelFontSize, better.LabelFontColor) = (FigureStyle.Font, 12, FigureStyle.Text.WithAlpha(0.55));
        better.LabelAlignment = (isRight, isUp) switch
        {
            (true, true) => ScottPlot.Alignment.UpperRight,
            (true, false) => ScottPlot.Alignment.LowerRight,
            (false, true) => ScottPlot.Alignment.UpperLeft,
            _ => ScottPlot.Alignment.LowerLeft,
        };
        return Finish(canvas, plot.Title, plot.Y.Heading, hasLegend: plot.Curves.Count > 1 && unnamed > 0);

        // In parts of the width and height of the data.
        (double Left, double Right, double Low, double High) Box(double x, double y, string text, int side, int lines)
        {
            var (across, up, width) = ((x - left) / (right - left), (y - low) / (high - low) + lines * LetterHeight, text.Length * LetterWidth);
            var start = side switch { > 0 => across + LetterWidth, < 0 => across - LetterWidth - width, _ => across - width / 2 };
            return (start, start + width, up - LetterHeight / 2, up + LetterHeight / 2);
        }

        (double Left, double Right, double Low, double High) Corner(string text) =>
            (isRight ? 1 - text.Length * LetterWidth : 0, isRight ? 1 : text.Length * LetterWidth, isUp ? 1 - 1.5 * LetterHeight : 0, isUp ? 1 : 1.5 * LetterHeight);

        // The bars of errors, with the marks at their ends.
        IEnumerable<(double Left, double Right, double Low, double High)> ErrorBoxes(PlaneCurve curve)
        {
            const double end = 0.01;
            var (errorX, errorY) = (ErrorOf(curve.Errors.X) / (right - left), ErrorOf(curve.Errors.Y) / (high - low));
            return curve.Points.Where(IsInPlane).Select(point => (Across: (point.X - left) / (right - left), Up: (point.Y - low) / (high - low))).SelectMany(point => ((double, double, double, double)[])
            [
                .. errorX > 0 ? [(point.Across - errorX, point.Across + errorX, point.Up - end, point.Up + end)] : ((double, double, double, double)[])[],
                .. errorY > 0 ? [(point.Across - end, point.Across + end, point.Up - errorY, point.Up + errorY)] : ((double, double, double, double)[])[],
            ]);
        }

        static double ErrorOf(double? error) => error is { } value && IsDrawable(value) ? value : 0;

        static bool IsInPlane((double X, double Y, string Label) point) => double.IsFinite(point.X) && double.IsFinite(point.Y) && IsDrawable(point.X) && IsDrawable(point.Y);
    }

    /// <inheritdoc cref="Render(MeasurePlot)"/>
    public static byte[] Render(ParallelPlot plot) => Png(Compose(plot));

    private static Plot Compose(ParallelPlot plot)
    {
        var canvas = new Plot();
        var scales = plot.Axes.Select((axis, i) => ScaleOf(axis, [.. plot.Lines.Select(line => line[i]).OfType<double>()])).ToArray();
        for (var i = 0; i < plot.Axes.Count; i++)
        {
            var line = canvas.Add.Line(i, 0, i, 1);
            (line.LineWidth, line.LineColor) = (1, FigureStyle.Axis);
            var name = canvas.Add.Text(Short(plot.Axes[i].Name), i, ParallelTop);
            (name.LabelFontName, name.LabelFontSize, name.LabelFontColor) = (FigureStyle.Font, 13, FigureStyle.Text);
            name.LabelAlignment = ScottPlot.Alignment.LowerCenter;
        }

        foreach (var index in Enumerable.Range(0, plot.Lines.Count).OrderBy(index => index == plot.Marked))
        {
            var isMarked = index == plot.Marked;
            // One colour, more opaque for better lines: a scale with white in its middle would hide lines.
            var colour = isMarked ? FigureStyle.ColorOf(1) : FigureStyle.ColorOf(0).WithAlpha(0.15 + 0.6 * (index + 1) / plot.Lines.Count);
            var places = plot.Lines[index].Select((value, axis) => value is { } number ? scales[axis].Position(number) : double.NaN).ToArray();
            for (var start = 0; start < places.Length; start++)
            {
                var run = places.Skip(start).TakeWhile(place => !double.IsNaN(place)).ToArray();
                if (run.Length == 0)
                    continue;
                var line = canvas.Add.Scatter(Enumerable.Range(start, run.Length).Select(place => (double)place).ToArray(), run, colour);
                (line.LineWidth, line.MarkerSize) = (isMarked ? 3 : 1.2f, run.Length == 1 ? 5 : 0);
                start += run.Length;
            }
        }

        // After the lines, so that they do not cross the numbers.
        for (var i = 0; i < plot.Axes.Count; i++)
        {
            foreach (var (position, text) in scales[i].Ticks)
            {
                var label = canvas.Add.Text(Short(text), i, position);
                (label.LabelFontName, label.LabelFontSize, label.LabelFontColor) = (FigureStyle.Font, 11, FigureStyle.Text);
                label.LabelAlignment = i == plot.Axes.Count - 1 ? ScottPlot.Alignment.MiddleLeft : ScottPlot.Alignment.MiddleRight;
                (label.OffsetX, label.OffsetY) = (i == plot.Axes.Count - 1 ? 8 : -8, DigitOffset);
                label.LabelBackgroundColor = Colors.White.WithAlpha(0.75);
            }
        }

        var longest = plot.Axes.Count > 0 ? (plot.Axes[0].Names ?? []).Select(name => Short(name).Length).DefaultIfEmpty(0).Max() : 0;
        canvas.Axes.SetLimits(-Math.Max(0.45, 0.1 + longest * ParallelLetter * plot.Axes.Count), plot.Axes.Count - 0.55, -0.06, ParallelTop + 0.08);
        canvas.Axes.Left.TickGenerator = new NumericManual([]);
        canvas.Axes.Bottom.TickGenerator = new NumericManual([]);
        canvas.Grid.YAxisStyle.IsVisible = false;
        canvas.XLabel(plot.Marked is null ? "darker lines are better" : "darker lines are better; orange is the chosen setting");
        return Finish(canvas, plot.Title, yLabel: "", hasLegend: false);
    }

    /// <summary>The positions of values on an axis of parallel coordinates, from 0 to 1, and its ticks.</summary>
    private static (Func<double, double> Position, IEnumerable<(double, string)> Ticks) ScaleOf(ParallelAxis axis, IReadOnlyList<double> values)
    {
        if (axis.Names is { } names)
            return (index => OfName((int)index), names.Select((name, i) => (OfName(i), name)));
        var places = values.Select(value => OnAxis(value, axis.IsLog)).Where(place => !double.IsNaN(place)).DefaultIfEmpty(0).ToList();
        var (low, high) = (places.Min(), places.Max());
        var span = high > low ? high - low : 1;
        var ticks = axis.IsLog ? LogTicks(low - 1e-9, high + 1e-9) : LinearTicks(low - 1e-9 * span, low + span * (1 + 1e-9));
        return (value => OnAxis(value, axis.IsLog) is var place && high > low ? (place - low) / span : double.IsNaN(place) ? place : 0.5,
            high > low ? ticks.Select(tick => ((tick.Position - low) / span, tick.Label)) : [(0.5, Number(values.Count > 0 ? values[0] : 0, decimals: null))]);

        double OfName(int index) => names.Count > 1 ? index / (names.Count - 1.0) : 0.5;
    }

    private static (double Low, double High) WithMargin(double low, double high) => high > low ? (low - 0.04 * (high - low), high + 0.04 * (high - low)) : (low - 0.5, high + 0.5);

    private static void Ring(Plot canvas, double x, double y)
    {
        if (!double.IsFinite(x) || !double.IsFinite(y) || !IsDrawable(x) || !IsDrawable(y))
            return;
        var ring = canvas.Add.Marker(x, y, MarkerShape.OpenCircle, RingSize, FigureStyle.Text);
        ring.MarkerLineWidth = 1.5f;
    }
}
