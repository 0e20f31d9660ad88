using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>Peak signal-to-noise ratio: 10·log₁₀(1 / MSE), in dB, higher is better.</summary>
/// <remarks>It is computed over all colour channels and pixels. Both images are first clamped to [0, 1] and not rounded, as in the authors' curves.</remarks>
internal static class Psnr
{
    /// <summary>Computes the PSNR of a restored image or batch.</summary>
    /// <param name="restored">Any shape.</param>
    /// <param name="reference">The same shape.</param>
    /// <returns>The PSNR in dB; infinity for equal images.</returns>
    /// <exception cref="InputException">The shapes differ.</exception>
    public static double Compute(Tensor restored, Tensor reference)
    {
        if (!restored.shape.SequenceEqual(reference.shape))
            throw new InputException($"PSNR expected images of one size, found ({string.Join(", ", restored.shape)}) and ({string.Join(", ", reference.shape)})");
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var (x, y) = restored.dim() > 0 ? (restored, reference) : (restored.view(1), reference.view(1));
        var error = new RunningMean();
        foreach (var strip in ImageStrips.Divide(x.shape))
            AddSquares(error, strip.Cut(x), strip.Cut(y));
        return OfError(error.Value);
    }

    /// <summary>Adds the squared differences of two images or parts of images, clamped to [0, 1].</summary>
    internal static void AddSquares(RunningMean error, Tensor restored, Tensor reference)
    {
        using var scope = NewDisposeScope();
        // In float64, because float32 sums the small squares of nearly equal images inaccurately.
        error.Add((restored.Clamp(0, 1).to(float64) - reference.Clamp(0, 1).to(float64)).Square());
    }

    /// <summary>Computes the PSNR of a mean squared error.</summary>
    internal static double OfError(double meanSquaredError) => 10 * Math.Log10(1 / meanSquaredError);
}
