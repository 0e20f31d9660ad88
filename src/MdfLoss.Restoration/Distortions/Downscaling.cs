using System.Globalization;
using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Distortions;

/// <summary>
/// Single-image super-resolution of a network, <c>sisr:factor</c>. The distortion is the bicubic reduction with which the low-resolution images of benchmark
/// sets were made (<see cref="Resampler.BenchmarkDownscale"/>), rounded to 8 bits as in their files.
/// </summary>
internal sealed class Downscaling : Distortion
{
    /// <summary>Creates the distortion.</summary>
    /// <param name="factor">The factor by which networks upscale: 2, 3 or 4.</param>
    /// <exception cref="InputException"><paramref name="factor"/> is another number.</exception>
    public Downscaling(int factor)
    {
        if (factor is < 2 or > 4)
            throw OutOfRange(factor.ToString(CultureInfo.InvariantCulture));
        Factor = factor;
    }

    /// <inheritdoc/>
    public override string Task => string.Create(CultureInfo.InvariantCulture, $"{TaskName.SuperResolution}:{Factor}");

    /// <inheritdoc/>
    public override int Factor { get; }

    internal static InputException OutOfRange(string found) =>
        new($"cannot use task 'sisr:{found}': expected a factor of 2, 3 or 4, such as 'sisr:4', or plain 'sisr' for the training of a loss");

    /// <inheritdoc/>
    protected override Tensor Distort(Tensor reference, Generator? random) => Resampler.BenchmarkDownscale(reference, Factor);
}
