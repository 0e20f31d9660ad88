using System.Globalization;
using Mdf.Evaluation;
using Mdf.Runtime;
using SkiaSharp;
using static TorchSharp.torch;

namespace Mdf.Reports;

/// <summary>Draws a figure of the effect of a task's distortion on an image: the clean image, the distorted image, and their difference, pixel for pixel.</summary>
internal static class DistortionSheet
{
    // Only the centre of a larger image is shown, without reduction, because distortions are often no larger than a pixel.
    private const int LargestSide = 320;

    // Small images are enlarged, so that there is room for the captions. Each pixel then becomes a square.
    private const int SmallestSide = 200;

    private const int Margin = 16;
    private const int CaptionHeight = 40;
    private const float TextSize = 19;

    // The fraction of the difference's pixels that must fit between black and white.
    private const double ShareShown = 0.995;

    private static readonly int[] s_amplifications = [32, 16, 8, 4, 2, 1];

    /// <summary>Draws the figure.</summary>
    /// <param name="trial">The distorted image of the task.</param>
    /// <returns>The bytes of a PNG file.</returns>
    public static byte[] Render(DistortionTrial trial)
    {
        ArgumentNullException.ThrowIfNull(trial);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var (clean, distorted) = (Middle(trial.Clean).Clamp(0, 1), Middle(trial.Distorted).Clamp(0, 1));
        var difference = distorted - clean;
        var amplification = Amplification(difference);
        (Tensor Picture, string Caption)[] panels =
        [
            (clean, "clean"),
            (distorted, string.Create(CultureInfo.InvariantCulture, $"damaged, {trial.Psnr:F1} dB")),
            (difference.Mul(amplification).Add(0.5), $"difference × {amplification}"),
        ];

        var zoom = Math.Max(1, (int)Math.Ceiling(SmallestSide / (double)clean.shape[3]));
        var (width, height) = ((int)clean.shape[3] * zoom, (int)clean.shape[2] * zoom);
        using var surface = SKSurface.Create(new SKImageInfo(panels.Length * (width + Margin) + Margin, height + Margin + CaptionHeight));
        surface.Canvas.Clear(SKColors.White);
        for (var i = 0; i < panels.Length; i++)
        {
            var left = Margin + i * (width + Margin);
            using var picture = DistortionFigure.ToImage(panels[i].Picture);
            surface.Canvas.DrawImage(picture, SKRect.Create(left, Margin, width, height), new SKSamplingOptions(SKFilterMode.Nearest));
            DistortionFigure.DrawText(surface.Canvas, panels[i].Caption, left + width / 2f, Margin + height + 26, TextSize, width, SKTextAlign.Center);
        }

        using var image = surface.Snapshot();
        using var png = image.Encode(SKEncodedImageFormat.Png, quality: 100);
        return png.ToArray();
    }

    private static Tensor Middle(Tensor image)
    {
        var (height, width) = (Math.Min(LargestSide, image.shape[2]), Math.Min(LargestSide, image.shape[3]));
        return image.cpu().narrow(2, (image.shape[2] - height) / 2, height).narrow(3, (image.shape[3] - width) / 2, width).contiguous();
    }

    /// <summary>Computes the factor by which the difference can be amplified around mid-grey.</summary>
    private static int Amplification(Tensor difference)
    {
        var sorted = difference.abs().flatten().sort().Values;
        var largest = sorted[(long)(ShareShown * (sorted.shape[0] - 1))].to(float64).item<double>();
        return s_amplifications.First(factor => factor * largest <= 0.5 || factor == 1);
    }
}
