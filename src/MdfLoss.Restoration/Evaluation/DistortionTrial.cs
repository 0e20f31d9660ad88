using System.Globalization;
using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>What a task does to a picture, tried before something is trained on it.</summary>
/// <param name="Clean">The clean picture, <c>(1, 3, H, W)</c> in [0, 1].</param>
/// <param name="Distorted">Its distorted version, enlarged to the same size where the task makes it smaller.</param>
/// <param name="Psnr">The PSNR in dB of the two, both rounded to 8 bits; infinity for equal pictures.</param>
internal sealed record DistortionTrial(Tensor Clean, Tensor Distorted, double Psnr)
{
    /// <summary>
    /// The highest PSNR in dB at which a picture counts as damaged. Rounding a picture to 8 bits leaves 10 log₁₀(12 · 255²) = 58.9 dB: above 60 the damage is less
    /// than that of storing a picture in a file, and the training would learn the rounding.
    /// </summary>
    public const double HighestPsnr = 60;

    // A picture may have nothing to damage (a blur of a blank one), and a range of strengths may draw a weak one.
    private const int MostPictures = 5;
    private const int Draws = 8;

    /// <summary>Tries a distortion on pictures until one is damaged.</summary>
    /// <param name="distortion">The task's distortion.</param>
    /// <param name="pictures">Clean pictures, each of shape <c>(1, 3, H, W)</c> in [0, 1]; at least one. The first five are tried.</param>
    /// <param name="seed">The seed of random distortions.</param>
    /// <returns>The first picture that it damages; its tensors are the caller's.</returns>
    /// <exception cref="InputException">It leaves every one of them as it is, or nearly.</exception>
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

    /// <summary>Compares clean pictures with their distorted versions until one is damaged.</summary>
    /// <param name="task">The task, for the message.</param>
    /// <param name="pairs">Pictures and their distorted versions; at least one. The first five are tried.</param>
    /// <returns>The first pair that differs.</returns>
    /// <exception cref="InputException">None differs, or hardly.</exception>
    public static DistortionTrial Run(string task, IEnumerable<(Tensor Clean, Tensor Distorted)> pairs) => Run(task, pairs, MostPictures);

    private static DistortionTrial Run(string task, IEnumerable<(Tensor Clean, Tensor Distorted)> pairs, int most)
    {
        using var _ = no_grad();
        var lowest = double.PositiveInfinity;
        foreach (var (clean, distorted) in pairs.Take(most))
        {
            var trial = Measure(clean, distorted);
            // A smaller picture is damaged whatever it shows.
            if (trial.Psnr <= HighestPsnr || !clean.shape.SequenceEqual(distorted.shape))
                return trial;
            lowest = Math.Min(lowest, trial.Psnr);
        }

        var found = double.IsInfinity(lowest) ? "it as it is" : string.Create(CultureInfo.InvariantCulture, $"{lowest:F1} dB");
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

    // As a file holds it: rounding is no damage.
    private static Tensor Prepare(Tensor image, int factor) =>
        Rounded(image).narrow(2, 0, image.shape[2] / factor * factor).narrow(3, 0, image.shape[3] / factor * factor).contiguous();
}
