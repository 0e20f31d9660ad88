using System.Globalization;
using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Runtime;

namespace Mdf.Evaluation;

/// <summary>Checks that images fit the task of a network: the quality of JPEG files, the noise of images.</summary>
internal static class TaskFit
{
    /// <summary>
    /// The largest allowed ratio between the quantization steps of a JPEG and of the training. For quality 10 it allows 7 to 15, for 95 it allows 93 to 96.
    /// </summary>
    private const double QuantizationMargin = 1.5;

    /// <summary>The fraction of the training's lowest noise below which an image counts as clean: the network would remove detail of this strength with the noise.</summary>
    private const double NoiseMargin = 0.5;

    /// <summary>The largest number of images that get one line each.</summary>
    private const int Lines = 3;

    /// <summary>Lists the images that do not fit the task of the network.</summary>
    /// <param name="task">The network's task, such as <c>jpeg:10-95</c> or <c>denoise:25</c>; other tasks and an unknown task (null) give no lines.</param>
    /// <param name="images">The images. Files in other formats than JPEG have no known quality and give no lines about it: a PNG may be a decoded JPEG.</param>
    /// <returns>One line for each image, or one line for all if there are many; empty if all fit.</returns>
    public static IReadOnlyList<string> Cautions(string? task, IReadOnlyList<RestoredImage> images)
    {
        ArgumentNullException.ThrowIfNull(images);
        return Trained(task) switch
        {
            JpegDistortion jpeg => OfQuality(jpeg, images),
            GaussianNoise noise => OfNoise(noise, images),
            _ => [],
        };
    }

    // The task is text from a file. Only these two tasks are parsed.
    private static Distortion? Trained(string? task)
    {
        try
        {
            return task?.Split(':')[0] is "jpeg" or "denoise" ? Tasks.Parse(task) : null;
        }
        catch (InputException)
        {
            return null;
        }
    }

    private static IReadOnlyList<string> OfQuality(JpegDistortion trained, IReadOnlyList<RestoredImage> images)
    {
        var (finest, coarsest) = (Steps(trained.Highest) / QuantizationMargin, Steps(trained.Lowest) * QuantizationMargin);
        RestoredImage[] better = [.. images.Where(image => image.JpegQuality > trained.Highest && Steps(image.JpegQuality.Value) < finest)];
        RestoredImage[] worse = [.. images.Where(image => image.JpegQuality < trained.Lowest && Steps(image.JpegQuality.Value) > coarsest)];
        var range = Range(trained.Lowest, trained.Highest);
        return
        [
            .. Lists(better, image => $"a JPEG of quality {image.JpegQuality}", "JPEGs of better quality", $"quality {range}", "it smooths detail that is not damaged"),
            .. Lists(worse, image => $"a JPEG of quality {image.JpegQuality}", "JPEGs of worse quality", $"quality {range}", "it leaves artefacts"),
        ];
    }

    private static IReadOnlyList<string> OfNoise(GaussianNoise trained, IReadOnlyList<RestoredImage> images) =>
        Lists(
            [.. images.Where(image => image.Noise < NoiseMargin * trained.Lowest)],
            image => string.Create(CultureInfo.InvariantCulture, $"a picture with noise of about σ {image.Noise:F1}"),
            "pictures with less noise",
            $"σ {Range(trained.Lowest, trained.Highest)}",
            "it smooths detail");

    private static IReadOnlyList<string> Lists(RestoredImage[] images, Func<RestoredImage, string> describe, string many, string trained, string effect) =>
        images.Length <= Lines
            ? [.. images.Select(image => $"'{image.Input}' is {describe(image)}, and the network was trained for {trained}: {effect}")]
            : [$"{images.Length} images are {many} than the network was trained for, which is {trained} ('{images[0].Input}' is {describe(images[0])}): {effect}"];

    /// <summary>Returns the size of the quantization steps, in percent of the standard's tables. At quality 100, where all steps are 1, it is the same as at 99.5.</summary>
    private static double Steps(int quality) => Math.Max(1, JpegQuality.Scale(quality));

    private static string Range<T>(T lowest, T highest)
        where T : IFormattable => lowest.Equals(highest)
            ? lowest.ToString(null, CultureInfo.InvariantCulture)
            : string.Create(CultureInfo.InvariantCulture, $"{lowest} to {highest}");
}
