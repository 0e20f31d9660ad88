using System.Diagnostics;
using Mdf.Imaging;
using Mdf.Networks;
using Mdf.Runtime;

namespace Mdf.Evaluation;

/// <summary>An image file that is to be restored, and the file for the result.</summary>
/// <param name="Input">The distorted image.</param>
/// <param name="Output">The restored one.</param>
public sealed record RestorationPair(string Input, string Output);

/// <summary>An image file that was restored.</summary>
/// <param name="Input">The distorted image.</param>
/// <param name="Output">The restored one.</param>
/// <param name="Width">The restored image's width.</param>
/// <param name="Height">The restored image's height.</param>
/// <param name="Seconds">What it took, with reading and writing.</param>
public sealed record RestoredImage(string Input, string Output, int Width, int Height, double Seconds);

/// <summary>Restores image files with a network.</summary>
public static class ImageRestoration
{
    /// <summary>The format of results that are named by the program: lossless, and it holds whatever an image may have.</summary>
    public const string OutputExtension = ".png";

    /// <summary>Decides which file is restored into which. Nothing is read, made or written.</summary>
    /// <param name="inputs">Image files, and folders of them; at least one.</param>
    /// <param name="output">
    /// A file for one image that is given by its name; otherwise, or if there is a folder of that name or the name ends as a folder's, a folder: results
    /// have the names of their inputs there, with <see cref="OutputExtension"/>.
    /// </param>
    /// <returns>In the order given, within a folder by name.</returns>
    /// <exception cref="InputException">
    /// An input is missing or no file, a folder has no image, the output cannot be written by its name, or is an input, or is that of another input.
    /// </exception>
    public static IReadOnlyList<RestorationPair> Plan(IReadOnlyList<string> inputs, string output)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(output);
        if (string.IsNullOrWhiteSpace(output))
            throw new InputException("expected an output file or folder, found an empty path");
        if (output.Contains('\0', StringComparison.Ordinal))
            throw new InputException($"cannot write '{output}': expected a path, found a NUL character in it");
        string[] images = [.. inputs.SelectMany(Expand)];
        var pairs = inputs is [var only] && !Directory.Exists(only) && !IsFolder(output)
            ? [new RestorationPair(only, output)]
            : InFolder(images, output);

        var sources = images.ToLookup(RealPath.Of, RealPath.Comparer);
        var targets = new Dictionary<string, string>(RealPath.Comparer);
        foreach (var pair in pairs)
        {
            ImageFile.RequireWritable(pair.Output);
            var target = RealPath.Of(pair.Output);
            if (sources[target].FirstOrDefault() is { } source)
                throw new InputException($"cannot write '{pair.Output}': it is the input '{source}'; choose another output");
            if (!targets.TryAdd(target, pair.Input))
                throw new InputException($"'{targets[target]}' and '{pair.Input}' would both be written to '{pair.Output}'; restore them one by one");
        }

        return pairs;
    }

    /// <summary>Restores files one after another.</summary>
    /// <param name="network">The network, in evaluation mode, on any device.</param>
    /// <param name="pairs">The files; see <see cref="Plan"/>. Folders that are missing are made.</param>
    /// <param name="tile">The side of a tile; see <see cref="TiledRestoration.Run"/>.</param>
    /// <param name="onUnreadable">
    /// Told, in a sentence that names the file, of every image that cannot be read, which is then passed over. When null, such an image ends the work.
    /// </param>
    /// <param name="progress">Told of every image; of every tile if there is but one image.</param>
    /// <param name="cancellation">Ends it between two tiles, or while an image is read; what was written until then stays.</param>
    /// <returns>One entry for each image that was restored, in their order.</returns>
    /// <exception cref="InputException">An image, or every image, cannot be read, or is too large, or a result cannot be written.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static IReadOnlyList<RestoredImage> Run(
        RestorationNetwork network,
        IReadOnlyList<RestorationPair> pairs,
        int? tile = null,
        Action<string>? onUnreadable = null,
        IProgressSink? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(pairs);
        progress ??= IProgressSink.None;
        var (ofImages, ofTiles) = pairs.Count > 1 ? (progress, IProgressSink.None) : (IProgressSink.None, progress);
        var meter = new ProgressMeter(ofImages, "restoring", pairs.Count);
        var restored = new List<RestoredImage>();
        for (var i = 0; i < pairs.Count; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            if (Restore(network, pairs[i], tile, onUnreadable, ofTiles, cancellation) is { } image)
                restored.Add(image);
            meter.Report(i + 1);
        }

        return restored.Count > 0 || pairs.Count == 0
            ? restored
            : throw new InputException($"expected at least one image that can be read, found none among {pairs.Count}");
    }

    private static RestoredImage? Restore(
        RestorationNetwork network, RestorationPair pair, int? tile, Action<string>? onUnreadable, IProgressSink progress, CancellationToken cancellation)
    {
        var started = Stopwatch.GetTimestamp();
        using var distorted = Read(pair.Input, onUnreadable, cancellation);
        if (distorted is null)
            return null;
        AtomicFile.Prepare(pair.Output);
        using var restored = Restore(network, distorted, pair.Input, tile, progress, cancellation);
        ImageFile.Write(pair.Output, restored);
        return new RestoredImage(
            pair.Input, pair.Output, (int)restored.Color.shape[3], (int)restored.Color.shape[2], Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    private static Picture? Read(string path, Action<string>? onUnreadable, CancellationToken cancellation)
    {
        try
        {
            return ImageFile.ReadPicture(path, cancellation);
        }
        catch (InputException e) when (onUnreadable is not null)
        {
            onUnreadable(e.Message);
            return null;
        }
    }

    private static Picture Restore(
        RestorationNetwork network, Picture distorted, string path, int? tile, IProgressSink progress, CancellationToken cancellation)
    {
        try
        {
            return TiledRestoration.Restore(network, distorted, tile, progress, cancellation);
        }
        catch (InputException e)
        {
            throw new InputException($"cannot restore '{path}': {e.Message}", e);
        }
    }

    private static IReadOnlyList<string> Expand(string input)
    {
        if (Directory.Exists(input))
            return ImageFolder.List(input);
        RegularFile.Require(input, "an image file or a folder of them");
        return [input];
    }

    private static RestorationPair[] InFolder(string[] images, string folder)
    {
        if (File.Exists(folder))
            throw new InputException($"cannot write to '{folder}': expected a folder for the results, found a file");
        // Most likely a forgotten word, and not a folder with an image's name.
        if (!IsFolder(folder) && ImageFile.Extensions.Contains(Path.GetExtension(folder).ToLowerInvariant()))
            throw new InputException($"cannot write to '{folder}': expected a folder for the results, found the name of an image");
        return [.. images.Select(image => new RestorationPair(image, Path.Combine(folder, Path.GetFileNameWithoutExtension(image) + OutputExtension)))];
    }

    private static bool IsFolder(string path) => Directory.Exists(path) || Path.EndsInDirectorySeparator(path);
}
