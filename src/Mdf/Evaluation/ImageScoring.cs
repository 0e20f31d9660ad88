using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Reports;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>Scores image files against their references under any losses.</summary>
public static class ImageScoring
{
    private static readonly string[] s_extensions = [".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp"];

    /// <summary>An image and the reference that it is compared with.</summary>
    /// <param name="Image">The image's file.</param>
    /// <param name="Reference">The reference's file.</param>
    /// <param name="Folder">The folder that was given, where one was: its images have a mean.</param>
    public sealed record Pair(string Image, string Reference, string? Folder = null);

    /// <summary>Finds the pairs: files against one reference file, or folders against a reference folder by file name.</summary>
    /// <param name="reference">A file or a folder.</param>
    /// <param name="images">Files if the reference is a file, folders if it is a folder; at least one.</param>
    /// <returns>In the order given, within a folder by name.</returns>
    /// <exception cref="InputException">Something is missing, is of the other kind, or has no counterpart.</exception>
    public static IReadOnlyList<Pair> FindPairs(string reference, IReadOnlyList<string> images)
    {
        ArgumentNullException.ThrowIfNull(images);
        if (!Path.Exists(reference))
            throw new InputException($"cannot read the reference '{reference}': there is no such file or folder; check the path");
        if (!Directory.Exists(reference))
        {
            return [.. images.Select(image => Directory.Exists(image)
                ? throw new InputException($"'{image}' is a folder but the reference '{reference}' is not: give a folder of references to compare folders")
                : new Pair(image, reference))];
        }

        var references = ImagesIn(reference);
        return [.. images.SelectMany(folder => PairFolder(folder))];

        IEnumerable<Pair> PairFolder(string folder)
        {
            if (!Directory.Exists(folder))
                throw new InputException($"expected a folder of images, since the reference '{reference}' is a folder, found {(File.Exists(folder) ? "the file" : "nothing at")} '{folder}'");
            var images = ImagesIn(folder);
            if (images.Keys.FirstOrDefault(name => !references.ContainsKey(name)) is { } extra)
                throw new InputException($"'{images[extra]}' has no counterpart of the same name in '{reference}'");
            // A mean over fewer images than another method's would not compare with it.
            if (references.Keys.FirstOrDefault(name => !images.ContainsKey(name)) is { } missing)
                throw new InputException($"'{references[missing]}' has no counterpart of the same name in '{folder}': every reference needs one");
            return images.Select(image => new Pair(image.Value, references[image.Key], folder));
        }
    }

    /// <summary>Scores every pair: PSNR and every loss, and their means over each folder.</summary>
    /// <param name="pairs">The files.</param>
    /// <param name="losses">The losses, on <paramref name="device"/>.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="progress">Told of every pair.</param>
    /// <param name="cancellation">Ends it between two images.</param>
    /// <exception cref="InputException">
    /// Two losses are the same, a file is no image, a pair differs in size, or an image is too small for a loss.
    /// </exception>
    public static ResultTable Score(
        IReadOnlyList<Pair> pairs,
        IReadOnlyList<ReconstructionLoss> losses,
        Device device,
        IProgressSink? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        ArgumentNullException.ThrowIfNull(losses);
        if (losses.GroupBy(loss => loss.Expression).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new InputException($"expected different losses, found '{twice.Key}' {twice.Count()} times: name it once");
        var meter = new ProgressMeter(progress ?? IProgressSink.None, "scoring", pairs.Count);
        var scores = new List<(Pair Pair, double[] Values)>();
        foreach (var pair in pairs)
        {
            cancellation.ThrowIfCancellationRequested();
            scores.Add((pair, Score(pair, losses, device)));
            meter.Report(scores.Count);
        }

        var rows = scores.Select(score => (Name: score.Pair.Image, score.Values)).ToList();
        foreach (var folder in scores.Where(score => score.Pair.Folder is not null).GroupBy(score => score.Pair.Folder))
            rows.Add(($"mean of {folder.Key}", [.. Enumerable.Range(0, losses.Count + 1).Select(column => folder.Average(score => score.Values[column]))]));
        return new ResultTable(
            "Scores (losses: lower is better)",
            [new ResultColumn("image"), ResultColumn.Number("PSNR (dB)", "F2"), .. losses.Select(loss => ResultColumn.Number(loss.Expression, "G6"))],
            rows.Select(row => row.Values.Cast<object?>().Prepend(row.Name)));
    }

    private static double[] Score(Pair pair, IReadOnlyList<ReconstructionLoss> losses, Device device)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var reference = ImageFile.Read(pair.Reference).to(device);
        var image = ImageFile.Read(pair.Image).to(device);
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

        return [Psnr.Of(image, reference), .. losses.Select(loss => loss.call(image, reference).ToDouble())];
    }

    private static SortedDictionary<string, string> ImagesIn(string folder)
    {
        var images = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in Directory.EnumerateFiles(folder))
        {
            if (s_extensions.Contains(Path.GetExtension(file).ToLowerInvariant())
                && !images.TryAdd(Path.GetFileNameWithoutExtension(file), file))
            {
                throw new InputException($"'{folder}' has two images named '{Path.GetFileNameWithoutExtension(file)}': keep one");
            }
        }

        return images.Count > 0 ? images : throw new InputException($"'{folder}' holds no image ({string.Join(", ", s_extensions)})");
    }
}
