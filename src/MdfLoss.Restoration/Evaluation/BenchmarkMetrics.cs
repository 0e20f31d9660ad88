using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>
/// The metrics of restoration benchmarks by the usual protocol, as in BasicSR. Both images are rounded to 8 bits. For super-resolution, a border of the width of the
/// scale factor is cropped. PSNR and SSIM are computed on RGB and on luma. All is computed strip by strip, so the memory does not grow with the image.
/// </summary>
/// <remarks>
/// SSIM: Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity" (2004), a Gaussian
/// window of 11×11 with σ = 1.5, where the whole window is inside the image. MS-SSIM is 1 − <see cref="MsSsimLoss"/>. NIQE is <see cref="NiqeModel"/>.
/// </remarks>
internal static class BenchmarkMetrics
{
    // Of the colour differences; far below one level of 8 bits, and above the rounding of the matrix.
    private const double LeastColour = 1e-5;

    private static readonly GaussianWindows s_windows = new(padding: 0, precision: ScalarType.Float64);

    /// <summary>Scores a restored image with the measures that need no loss: PSNR and SSIM of RGB and of luma, PSNR of the colours, MS-SSIM and NIQE.</summary>
    /// <param name="restored"><c>(1, 3, H, W)</c>, floating point, on any device; the method clamps it to [0, 1] and rounds it.</param>
    /// <param name="reference">The same size and device, in [0, 1]; the method rounds it too.</param>
    /// <param name="border">The number of pixels to crop at each side of both images before all measures.</param>
    /// <param name="niqe">The model for NIQE; null to omit NIQE.</param>
    /// <param name="cancellationToken">Stops the work between two strips.</param>
    /// <returns>The scores. A score is null if the image is too small for it; that of the colours also if the reference is grey.</returns>
    /// <exception cref="ArgumentException">A tensor is not an image.</exception>
    /// <exception cref="InputException">The sizes differ, an image contains NaN, or the border leaves nothing.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static BenchmarkScores Score(
        Tensor restored, Tensor reference, int border = 0, NiqeModel? niqe = null, CancellationToken cancellationToken = default)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var (rgb, referenceRgb) = BenchmarkProtocol.PairWithoutBorder(restored, reference, border);
        var scores = Score(rgb, referenceRgb, ImageStrips.Divide(rgb.shape, cancellationToken: cancellationToken));
        return niqe is null ? scores : new BenchmarkScores(scores.Values.Append(KeyValuePair.Create(Measures.Niqe, niqe.ScoreWhole(rgb, cancellationToken))));
    }

    /// <summary>Computes measures in one pass over the strips.</summary>
    /// <param name="image">The image without its border, <c>(1, 3, H, W)</c>.</param>
    /// <param name="reference">The same size.</param>
    /// <param name="strips">The strips of both images.</param>
    /// <param name="names">The measures, of <see cref="Measures.OfStrips"/>. Default: all of them.</param>
    /// <param name="isRounded">Whether to round both images to 8 bits. Otherwise they are only clamped.</param>
    internal static BenchmarkScores Score(Tensor image, Tensor reference, IEnumerable<ImageStrip> strips, IReadOnlyList<string>? names = null, bool isRounded = true)
    {
        names ??= [.. Measures.OfStrips.Select(measure => measure.Name)];
        var (height, width, axis) = (image.shape[2], image.shape[3], ImageStrips.AxisOf(image.shape));
        var shorter = Math.Min(height, width);
        var (rgbError, lumaError, chromaError) = (new RunningMean(), new RunningMean(), new RunningMean());
        var hasColours = false;
        using var ssim = shorter < GaussianWindows.WindowSize || !(names.Contains(Measures.Ssim) || names.Contains(Measures.SsimY))
            ? null : new SsimStrips(s_windows, height, width, axis);
        using var msSsim = shorter < MsSsimLoss.SmallestSize || !names.Contains(Measures.MsSsim) ? null : MsSsimLoss.InStrips(image.shape);
        foreach (var strip in strips)
        {
            using var scope = NewDisposeScope();
            // The restored image and its reference.
            var rgb = cat([BenchmarkProtocol.Prepare(strip.Cut(image), isRounded, "restored"), BenchmarkProtocol.Prepare(strip.Cut(reference), isRounded, "reference")]);
            var luma = BenchmarkProtocol.Luma(rgb);
            Psnr.AddSquares(rgbError, rgb.narrow(0, 0, 1), rgb.narrow(0, 1, 1));
            Psnr.AddSquares(lumaError, luma.narrow(0, 0, 1), luma.narrow(0, 1, 1));
            if (names.Contains(Measures.PsnrChroma))
            {
                var chroma = ColourMatrix.Apply(rgb, ChromaLoss.ColourDifferences);
                chromaError.Add((chroma.narrow(0, 0, 1) - chroma.narrow(0, 1, 1)).Square());
                hasColours |= chroma.narrow(0, 1, 1).abs().max().Number() > LeastColour;
            }

            // All four channels together, because libtorch's convolution of a single channel is several times slower.
            ssim?.Add(cat([rgb, luma], 1));
            msSsim?.Add(rgb);
        }

        var means = MeansOf(ssim);
        return new BenchmarkScores(names.Select(name => KeyValuePair.Create(name, Value(name))));

        double? Value(string name) => name switch
        {
            Measures.Psnr => Psnr.OfError(rgbError.Value),
            Measures.Ssim => means?[..3].Average(),
            Measures.PsnrY => Psnr.OfError(lumaError.Value),
            Measures.SsimY => means?[3],
            Measures.PsnrChroma => hasColours ? Psnr.OfError(chromaError.Value) : null, // a grey picture has no colours: its error is 0, or only rounding
            Measures.MsSsim => msSsim is null ? null : 1 - MsSsimLoss.Measure(msSsim),
            _ => throw new ArgumentOutOfRangeException(nameof(names), name, "expected measures that are computed from the samples in one pass"),
        };
    }

    private static double[]? MeansOf(SsimStrips? ssim)
    {
        using var means = ssim?.Means.cpu();
        return means?.data<double>().ToArray();
    }
}
