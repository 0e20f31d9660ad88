using System.Globalization;
using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>The trial of a task's distortion on an image, before a training starts.</summary>
/// <param name="Clean">The clean image, <c>(1, 3, H, W)</c> in [0, 1].</param>
/// <param name="Distorted">Its distorted version, enlarged to the same size if the task makes it smaller.</param>
/// <param name="Psnr">The PSNR in dB between the two, both rounded to 8 bits; infinity for equal images.</param>
internal sealed record DistortionTrial(Tensor Clean, Tensor Distorted, double Psnr)
{
    /// <summary>
    /// The highest PSNR in dB at which an image counts as distorted. An image that is rounded to 8 bits has 10 log₁₀(12 · 255²) = 58.9 dB. So above 60 dB the
    /// distortion is weaker than storing the image in a file, and a training would learn the rounding.
    /// </summary>
    public const double HighestPsnr = 60;

    // An image may have nothing to distort (a blur does not change a blank image), and a weak strength may be drawn from a range.
    private const int MostPictures = 5;
    private const int Draws = 8;

    /// <summary>Applies a distortion to images until one is distorted.</summary>
    /// <param name="distortion">The task's distortion.</param>
    /// <param name="pictures">Clean images, each of shape <c>(1, 3, H, W)</c> in [0, 1]; at least one. The first five are tried.</param>
    /// <param name="seed">The seed of random distortions.</param>
    /// <returns>The first image that it distorts. The caller owns the tensors.</returns>
    /// <exception cref="InputException">No image is distorted, or all are distorted too weakly.</exception>
    public static DistortionTrial Run(Distortion distortion, IEnumerable<Tensor> pictures, long seed)
    {
        ArgumentNullException.ThrowIfNull(distortion);
        ArgumentNullException.ThrowIfNull(pictures);
        using var random = new Generator((ulong)seed);
        return Run(
            distortion.Task,
            pictures.SelectMany(picture => Enumerable.Repeat(Prepare(picture, distortion.Factor), distortion.IsRandom ? Draws : 1)
                .Select(clean => (clean, distortion.ApplyToPicture(clean, random)))),
            MostPictures * (distortion.IsRandom ? Draws : 1));
    }

    /// <summary>Compares clean images with their distorted versions until one is distorted.</summary>
    /// <param name="task">The task, for the message.</param>
    /// <param name="pairs">Images and their distorted versions; at least one. The first five are tried.</param>
    /// <returns>The first pair that differs.</returns>
    /// <exception cref="InputException">No pair differs, or all differ too little.</exception>
    public static DistortionTrial Run(string task, IEnumerable<(Tensor Clean, Tensor Distorted)> pairs) => Run(task, pairs, MostPictures);

    private static DistortionTrial Run(string task, IEnumerable<(Tensor Clean, Tensor Distorted)> pairs, int most)
    {
        using var _ = no_grad();
        var lowest = double.PositiveInfinity;
        foreach (var (clean, distorted) in pairs.Take(most))
        {
            var trial = Measure(clean, distorted);
            // A smaller image always counts as distorted.
            if (trial.Psnr <= HighestPsnr || !clean.shape.SequenceEqual(distorted.shape))
                return trial;
            lowest = Math.Min(lowest, trial.Psnr);
        }

        var found = double.IsInfinity(lowest) ? "no change" : string.Create(CultureInfo.InvariantCulture, $"{lowest:F1} dB");
        throw new InputException($"the task {Untrusted.Quote(task)} damages nothing: expected a picture of at most {HighestPsnr} dB (PSNR) of the clean one, found {found}; "
            + (ExternalDistortion.IsNameOf(task)
                ? "try the program by hand, and if it chooses the format by the name of {out}, which ends in .png, name the format, as 'jpg:{out}' does for ImageMagick"
                : "use a stronger task, or other pictures"));
    }

    private static DistortionTrial Measure(Tensor clean, Tensor distorted)
    {
        var enlarged = distorted.shape.SequenceEqual(clean.shape) ? distorted : Resampler.Bicubic(distorted, clean.shape[2], clean.shape[3]).Clamp(0, 1);
        using var scope = NewDisposeScope();
        return new DistortionTrial(clean, enlarged, Evaluation.Psnr.Compute(Rounded(enlarged), Rounded(clean)));
    }

    private static Tensor Rounded(Tensor image) => Pixels.Levels(image, bitDepth: 8).Div(255);

    // Rounded as in a file, because rounding does not count as a distortion.
    private static Tensor Prepare(Tensor image, int factor) =>
        Rounded(image).narrow(2, 0, image.shape[2] / factor * factor).narrow(3, 0, image.shape[3] / factor * factor).contiguous();
}
