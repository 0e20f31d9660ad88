using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>
/// The log-Gabor filters of phase congruency for images of one size, in the frequency domain: four scales with wavelengths 6, 12, 24 and 48, and four orientations. Kovesi,
/// "Image Features from Phase Congruency" (Videre 1999), with the parameters of FSIM.
/// </summary>
/// <param name="Radial">The filters' dependence on the frequency, <c>(scales, H, W)</c>, fine to coarse.</param>
/// <param name="Angular">Their dependence on the direction, <c>(orientations, H, W)</c>.</param>
/// <param name="NoiseGains">
/// For each orientation: the energy that noise gives over all scales, as a multiple of the root of the median power at the finest scale; with its mean, and two
/// standard deviations added.
/// </param>
internal sealed record LogGaborFilters(Tensor Radial, Tensor Angular, IReadOnlyList<double> NoiseGains)
{
    public const int Orientations = 4;
    public const double FinestWavelength = 6;

    private const int Scales = 4;
    private const double RadialDeviation = 0.55; // as a fraction of the filter's frequency
    private const double AngularSpacing = 1.2; // the distance of orientations, in standard deviations
    private const double Cutoff = 0.45; // of the low-pass filter, in cycles per pixel
    private const int Sharpness = 15;
    private const double NoiseDeviations = 2;
    private const double NoiseScale = 1.7;

    /// <summary>Makes the filters for an image.</summary>
    /// <param name="image">Any image of the size, type and device.</param>
    public static LogGaborFilters ForImage(Tensor image)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var (height, width) = (image.shape[^2], image.shape[^1]);
        var down = Frequencies(height).view(-1, 1).expand(height, width);
        var across = Frequencies(width).view(1, -1).expand(height, width);
        var radius = down.Square().Add(across.Square()).sqrt();
        var angle = across.neg().atan2(down); // The axes are exchanged, as in piq.
        var isConstant = radius.Eq(0);
        radius = where(isConstant, ones_like(radius), radius);
        var lowPass = radius.Div(Cutoff).Pow(2 * Sharpness).Add(1).reciprocal();
        var radial = stack([.. Enumerable.Range(0, Scales).Select(scale =>
        {
            var distance = radius.Mul(FinestWavelength * (1 << scale)).log();
            var gabor = distance.Square().Div(-2 * Math.Pow(Math.Log(RadialDeviation), 2)).exp() * lowPass;
            return where(isConstant, zeros_like(gabor), gabor);
        })]);
        var deviation = Math.PI / Orientations / AngularSpacing;
        var angular = stack([.. Enumerable.Range(0, Orientations).Select(orientation =>
        {
            var turned = angle.Sub(orientation * Math.PI / Orientations);
            var distance = turned.sin().atan2(turned.cos()); // back into (−π, π]
            return distance.Square().Div(-2 * deviation * deviation).exp();
        })]);
        var gains = angular.unbind(0).Select(direction => NoiseGain(radial * direction)).ToArray();
        return new(
            radial.to(image.dtype).to(image.device).MoveToOuterDisposeScope(), angular.to(image.dtype).to(image.device).MoveToOuterDisposeScope(), gains);
    }

    private static double NoiseGain(Tensor filters)
    {
        // Sums over the filters' real parts in space are, by Parseval, sums over the even parts of their spectra.
        var all = filters.sum([0]);
        var mirrored = all.flip([0, 1]).roll([1L, 1L], [0L, 1L]);
        var power = all.Add(mirrored).Mul(0.5).Square().sum().Number() / (filters[0].Square().sum().Number() * Math.Log(2));
        return Math.Sqrt(power) * (Math.Sqrt(Math.PI / 2) + NoiseDeviations * Math.Sqrt(2 - Math.PI / 2)) / NoiseScale;
    }

    /// <summary>Cycles per pixel in the order of the Fourier transform. An odd size has ±0.5, too, as Kovesi's code does.</summary>
    private static Tensor Frequencies(long size)
    {
        var half = size / 2;
        var steps = (double)(size % 2 == 0 ? size : size - 1);
        return tensor(Enumerable.Range(0, (int)size).Select(i => (i < size - half ? i : i - size) / steps).ToArray(), float64);
    }
}
