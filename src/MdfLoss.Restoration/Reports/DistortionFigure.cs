using System.Globalization;
using Mdf.Evaluation;
using Mdf.Imaging;
using SkiaSharp;
using static TorchSharp.torch;

namespace Mdf.Reports;

/// <summary>
/// Draws a figure of the values of losses for several distortions of one image: a row with the reference and the distorted images, and below
/// each distorted image one bar per loss.
/// </summary>
internal static class DistortionFigure
{
    /// <summary>The width of every figure, in pixels. The height depends on the images.</summary>
    public const int Width = 1440;

    // In pixels. Four distortions and the reference get 256 pixels each, so images of that width are not resampled.
    private const int Margin = 32;
    private const int Gap = 24;
    private const int TitleHeight = 64;
    private const int NameHeight = 52;
    private const int BarsHeight = 250;
    private const int ValueHeight = 32;
    private const int BarGap = 8;
    private const int LegendRow = 36;

    // Legible at half the size: a page shows the figure at about that width.
    private const float TitleSize = 30;
    private const float TextSize = 21;

    private static readonly string[] s_caption = ["each relative to its", "mean (dashed line)"];

    /// <summary>Draws the figure. Losses have different units, so each is shown relative to its mean over the distortions.</summary>
    /// <param name="title">The title of the figure.</param>
    /// <param name="reference">The undistorted image, <c>(1, 3, H, W)</c> in [0, 1].</param>
    /// <param name="distorted">The distorted images; at least one. They are scaled to the width of their column.</param>
    /// <param name="losses">The values of the losses: one per distorted image, 0 or more. A value that is not finite has no bar.</param>
    /// <returns>The bytes of a PNG file, <see cref="Width"/> pixels wide.</returns>
    /// <exception cref="ArgumentException">There is no distorted image or no loss; or a loss does not have one value per image, or has a value below 0.</exception>
    public static byte[] Render(
        string title, Tensor reference, IReadOnlyList<DistortedImage> distorted, IReadOnlyList<BarSeries> losses)
    {
        ArgumentNullException.ThrowIfNull(reference);
        ArgumentNullException.ThrowIfNull(distorted);
        ArgumentNullException.ThrowIfNull(losses);
        if (distorted.Count == 0 || losses.Count == 0)
            throw new ArgumentException($"{distorted.Count} distortions and {losses.Count} losses: at least one of each is needed");
        if (losses.FirstOrDefault(loss => loss.Values.Count != distorted.Count) is { } odd)
            throw new ArgumentException($"'{odd.Name}' has {odd.Values.Count} values for {distorted.Count} pictures", nameof(losses));
        if (losses.FirstOrDefault(loss => loss.Values.Any(value => value < 0)) is { } negative)
            throw new ArgumentException($"'{negative.Name}' has a value below 0", nameof(losses));

        var columnWidth = (Width - 2f * Margin - Gap * distorted.Count) / (distorted.Count + 1);
        List<SKImage> pictures = [.. distorted.Select(image => image.Image).Prepend(reference).Select(ToImage)];
        try
        {
            var pictureHeight = pictures.Max(picture => HeightOf(picture, columnWidth));
            var barsHeight = Math.Max(BarsHeight, (losses.Count + s_caption.Length) * LegendRow);
            var baseline = Margin + TitleHeight + pictureHeight + NameHeight + ValueHeight + barsHeight;
            using var surface = SKSurface.Create(new SKImageInfo(Width, (int)baseline + Margin));
            var canvas = surface.Canvas;
            canvas.Clear(SKColors.White);
            DrawText(canvas, title, Margin, Margin + TitleSize, TitleSize, Width - 2 * Margin);

            string[] names = ["reference", .. distorted.Select(image => image.Name)];
            for (var i = 0; i < pictures.Count; i++)
            {
                var (left, bottom) = (LeftOf(i), Margin + TitleHeight + pictureHeight);
                var height = HeightOf(pictures[i], columnWidth);
                canvas.DrawImage(
                    pictures[i], SKRect.Create(left, bottom - height, columnWidth, height), SamplingOf(pictures[i], columnWidth));
                DrawText(canvas, names[i], left + columnWidth / 2, bottom + 32, TextSize, columnWidth, SKTextAlign.Center);
            }

            DrawBars(canvas, losses, LeftOf, columnWidth, baseline, barsHeight);
            DrawLegend(canvas, losses, columnWidth, baseline);
            using var image = surface.Snapshot();
            using var png = image.Encode(SKEncodedImageFormat.Png, quality: 100);
            return png.ToArray();
        }
        finally
        {
            pictures.ForEach(picture => picture.Dispose());
        }

        float LeftOf(int column) => Margin + column * (columnWidth + Gap);
    }

    /// <summary>Converts a picture, <c>(1, 3, H, W)</c>, clamped to [0, 1], to an image for a canvas.</summary>
    internal static SKImage ToImage(Tensor tensor) => SKImage.FromPixelCopy(
        new SKImageInfo((int)tensor.shape[^1], (int)tensor.shape[^2], SKColorType.Rgba8888, SKAlphaType.Opaque), Pixels.ToRgba(tensor));

    private static float HeightOf(SKImage picture, float width) => MathF.Round(picture.Height * width / picture.Width);

    /// <summary>Chooses the resampling: sharp at the image's own size, smooth at any other size.</summary>
    private static SKSamplingOptions SamplingOf(SKImage picture, float width) => (picture.Width / width) switch
    {
        1 => new SKSamplingOptions(SKFilterMode.Nearest),
        < 1 => new SKSamplingOptions(SKCubicResampler.Mitchell),
        _ => new SKSamplingOptions(SKFilterMode.Linear, SKMipmapMode.Linear),
    };

    private static void DrawBars(
        SKCanvas canvas, IReadOnlyList<BarSeries> losses, Func<int, float> leftOf, float columnWidth, float baseline, float barsHeight)
    {
        var relative = losses.Select(loss => RelativeToMean(loss.Values)).ToList();
        var unit = barsHeight / (float)relative.SelectMany(values => values).Where(double.IsFinite).Append(1).Max();
        var barWidth = (columnWidth + BarGap) / losses.Count - BarGap;
        var (first, last) = (leftOf(1), leftOf(losses[0].Values.Count) + columnWidth);

        using var dashes = SKPathEffect.CreateDash([7, 6], 0);
        using var line = new SKPaint { Color = FigureStyle.Axis.ToSKColor(), StrokeWidth = 1.5f, PathEffect = dashes };
        canvas.DrawLine(first, baseline - unit, last, baseline - unit, line);
        using var fill = new SKPaint { IsAntialias = true };
        for (var i = 0; i < losses.Count; i++)
        {
            fill.Color = FigureStyle.ColorOf(i).ToSKColor();
            for (var column = 0; column < relative[i].Count; column++)
            {
                if (!double.IsFinite(relative[i][column]))
                    continue;
                var (left, height) = (leftOf(column + 1) + i * (barWidth + BarGap), (float)relative[i][column] * unit);
                canvas.DrawRect(left, baseline - height, barWidth, height, fill);
                DrawText(
                    canvas, relative[i][column].ToString("F2", CultureInfo.InvariantCulture), left + barWidth / 2,
                    baseline - height - 8, TextSize, barWidth, SKTextAlign.Center, halo: true);
            }
        }

        line.PathEffect = null;
        canvas.DrawLine(first, baseline, last, baseline, line);
    }

    /// <summary>Divides the values by their mean. Values that are not finite stay the same. If all values are 0, each result is 1.</summary>
    private static List<double> RelativeToMean(IReadOnlyList<double> values)
    {
        var mean = values.Where(double.IsFinite).DefaultIfEmpty(1).Average();
        return [.. values.Select(value => mean > 0 ? value / mean : value + 1)];
    }

    /// <summary>Draws the names of the losses below the reference, on the base line of the bars.</summary>
    private static void DrawLegend(SKCanvas canvas, IReadOnlyList<BarSeries> losses, float columnWidth, float baseline)
    {
        const float square = 20;
        using var fill = new SKPaint();
        for (var i = 0; i < losses.Count; i++)
        {
            var bottom = baseline - (losses.Count - 1 - i) * LegendRow - s_caption.Length * LegendRow;
            fill.Color = FigureStyle.ColorOf(i).ToSKColor();
            canvas.DrawRect(Margin, bottom - square, square, square, fill);
            DrawText(canvas, losses[i].Name, Margin + square + 12, bottom - 3, TextSize, columnWidth - square - 12);
        }

        for (var i = 0; i < s_caption.Length; i++)
            DrawText(canvas, s_caption[i], Margin, baseline - (s_caption.Length - 1 - i) * 28, TextSize, columnWidth);
    }

    /// <summary>Draws a line of text on its base line. The text is made smaller if it would be too wide.</summary>
    internal static void DrawText(
        SKCanvas canvas, string text, float x, float y, float size, float maxWidth, SKTextAlign align = SKTextAlign.Left, bool halo = false)
    {
        using var font = new SKFont(FigureStyle.Typeface, size) { Subpixel = true };
        font.Size *= Math.Min(1, maxWidth / Math.Max(1, font.MeasureText(text)));
        using var paint = new SKPaint { IsAntialias = true };
        if (halo) // keeps a number legible where the dashed line crosses it
        {
            paint.Color = SKColors.White;
            paint.Style = SKPaintStyle.Stroke;
            paint.StrokeWidth = 6;
            canvas.DrawText(text, x, y, align, font, paint);
            paint.Style = SKPaintStyle.Fill;
        }

        paint.Color = FigureStyle.Text.ToSKColor();
        canvas.DrawText(text, x, y, align, font, paint);
    }
}
