using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>A distorted version of an image.</summary>
/// <param name="Name">The name of the distortion.</param>
/// <param name="Image">The result, shape <c>(1, 3, H, W)</c> in [0, 1].</param>
internal sealed record DistortedImage(string Name, Tensor Image);

/// <summary>
/// Distorts an image in four ways that have the same mean squared error: JPEG, blur, noise and a shift of brightness. The values of a loss for them show which
/// distortions the loss penalizes. The comparison is from Wang, Bovik, Sheikh and Simoncelli, "Image Quality Assessment: From Error Visibility to Structural
/// Similarity" (2004).
/// </summary>
internal static class EqualMse
{
    // The upper limits of the search for the σ of the blur, the σ of the noise and the shift.
    private const double LargestBlur = 16;
    private const double LargestNoise = 1;
    private const double LargestShift = 1;
    private const int Bisections = 40;

    // The relative difference that is allowed between two "equal" errors.
    private const double Tolerance = 0.01;

    /// <summary>Creates the four images. JPEG sets the MSE; bisection finds the strengths of the others.</summary>
    /// <param name="reference">The clean image, shape <c>(1, 3, H, W)</c> in [0, 1].</param>
    /// <param name="jpeg">The JPEG distortion whose error the others must have.</param>
    /// <param name="seed">The seed of the noise.</param>
    /// <returns>JPEG, blur, noise, brightness, in this order, clamped to [0, 1].</returns>
    /// <exception cref="InputException">No blur, noise or shift of this image has the error of the JPEG: it has no detail, or is too bright.</exception>
    public static IReadOnlyList<DistortedImage> Distort(Tensor reference, JpegDistortion jpeg, long seed)
    {
        ArgumentNullException.ThrowIfNull(jpeg);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var random = new Generator((ulong)seed);
        var noise = GreyPicture.ToRgb(randn(GreyPicture.Channels(reference).shape, generator: random)).to(reference.device);
        var artefact = jpeg.ApplyToPicture(reference);
        var error = MeanSquaredError(artefact);
        DistortedImage[] images =
        [
            new("JPEG", artefact),
            new("blur", Match("blur", strength => GaussianBlur.Blur(reference, strength), LargestBlur)),
            new("noise", Match("noise", strength => reference.Add(noise.Mul(strength)), LargestNoise)),
            new("brightness", Match("shift of brightness", strength => reference.Add(strength), LargestShift)),
        ];
        foreach (var image in images)
            image.Image.MoveToOuterDisposeScope();
        return images;

        double MeanSquaredError(Tensor image) => (image - reference).to(float64).Square().mean().item<double>();

        Tensor Match(string name, Func<double, Tensor> distort, double largest)
        {
            var (low, high) = (0.0, largest);
            for (var i = 0; i < Bisections; i++)
            {
                using var step = NewDisposeScope();
                var middle = (low + high) / 2;
                if (MeanSquaredError(distort(middle).Clamp(0, 1)) < error)
                    low = middle;
                else
                    high = middle;
            }

            var found = distort((low + high) / 2).Clamp(0, 1);
            return Math.Abs(MeanSquaredError(found) - error) <= Tolerance * error
                ? found
                : throw new InputException($"no {name} of this image has the error of its JPEG: use a photograph with detail");
        }
    }
}
