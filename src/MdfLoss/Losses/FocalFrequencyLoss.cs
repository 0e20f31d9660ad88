using System.Globalization;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>
/// The focal frequency loss. Jiang, Dai, Wu and Loy, "Focal Frequency Loss for Image Reconstruction and Synthesis" (ICCV 2021): the mean of w · |F|², where F is the
/// orthonormal two-dimensional Fourier transform of the difference of the images, and w = |F|^α divided by its maximum over the frequencies of a channel of an image.
/// </summary>
/// <remarks>
/// <para>The weights are constants for the gradient, as in the paper. So the gradient is that of the weighted error, not that of the value.</para>
/// <para>
/// Any range; the value is proportional to its square. Some 2.5 log₂(H W) multiplications for each sample. The whole image is in memory, with about six maps of
/// its size: a frequency depends on every sample.
/// </para>
/// </remarks>
/// <param name="alpha">α, the exponent of the weights, positive; the paper's is 1.</param>
public sealed class FocalFrequencyLoss(double alpha = 1) : ReconstructionLoss("focal-frequency")
{
    // The largest weight is 1 by definition; this only avoids 0/0 where two images are equal. No float32 image has errors as small.
    private const double Tiny = 1e-30;

    /// <summary>The exponent of the weights.</summary>
    public double Alpha { get; } = alpha > 0 && double.IsFinite(alpha) ? alpha : throw new ArgumentOutOfRangeException(nameof(alpha), alpha, "expected a positive number");

    /// <inheritdoc/>
    public override string Expression => Alpha == 1 ? GetName() : string.Create(CultureInfo.InvariantCulture, $"{GetName()}?alpha={Alpha}");

    /// <inheritdoc/>
    protected internal override ReferenceFeatures Analyze(Tensor reference) => new([reference], restored =>
    {
        var spectrum = fft.fft2(restored - reference, norm: TorchSharp.FFTNormType.Ortho);
        var power = view_as_real(spectrum).Square().sum([-1]);
        return MeanPerImage(Weights(power.detach()) * power);
    });

    private Tensor Weights(Tensor power)
    {
        using var _ = no_grad();
        using var scope = NewDisposeScope();
        // Divided first: a power of the quotient cannot leave the range of the type.
        return (power / power.amax([2, 3], keepdim: true).ClampMin(Tiny)).Pow(Alpha / 2).MoveToOuterDisposeScope();
    }
}
