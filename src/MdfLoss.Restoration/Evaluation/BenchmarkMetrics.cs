using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>The scores of a restored image in the table of a benchmark.</summary>
/// <param name="PsnrRgb">PSNR over all channels, in dB, higher is better; infinity for equal images.</param>
/// <param name="SsimRgb">SSIM, mean over the channels, at most 1, higher is better; null if a side is shorter than 11 pixels.</param>
/// <param name="PsnrY">PSNR of the luma, in dB; infinity for equal images.</param>
/// <param name="SsimY">SSIM of the luma; null if <paramref name="SsimRgb"/> is null.</param>
/// <param name="MsSsim">MS-SSIM of RGB, in [0, 1], higher is better; null if a side is shorter than 161 pixels.</param>
/// <param name="Niqe">
/// NIQE of the restored image, lower is better; null if it was not requested, or if the image has fewer than two blocks of 96×96 pixels with texture.
/// </param>
/// <remarks>All these sizes are without the border.</remarks>
public sealed record BenchmarkScores(double PsnrRgb, double? SsimRgb, double PsnrY, double? SsimY, double? MsSsim, double? Niqe);

/// <summary>
/// The metrics of restoration benchmarks by the usual protocol, as in BasicSR. Both images are rounded to 8 bits. For super-resolution, a border of the width of the
/// scale factor is cropped. PSNR and SSIM are computed on RGB and on luma. All is computed strip by strip, so the memory does not grow with the image.
/// </summary>
/// <remarks>
/// SSIM: Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity" (2004), a Gaussian
/// window of 11×11 with σ = 1.5, where the whole window is inside the image. MS-SSIM is 1 − <see cref="MsSsimLoss"/>. NIQE is <see cref="NiqeModel"/>.
/// </remarks>
public static class BenchmarkMetrics
{
    private static readonly GaussianWindows s_windows = new(padding: 0, precision: ScalarType.Float64);

    /// <summary>Scores a restored image.</summary>
    /// <param name="restored"><c>(1, 3, H, W)</c>, floating point, on any device; the method clamps it to [0, 1] and rounds it.</param>
    /// <param name="reference">The same size and device, in [0, 1]; the method rounds it too.</param>
    /// <param name="border">The number of pixels to crop at each side of both images before all metrics.</param>
    /// <param name="niqe">The model for NIQE; null to omit NIQE.</param>
    /// <param name="cancellationToken">Stops the work between two strips.</param>
    /// <returns>The scores. A score is null if the image is too small for it.</returns>
    /// <exception cref="ArgumentException">A tensor is not an image.</exception>
    /// <exception cref="InputException">The sizes differ, an image contains NaN, or the border leaves nothing.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static BenchmarkScores Score(
        Tensor restored, Tensor reference, int border = 0, NiqeModel? niqe = null, CancellationToken cancellationToken = default)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var rgb = BenchmarkProtocol.WithoutBorder(restored, border, "restored");
        var referenceRgb = BenchmarkProtocol.WithoutBorder(reference, border, "reference");
        if (!rgb.shape.SequenceEqual(referenceRgb.shape))
        {
            throw new InputException($"expected images of one size, found {restored.shape[3]}×{restored.shape[2]} (restored) "
                + $"and {reference.shape[3]}×{reference.shape[2]} (reference)");
        }

        return Score(rgb, referenceRgb, ImageStrips.Divide(rgb.shape, cancellationToken: cancellationToken)) with { Niqe = niqe?.ScoreWhole(rgb, cancellationToken) };
    }

    /// <summary>Computes all scores except NIQE, which uses blocks and not strips.</summary>
    /// <param name="image">The image without its border, <c>(1, 3, H, W)</c>.</param>
    /// <param name="reference">The same size.</param>
    /// <param name="strips">The strips of both images.</param>
    internal static BenchmarkScores Score(Tensor image, Tensor reference, IEnumerable<ImageStrip> strips)
    {
        var (height, width, axis) = (image.shape[2], image.shape[3], ImageStrips.AxisOf(image.shape));
        var shorter = Math.Min(height, width);
        var (rgbError, lumaError) = (new RunningMean(), new RunningMean());
        using var ssim = shorter < GaussianWindows.WindowSize ? null : new SsimStrips(s_windows, height, width, axis);
        using var msSsim = shorter < MsSsimLoss.SmallestSize ? null : MsSsimLoss.InStrips(image.shape);
        foreach (var strip in strips)
        {
            using var scope = NewDisposeScope();
            // The restored image and its reference.
            var rgb = cat([BenchmarkProtocol.Round(strip.Cut(image), "restored"), BenchmarkProtocol.Round(strip.Cut(reference), "reference")]);
            var luma = BenchmarkProtocol.Luma(rgb);
            Psnr.AddSquares(rgbError, rgb.narrow(0, 0, 1), rgb.narrow(0, 1, 1));
            Psnr.AddSquares(lumaError, luma.narrow(0, 0, 1), luma.narrow(0, 1, 1));
            // All four channels together, because libtorch's convolution of a single channel is several times slower.
            ssim?.Add(cat([rgb, luma], 1));
            msSsim?.Add(rgb);
        }

        var means = MeansOf(ssim);
        return new BenchmarkScores(
            Psnr.OfError(rgbError.Value), means?[..3].Average(),
            Psnr.OfError(lumaError.Value), means?[3],
            msSsim is null ? null : 1 - MsSsimLoss.Measure(msSsim), Niqe: null);
    }

    private static double[]? MeansOf(SsimStrips? ssim)
    {
        using var means = ssim?.Means.cpu();
        return means?.data<double>().ToArray();
    }
}
