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
/// <param name="Psnr">Its PSNR in dB.</param>
/// <param name="Losses">The value of every loss, in the given order.</param>
internal sealed record ImageScore(ImagePair Pair, double Psnr, IReadOnlyList<double> Losses);

/// <summary>Scores image files against their references, with any losses.</summary>
internal static class ImageScoring
{
    /// <summary>Finds the pairs: files against one reference file, or folders against a reference folder by file name.</summary>
    /// <param name="reference">A file or a folder.</param>
    /// <param name="images">Files if the reference is a file, folders if it is a folder; at least one.</param>
    /// <returns>The pairs in the given order, and by name within a folder.</returns>
    /// <exception cref="InputException">A file or folder is missing, is a folder instead of a file or the reverse, or has no counterpart.</exception>
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

        var references = ImagesIn(reference);
        return [.. images.SelectMany(folder => PairFolder(folder))];

        IEnumerable<ImagePair> PairFolder(string folder)
        {
            if (!Directory.Exists(folder))
                throw new InputException($"expected a folder of images, since the reference '{reference}' is a folder, found {(File.Exists(folder) ? "the file" : "nothing at")} '{folder}'");
            var images = ImagesIn(folder);
            if (images.Keys.FirstOrDefault(name => !references.ContainsKey(name)) is { } extra)
                throw new InputException($"'{images[extra]}' has no counterpart of the same name in '{reference}'");
            // Means over different sets of images could not be compared.
            if (references.Keys.FirstOrDefault(name => !images.ContainsKey(name)) is { } missing)
                throw new InputException($"'{references[missing]}' has no counterpart of the same name in '{folder}': every reference needs one");
            return images.Select(image => new ImagePair(image.Value, references[image.Key], folder));
        }
    }

    /// <summary>Scores every pair: PSNR and every loss.</summary>
    /// <param name="pairs">The files.</param>
    /// <param name="losses">The losses, on <paramref name="device"/>.</param>
    /// <param name="device">The device to compute on.</param>
    /// <param name="progress">Takes a report for every pair.</param>
    /// <param name="cancellationToken">Stops the work between two images or two strips of a large image, or while an image is read.</param>
    /// <returns>One score for each pair, in their order.</returns>
    /// <exception cref="InputException">
    /// Two losses are the same, a file is not an image, the images of a pair differ in size, or an image is too small for a loss.
    /// </exception>
    public static IReadOnlyList<ImageScore> Score(
        IReadOnlyList<ImagePair> pairs,
        IReadOnlyList<ReconstructionLoss> losses,
        Device device,
        IProgress<ProgressUpdate>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        ArgumentNullException.ThrowIfNull(losses);
        if (losses.GroupBy(loss => loss.Expression).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new InputException($"expected different losses, found '{twice.Key}' {twice.Count()} times: name it once");
        var meter = new ProgressMeter(progress, "scoring", pairs.Count);
        var scores = new List<ImageScore>();
        foreach (var pair in pairs)
        {
            cancellationToken.ThrowIfCancellationRequested();
            scores.Add(Score(pair, losses, device, cancellationToken));
            meter.Report(scores.Count);
        }

        return scores;
    }

    private static ImageScore Score(ImagePair pair, IReadOnlyList<ReconstructionLoss> losses, Device device, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var reference = ImageFile.Read(pair.Reference, cancellationToken: cancellationToken).to(device);
        var image = ImageFile.Read(pair.Image, cancellationToken: cancellationToken).to(device);
        if (!image.shape.SequenceEqual(reference.shape))
        {
            throw new InputException($"expected images of one size, found '{pair.Image}' of {image.shape[3]}×{image.shape[2]} "
                + $"and its reference '{pair.Reference}' of {reference.shape[3]}×{reference.shape[2]}");
        }

        if (losses.FirstOrDefault(loss => Math.Min(image.shape[2], image.shape[3]) < loss.MinimumSize) is { } coarse)
        {
            throw new InputException($"'{coarse.Expression}' needs images of at least {coarse.MinimumSize}×{coarse.MinimumSize} pixels, "
                + $"found '{pair.Image}' of {image.shape[3]}×{image.shape[2]}");
        }

        return new ImageScore(pair, Psnr.Compute(image, reference), [.. losses.Select(loss => loss.Measure(image, reference, cancellationToken))]);
    }

    private static SortedDictionary<string, string> ImagesIn(string folder)
    {
        var images = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in ImageFolder.List(folder))
        {
            if (!images.TryAdd(Path.GetFileNameWithoutExtension(file), file))
                throw new InputException($"'{folder}' has two images named '{Path.GetFileNameWithoutExtension(file)}': keep one");
        }

        return images;
    }
}
