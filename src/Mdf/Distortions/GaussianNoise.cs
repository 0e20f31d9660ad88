using System.Globalization;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Distortions;

/// <summary>Denoising, <c>denoise:σ</c>: white Gaussian noise, independent in every channel, not clipped.</summary>
public sealed class GaussianNoise : Distortion
{
    /// <summary>Creates the distortion.</summary>
    /// <param name="sigma">Standard deviation in 8-bit units, above 0 and at most 255: in [0, 1] it is <paramref name="sigma"/> / 255.</param>
    /// <exception cref="InputException"><paramref name="sigma"/> is out of range.</exception>
    public GaussianNoise(double sigma)
    {
        if (!(sigma is > 0 and <= 255))
            throw OutOfRange(Format(sigma));
        Sigma = sigma;
    }

    internal static TaskName Name { get; } = new("denoise", "denoise:25 (σ in 8-bit units)", Create);

    /// <summary>Standard deviation in 8-bit units.</summary>
    public double Sigma { get; }

    /// <inheritdoc/>
    public override string Task => $"{Name.Name}:{Format(Sigma)}";

    /// <inheritdoc/>
    public override bool IsRandom => true;

    /// <inheritdoc/>
    protected override Tensor Distort(Tensor reference, Generator? random)
    {
        // Drawn where the generator lives: one seed gives one noise, whatever device the images are on.
        var noise = randn(reference.shape, reference.dtype, random?.device ?? reference.device, generator: random);
        return noise.to(reference.device).mul_(Sigma / 255).add_(reference);
    }

    private static GaussianNoise Create(string? strength)
    {
        if (string.IsNullOrEmpty(strength))
            throw new InputException("task 'denoise' needs a strength: expected the noise's σ in 8-bit units behind a colon, such as 'denoise:25'");
        const NumberStyles styles = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
        return double.TryParse(strength, styles, CultureInfo.InvariantCulture, out var sigma)
            ? new GaussianNoise(sigma)
            : throw OutOfRange(strength);
    }

    private static string Format(double sigma) => sigma.ToString(CultureInfo.InvariantCulture);

    private static InputException OutOfRange(string found) => new(
        $"cannot use task 'denoise:{found}': expected the noise's σ in 8-bit units, above 0 and at most 255, such as 'denoise:25'");
}
