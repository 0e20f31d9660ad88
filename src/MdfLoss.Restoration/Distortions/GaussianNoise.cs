using System.Globalization;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Distortions;

/// <summary>
/// Denoising, <c>denoise:σ</c>: white Gaussian noise, independent in every channel, neither clipped nor rounded. <c>denoise:σ-σ</c> draws the
/// strength for each image, uniformly.
/// </summary>
internal sealed class GaussianNoise : Distortion
{
    /// <summary>Creates the distortion.</summary>
    /// <param name="sigma">The standard deviation in 8-bit units, above 0 and at most 255. For images in [0, 1] it is <paramref name="sigma"/> / 255.</param>
    /// <exception cref="InputException"><paramref name="sigma"/> is out of range.</exception>
    public GaussianNoise(double sigma)
        : this(sigma, sigma)
    {
    }

    /// <summary>Creates the distortion with a range of strengths.</summary>
    /// <param name="lowest">The smallest standard deviation in 8-bit units, at least 0.</param>
    /// <param name="highest">The largest standard deviation, above 0, not below the smallest, and at most 255.</param>
    /// <exception cref="InputException">The range is not as above.</exception>
    public GaussianNoise(double lowest, double highest)
    {
        if (!(lowest >= 0 && highest >= lowest && highest is > 0 and <= 255))
            throw OutOfRange(Format(lowest, highest));
        (Lowest, Highest) = (lowest, highest);
    }

    internal static TaskName Name { get; } = new("denoise", "denoise:25", "σ in 8-bit units", Create);

    /// <summary>The smallest standard deviation in 8-bit units.</summary>
    public double Lowest { get; }

    /// <summary>The largest standard deviation in 8-bit units; equal to the smallest if the strength is fixed.</summary>
    public double Highest { get; }

    /// <inheritdoc/>
    public override string Task => $"{Name.Name}:{Format(Lowest, Highest)}";

    /// <inheritdoc/>
    public override bool IsRandom => true;

    /// <inheritdoc/>
    protected override Tensor Distort(Tensor reference, Generator? random)
    {
        // The noise is drawn on the device of the generator, so one seed gives the same noise for images on any device.
        var device = random?.device ?? reference.device;
        var noise = randn(reference.shape, reference.dtype, device, generator: random);
        if (Lowest == Highest)
            return noise.to(reference.device).Mul_(Highest / 255).Add_(reference);
        var sigma = rand([reference.shape[0], 1, 1, 1], reference.dtype, device, generator: random).Mul(Highest - Lowest).Add(Lowest);
        return (noise * sigma.Div(255)).to(reference.device).Add_(reference);
    }

    private static GaussianNoise Create(string? strength)
    {
        if (string.IsNullOrEmpty(strength))
            throw new InputException("task 'denoise' needs a strength: expected the noise's σ in 8-bit units after a colon, such as 'denoise:25'");
        return Strength.Parse<double>(strength, Number) is var (lowest, highest) && (lowest > 0 || highest > lowest)
            ? new GaussianNoise(lowest, highest)
            : throw OutOfRange(strength);

        static double? Number(string text)
        {
            const NumberStyles styles = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
            return double.TryParse(text, styles, CultureInfo.InvariantCulture, out var sigma) ? sigma : null;
        }
    }

    private static string Format(double lowest, double highest) => Strength.Format(lowest, highest);

    private static InputException OutOfRange(string found) => new(
        $"cannot use task 'denoise:{found}': expected the noise's σ in 8-bit units, above 0 and at most 255, such as 'denoise:25', or a range, such as 'denoise:5-50'");
}
