using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>An image and the reference that it is compared with.</summary>
/// <param name="Image">The image's file.</param>
/// <param name="Reference">The reference's file.</param>
/// <param name="Folder">The folder of the image, if the user named a folder; the program then reports its mean. Otherwise null.</param>
internal sealed record ImagePair(string Image, string Reference, string? Folder = null);

/// <summary>The scores of an image.</summary>
/// <param name="Pair">The image and its reference.</param>
/// <param name="Scores">The values of the measures.</param>
/// <param name="Losses">The value of every loss, in the given order, as in training: of the whole image.</param>
internal sealed record ImageScore(ImagePair Pair, BenchmarkScores Scores, IReadOnlyList<double> Losses);

/// <summary>The rules of a scoring.</summary>
/// <param name="Border">The number of pixels that the measures ignore at each side.</param>
/// <param name="Task">The task whose rules apply: 8-bit images, and references that are cropped to a multiple of the factor. Null: the files are measured as they are.</param>
internal sealed record ScoringRules(int Border = 0, Distortion? Task = null)
{
    /// <summary>Creates the rules of a task.</summary>
    /// <param name="task">The distortion of the task.</param>
    /// <param name="border">Another border than the task's; null for the task's.</param>
    public static ScoringRules Of(Distortion task, int? border) => new(border ?? BenchmarkProtocol.BorderOf(task), task);

    /// <summary>The rules, as one line to print next to the numbers.</summary>
    public string Words => Task is null
        ? $"files as they are; border of {Border} pixels cut off; Y of BT.601, 16–235; SSIM with an 11×11 Gaussian window, σ 1.5; losses of the whole image"
        : $"{Task.Task}; {BenchmarkProtocol.Rules(Task, Border)}; losses of the whole image";
}

/// <summary>Scores image files against their references, with any measures and losses.</summary>
internal static class ImageScoring
{
    /// <summary>Finds the pairs: files against one reference file, or folders against a reference folder by file name (<see cref="ResultFiles"/>).</summary>
    /// <param name="reference">A file or a folder.</param>
    /// <param name="images">Files if the reference is a file, folders if it is a folder; at least one.</param>
    /// <returns>The pairs in the given order, and by name within a folder.</returns>
    /// <exception cref="InputException">A file or folder is missing, is a folder instead of a file or the reverse, has no counterpart, or could have two.</exception>
    public static IReadOnlyList<ImagePair> FindPairs(string reference, IReadOnlyList<string> images)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (!Path.Exists(reference))
            throw new InputException($"cannot read the reference '{reference}': there is no such file or folder; check the path");
        if (!Directory.Exists(reference))
        {
            return [.. images.Select(image => Directory.Exists(image)
                ? throw new InputException($"'{image}' is a folder but the reference '{reference}' is not: give a folder of references to compare folders")
                : new ImagePair(image, reference))];
        }

        var references = ImageFolder.List(reference);
        if (references.GroupBy(Path.GetFileNameWithoutExtension).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new InputException($"'{reference}' has two images named '{twice.Key}': keep one");
        return [.. images.SelectMany(PairFolder)];

        IEnumerable<ImagePair> PairFolder(string folder)
        {
            if (!Directory.Exists(folder))
                throw new InputException($"expected a folder of images, since the reference '{reference}' is a folder, found {(File.Exists(folder) ? "the file" : "nothing at")} '{folder}'");
            var (found, others) = ResultFiles.Match(references, ImageFolder.List(folder));
            if (others.Count > 0)
                throw new InputException($"'{others[0]}' has no counterpart of the same name in '{reference}'");
            // Means over different sets of images could not be compared.
            if (references.FirstOrDefault(image => !found.ContainsKey(image)) is { } missing)
                throw new InputException($"'{missing}' has no counterpart of the same name in '{folder}': every reference needs one");
            return references.OrderBy(Path.GetFileNameWithoutExtension, StringComparer.Ordinal).Select(image => new ImagePair(found[image], image, folder));
        }
    }

    /// <summary>Scores every pair.</summary>
    /// <param name="pairs">The files.</param>
    /// <param name="measures">The measures, on <paramref name="device"/>.</param>
    /// <param name="losses">The losses to compute in addition, on <paramref name="device"/>.</param>
    /// <param name="rules">The rules.</param>
    /// <param name="device">The device to compute on.</param>
    /// <param name="scored">Takes every pair with its images, <c>(1, 3, H, W)</c>: the image and its reference. It must not keep them.</param>
    /// <param name="progress">Takes a report for every pair.</param>
    /// <param name="cancellationToken">Stops the work between two images or two strips of a large image, or while an image is read.</param>
    /// <returns>One score for each pair, in their order.</returns>
    /// <exception cref="InputException">
    /// Two losses are the same, a file is not an image, the images of a pair differ in size, or an image is too small for a loss.
    /// </exception>
    public static IReadOnlyList<ImageScore> Score(
        IReadOnlyList<ImagePair> pairs,
        MeasureSet measures,
        IReadOnlyList<ReconstructionLoss> losses,
        ScoringRules rules,
        Device device,
        Action<ImagePair, Tensor, Tensor>? scored = null,
        IProgress<ProgressUpdate>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        ArgumentNullException.ThrowIfNull(measures);
        ArgumentNullException.ThrowIfNull(losses);
        ArgumentNullException.ThrowIfNull(rules);
        if (losses.GroupBy(loss => loss.Expression).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new InputException($"expected different losses, found '{twice.Key}' {twice.Count()} times: name it once");
        var meter = new ProgressMeter(progress, "scoring", pairs.Count);
        var scores = new List<ImageScore>();
        foreach (var pair in pairs)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            var (image, reference) = Read(pair, rules, device, cancellationToken);
            if (losses.FirstOrDefault(loss => Math.Min(image.shape[2], image.shape[3]) < loss.MinimumSize) is { } coarse)
            {
                throw new InputException($"'{coarse.Expression}' needs images of at least {coarse.MinimumSize}×{coarse.MinimumSize} pixels, "
                    + $"found '{pair.Image}' of {image.shape[3]}×{image.shape[2]}");
            }

            if (Math.Min(image.shape[2], image.shape[3]) <= 2L * rules.Border)
                throw new InputException($"expected images larger than the border of {rules.Border} pixels at each side, found '{pair.Image}' of {image.shape[3]}×{image.shape[2]}");
            scores.Add(new ImageScore(
                pair, measures.Score(image, reference, rules.Border, isRounded: rules.Task is not null, cancellationToken),
                [.. losses.Select(loss => loss.Measure(image, reference, cancellationToken))]));
            scored?.Invoke(pair, image, reference);
            meter.Report(scores.Count);
        }

        return scores;
    }

    private static (Tensor Image, Tensor Reference) Read(ImagePair pair, ScoringRules rules, Device device, CancellationToken cancellationToken)
    {
        var reference = ImageFile.Read(pair.Reference, cancellationToken: cancellationToken).to(device);
        var image = ImageFile.Read(pair.Image, cancellationToken: cancellationToken).to(device);
        if (rules.Task is { Factor: > 1 and var factor })
        {
            // A network's result has a multiple of the factor. The reference loses the rest, as in an evaluation.
            var (height, width) = (reference.shape[2] / factor * factor, reference.shape[3] / factor * factor);
            if (image.shape.SequenceEqual([1, 3, height, width]))
                reference = reference.narrow(2, 0, height).narrow(3, 0, width);
        }

        return image.shape.SequenceEqual(reference.shape) ? (image, reference) : throw new InputException(
            $"expected images of one size, found '{pair.Image}' of {image.shape[3]}×{image.shape[2]} "
            + $"and its reference '{pair.Reference}' of {reference.shape[3]}×{reference.shape[2]}");
    }
}
