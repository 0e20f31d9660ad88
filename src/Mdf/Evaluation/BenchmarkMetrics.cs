using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>What a restored image scores in a benchmark's table.</summary>
/// <param name="PsnrRgb">PSNR over all channels, in dB, higher is better; infinity for equal images.</param>
/// <param name="SsimRgb">SSIM, mean over the channels, at most 1, higher is better; null where a side is shorter than 11 pixels.</param>
/// <param name="PsnrY">PSNR of the luma, in dB; infinity for equal images.</param>
/// <param name="SsimY">SSIM of the luma; null where <paramref name="SsimRgb"/> is.</param>
/// <param name="MsSsim">MS-SSIM of RGB, in [0, 1], higher is better; null where a side is shorter than 161 pixels.</param>
/// <param name="Niqe">
/// NIQE of the restored image, lower is better; null where it was not asked for, or the image has fewer than two blocks of 96×96 pixels with texture.
/// </param>
/// <remarks>All sizes are those that the border has left.</remarks>
public sealed record BenchmarkScores(double PsnrRgb, double? SsimRgb, double PsnrY, double? SsimY, double? MsSsim, double? Niqe);

/// <summary>
/// The metrics of restoration benchmarks by their usual protocol, which is BasicSR's: both images rounded to 8 bits, a border of the
/// scale factor's width cut off where the task is super-resolution, and PSNR and SSIM on RGB and on luma alone.
/// </summary>
/// <remarks>
/// SSIM: Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity" (2004), a Gaussian
/// window of 11×11 with σ = 1.5 where the whole of it lies inside. MS-SSIM is 1 − <see cref="MsSsimLoss"/>. NIQE is <see cref="NiqeModel"/>.
/// </remarks>
public static class BenchmarkMetrics
{
    private static readonly GaussianWindows s_windows = new(padding: 0, precision: ScalarType.Float64);

    /// <summary>Scores a restored image.</summary>
    /// <param name="restored"><c>(1, 3, H, W)</c>, floating point, on any device; clamped to [0, 1] and rounded here.</param>
    /// <param name="reference">The same size and device, in [0, 1]; rounded, too.</param>
    /// <param name="border">Pixels to cut off at each side of both images, before every metric.</param>
    /// <param name="niqe">The model for NIQE; null to leave that out.</param>
    /// <returns>The scores; null for what the image is too small for.</returns>
    /// <exception cref="InputException">The sizes differ, one is no image or holds NaN, or the border leaves nothing.</exception>
    public static BenchmarkScores Score(Tensor restored, Tensor reference, int border = 0, NiqeModel? niqe = null)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var rgb = BenchmarkImage.Of(restored, border, "restored");
        var referenceRgb = BenchmarkImage.Of(reference, border, "reference");
        if (!rgb.shape.SequenceEqual(referenceRgb.shape))
        {
            throw new InputException($"expected images of one size, found {restored.shape[3]}×{restored.shape[2]} (restored) "
                + $"and {reference.shape[3]}×{reference.shape[2]} (reference)");
        }

        var (luma, referenceLuma) = (BenchmarkImage.Luma(rgb), BenchmarkImage.Luma(referenceRgb));
        // All four channels at once: libtorch's convolution of a single one is several times slower.
        var ssim = Ssim(cat([rgb, luma], 1), cat([referenceRgb, referenceLuma], 1));
        return new BenchmarkScores(
            Psnr.Of(rgb, referenceRgb), ssim?[..3].Average(),
            Psnr.Of(luma, referenceLuma), ssim?[3],
            MsSsim(rgb, referenceRgb), niqe?.ScoreLuma(luma));
    }

    /// <summary>SSIM of each channel.</summary>
    private static double[]? Ssim(Tensor image, Tensor reference)
    {
        if (Math.Min(image.shape[2], image.shape[3]) < GaussianWindows.WindowSize)
            return null;
        using var scope = NewDisposeScope();
        var (luminance, contrastStructure) = s_windows.Compare(image, s_windows.Of(reference));
        return (luminance * contrastStructure).mean([0, 2, 3]).cpu().data<double>().ToArray();
    }

    private static double? MsSsim(Tensor image, Tensor reference)
    {
        using var loss = new MsSsimLoss();
        if (Math.Min(image.shape[2], image.shape[3]) < loss.MinimumSize)
            return null;
        using var value = loss.call(image, reference);
        return 1 - value.item<double>();
    }
}
