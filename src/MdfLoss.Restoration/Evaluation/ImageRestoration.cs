using System.Diagnostics;
using Mdf.Imaging;
using Mdf.Networks;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>An image file to restore, and the file for the result.</summary>
/// <param name="Input">The distorted image.</param>
/// <param name="Output">The restored image.</param>
internal sealed record RestorationPair(string Input, string Output);

/// <summary>A restored image file.</summary>
/// <param name="Input">The distorted image.</param>
/// <param name="Output">The restored image.</param>
/// <param name="Width">The restored image's width.</param>
/// <param name="Height">The restored image's height.</param>
/// <param name="Seconds">The time in seconds, including reading and writing.</param>
/// <param name="JpegQuality">The quality of the distorted file, see <see cref="Imaging.JpegQuality"/>; null if it is not a JPEG or has its own quantization tables.</param>
/// <param name="Noise">The noise of the distorted image, σ in 8-bit units, see <see cref="NoiseLevel"/>; null if it cannot be estimated.</param>
/// <param name="Unkept">The metadata of the distorted file that the restored file does not contain.</param>
internal sealed record RestoredImage(
    string Input, string Output, int Width, int Height, double Seconds, int? JpegQuality, double? Noise, IReadOnlyList<UnkeptMetadata> Unkept);

/// <summary>The plan of <see cref="ImageRestoration"/>: the files to restore.</summary>
/// <param name="Pairs">The input and the output of each restoration, in the given order, and by name within a folder.</param>
/// <param name="Existing">The images whose results exist and are kept.</param>
/// <param name="Earlier">Files of a folder whose names show that they are results of an earlier run into the same folder.</param>
internal sealed record RestorationPlan(IReadOnlyList<RestorationPair> Pairs, IReadOnlyList<RestorationPair> Existing, IReadOnlyList<string> Earlier);

/// <summary>Restores image files.</summary>
public static class ImageRestoration
{
    /// <summary>Decides the output of each input. Reads, creates and writes nothing.</summary>
    /// <param name="inputs">Image files, and folders of them; at least one.</param>
    /// <param name="output">
    /// A file, if the only input is one image file. Otherwise a folder, in which results have the names of their inputs. It is also a folder if a folder with
    /// this name exists, if the name ends with a separator, or if an option sets the names of results and this name is not the name of an image.
    /// </param>
    /// <param name="options">The options for the names and the writing of results. Default: the default options.</param>
    /// <exception cref="InputException">
    /// An input is missing or is not a file, a folder has no image, the output has an unusable name, is an input, is also the output of another input, or
    /// exists, or an option does not fit.
    /// </exception>
    /// <exception cref="ArgumentException">There is no input.</exception>
    internal static RestorationPlan Plan(IReadOnlyList<string> inputs, string output, RestorationOutput? options = null)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(output);
        if (inputs.Count == 0)
            throw new ArgumentException("expected at least one image file or folder, found none", nameof(inputs));
        options ??= new RestorationOutput();
        if (string.IsNullOrWhiteSpace(output))
            throw new InputException("expected an output file or folder, found an empty path");
        if (output.Contains('\0', StringComparison.Ordinal))
            throw new InputException($"cannot write '{output}': expected a path, found a NUL character in it");
        var earlier = new List<string>();
        string[] images = [.. inputs.SelectMany(input => Expand(input, output, options, earlier))];
        var isFile = inputs is [var only] && !Directory.Exists(only) && !IsFolder(output) && (HasImageExtension(output) || !options.NamesResults);
        var pairs = isFile ? [InFile(images[0], output, options)] : InFolder(images, output, options);
        RequireDistinct(pairs, isFile, options);

        RestorationPair[] existing = isFile && options.Existing != ExistingResults.Skip ? [] : [.. pairs.Where(pair => File.Exists(pair.Output))];
        return options.Existing switch
        {
            ExistingResults.Overwrite => new RestorationPlan(pairs, [], earlier),
            ExistingResults.Skip => new RestorationPlan([.. pairs.Except(existing)], existing, earlier),
            _ when existing.Length == 0 => new RestorationPlan(pairs, [], earlier),
            _ => throw new InputException($"{existing.Length} of {pairs.Length} results exist already, such as '{existing[0].Output}': "
                + "replace them, keep them, or write into another folder").With(Remedy.ReplaceOrKeep),
        };
    }

    /// <summary>Restores files one after the other.</summary>
    /// <param name="restorer">The restorer.</param>
    /// <param name="pairs">The files; see <see cref="Plan"/>. Missing folders are created.</param>
    /// <param name="tile">The side of a tile; see <see cref="TiledRestoration.Run"/>.</param>
    /// <param name="writing">The options for writing the results. Default: the default options.</param>
    /// <param name="onUnreadable">
    /// Takes a sentence about every image that cannot be read, with the name of the file; the image is then skipped. Null: such an image stops the work.
    /// </param>
    /// <param name="progress">Takes a report for every image, or for every tile if there is only one image.</param>
    /// <param name="cancellationToken">Stops the work between two tiles, or while an image is read. Results that were written are kept.</param>
    /// <returns>One entry for each image that was restored, in their order.</returns>
    /// <exception cref="InputException">An image, or every image, cannot be read, or is too large, or a result cannot be written.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    internal static IReadOnlyList<RestoredImage> Run(
        IRestorer restorer,
        IReadOnlyList<RestorationPair> pairs,
        int? tile = null,
        ImageWriteOptions? writing = null,
        Action<string>? onUnreadable = null,
        IProgress<ProgressUpdate>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(restorer);
        ArgumentNullException.ThrowIfNull(pairs);
        var (ofImages, ofTiles) = pairs.Count > 1 ? (progress, default(IProgress<ProgressUpdate>)) : (null, progress);
        var meter = new ProgressMeter(ofImages, "restoring", pairs.Count);
        var restored = new List<RestoredImage>();
        for (var i = 0; i < pairs.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (Restore(restorer, pairs[i], tile, writing, onUnreadable, ofTiles, cancellationToken) is { } image)
                restored.Add(image);
            meter.Report(i + 1);
        }

        return restored.Count > 0 || pairs.Count == 0
            ? restored
            : throw new InputException($"expected at least one image that can be read, found none among {pairs.Count}");
    }

    /// <summary>Restores an image and keeps its other properties: a grey image stays grey, the bit depth is the same, and alpha is resized bicubically by the factor.</summary>
    /// <param name="restorer">The restorer.</param>
    /// <param name="distorted">The image.</param>
    /// <param name="request">The name of the image, the tile, and the cancellation.</param>
    /// <returns>A new image with values in [0, 1]. The caller disposes of it.</returns>
    /// <exception cref="InputException">The restored image would have more than <see cref="ImageFile.MaximumPixels"/> pixels, or cannot be restored.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Picture Restore(IRestorer restorer, Picture distorted, RestorationRequest request)
    {
        ArgumentNullException.ThrowIfNull(restorer);
        ArgumentNullException.ThrowIfNull(distorted);
        ArgumentNullException.ThrowIfNull(request);
        var (height, width, factor) = (distorted.Color.shape[^2], distorted.Color.shape[^1], restorer.Factor ?? 1);
        if (width * factor > ImageFile.MaximumPixels / (height * factor))
        {
            throw new InputException($"expected a picture of at most {ImageFile.MaximumPixels} pixels once it is restored, "
                + $"found {width * factor}×{height * factor}: crop it first");
        }

        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var color = Restorers.Restore(restorer, distorted.Color, request).Clamp_(0, 1);
        // The clamp is needed because cubic kernels overshoot at edges.
        var alpha = distorted.Alpha is null ? null : Resampler.BicubicScale(distorted.Alpha, (int)(color.shape[^2] / height)).Clamp_(0, 1);
        return distorted with { Color = color.MoveToOuterDisposeScope(), Alpha = alpha?.MoveToOuterDisposeScope() };
    }

    /// <summary>Restores an image and keeps its other properties: a grey image stays grey, the bit depth is the same, and alpha is resized bicubically by the factor.</summary>
    /// <param name="network">The network, in evaluation mode, on any device.</param>
    /// <param name="distorted">The image.</param>
    /// <param name="tile">The side of a tile; see <see cref="TiledRestoration.Run"/>.</param>
    /// <param name="progress">Takes a report for every tile.</param>
    /// <param name="cancellationToken">Stops the work between two tiles.</param>
    /// <returns>A new image with values in [0, 1]. The caller disposes of it.</returns>
    /// <exception cref="InputException">The restored image would have more than <see cref="ImageFile.MaximumPixels"/> pixels.</exception>
    /// <exception cref="ArgumentException">As for <see cref="TiledRestoration.Run"/>.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Picture Restore(
        RestorationNetwork network,
        Picture distorted,
        int? tile = null,
        IProgress<ProgressUpdate>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(network);
        using var restorer = new NetworkRestorer(network.Architecture.Name, network);
        return Restore(
            restorer, distorted, new RestorationRequest { Image = "", Tile = tile, Progress = progress, CancellationToken = cancellationToken });
    }

    /// <summary>Lists the metadata that the restored files do not contain.</summary>
    /// <param name="images">The images.</param>
    /// <returns>One line for each kind of metadata and each reason; empty if nothing is missing.</returns>
    internal static IReadOnlyList<string> Unkept(IReadOnlyList<RestoredImage> images)
    {
        ArgumentNullException.ThrowIfNull(images);
        return
        [
            .. from image in images
               from unkept in image.Unkept
               group image by unkept into files
               let others = files.Count() > 1 ? $" and {files.Count() - 1} more" : ""
               select $"'{files.First().Output}'{others}: written without the input's {files.Key.What}, since {files.Key.Why}",
        ];
    }

    private static RestoredImage? Restore(
        IRestorer restorer,
        RestorationPair pair,
        int? tile,
        ImageWriteOptions? writing,
        Action<string>? onUnreadable,
        IProgress<ProgressUpdate>? progress,
        CancellationToken cancellationToken)
    {
        var started = Stopwatch.GetTimestamp();
        using var distorted = Read(pair.Input, onUnreadable, cancellationToken);
        if (distorted is null)
            return null;
        AtomicFile.Prepare(pair.Output);
        using var restored = Restore(restorer, distorted, pair.Input, tile, progress, cancellationToken);
        var unkept = ImageFile.Write(pair.Output, restored, writing);
        return new RestoredImage(
            pair.Input,
            pair.Output,
            (int)restored.Color.shape[3],
            (int)restored.Color.shape[2],
            Stopwatch.GetElapsedTime(started).TotalSeconds,
            distorted.Metadata?.JpegQuality,
            NoiseLevel.Estimate(distorted),
            unkept);
    }

    private static Picture? Read(string path, Action<string>? onUnreadable, CancellationToken cancellationToken)
    {
        try
        {
            return ImageFile.ReadPicture(path, cancellationToken);
        }
        catch (InputException e) when (onUnreadable is not null)
        {
            onUnreadable(e.Message);
            return null;
        }
    }

    private static Picture Restore(
        IRestorer restorer, Picture distorted, string path, int? tile, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        try
        {
            return Restore(restorer, distorted, new RestorationRequest
            {
                Image = Path.GetFileNameWithoutExtension(path),
                Tile = tile,
                Progress = progress,
                CancellationToken = cancellationToken,
            });
        }
        catch (InputException e)
        {
            throw new InputException($"cannot restore '{path}': {e.Message}", e);
        }
    }

    private static IReadOnlyList<string> Expand(string input, string output, RestorationOutput options, List<string> earlier)
    {
        if (!Directory.Exists(input))
        {
            RegularFile.Require(input, "an image file or a folder of them");
            return [input];
        }

        var images = ImageFolder.List(input);
        if (!options.ChangesNames || !RealPath.Comparer.Equals(RealPath.Resolve(input), RealPath.Resolve(output)))
            return images;
        // The results are in the same folder as the images. In the next run, a_restored is not an image to restore, in any format.
        var results = images.Select(options.NameOf).ToHashSet(RealPath.Comparer);
        var isResult = images.ToLookup(image => results.Contains(Path.GetFileNameWithoutExtension(image)));
        earlier.AddRange(isResult[true]);
        return [.. isResult[false]];
    }

    private static RestorationPair InFile(string image, string file, RestorationOutput options)
    {
        if (options.ChangesNames)
        {
            throw new InputException($"{(options.KeepsExtension ? "expected a folder for results that keep their extensions" : $"expected a folder for results with the suffix {Untrusted.Quote(options.Suffix)}")}, "
                + $"found the output file '{file}': give the file its final name, or give a folder").With(options.KeepsExtension ? Remedy.OmitKeptExtensions : Remedy.OmitSuffix);
        }

        ImageFile.RequireWritable(file, options.Writing);
        return options.Format is null || ImageFormats.FromExtension(file) == ImageFormats.FromExtension($".{options.Format}")
            ? new RestorationPair(image, file)
            : throw new InputException($"expected an output file in the format {options.Format}, found '{file}': leave the format out, or name the file *.{options.Format}");
    }

    private static RestorationPair[] InFolder(string[] images, string folder, RestorationOutput options)
    {
        if (File.Exists(folder))
            throw new InputException($"cannot write to '{folder}': expected a folder for the results, found a file");
        // Probably a missing argument, and not a folder with the name of an image.
        if (!IsFolder(folder) && HasImageExtension(folder))
            throw new InputException($"cannot write to '{folder}': expected a folder for the results, found the name of an image");
        RestorationPair[] pairs = [.. images.Select(image => new RestorationPair(image, options.FileOf(image, folder)))];
        ImageFile.RequireWritable(pairs[0].Output, options.Writing);
        return pairs;
    }

    private static void RequireDistinct(RestorationPair[] pairs, bool isFile, RestorationOutput options)
    {
        var sources = pairs.Select(pair => pair.Input).ToLookup(RealPath.Resolve, RealPath.Comparer);
        if (sources.FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new InputException($"the image '{twice.First()}' is given twice{(twice.Last() == twice.First() ? "" : $", also as '{twice.Last()}'")}: give it once");
        var targets = new Dictionary<string, string>(RealPath.Comparer);
        foreach (var pair in pairs)
        {
            var target = RealPath.Resolve(pair.Output);
            if (sources[target].FirstOrDefault() is { } source)
                throw new InputException($"cannot write '{pair.Output}': it is the input '{source}'; choose another output{(isFile ? "" : ", or give the results a suffix")}").With(isFile ? null : Remedy.AddSuffix);
            if (targets.TryAdd(target, pair.Input))
                continue;
            var kept = options with { KeepsExtension = true };
            var mistake = $"'{targets[target]}' and '{pair.Input}' would both be written to '{pair.Output}'";
            throw RealPath.Comparer.Equals(kept.NameOf(targets[target]), kept.NameOf(pair.Input))
                ? new InputException($"{mistake}: restore them one after the other, into different folders")
                : new InputException($"{mistake}: if results keep their extensions, the names are '{Path.GetFileName(kept.FileOf(targets[target], ""))}' and '{Path.GetFileName(kept.FileOf(pair.Input, ""))}'").With(Remedy.KeepExtensions);
        }
    }

    private static bool HasImageExtension(string path) => ImageFile.Extensions.Contains(Path.GetExtension(path).ToLowerInvariant());

    private static bool IsFolder(string path) => Directory.Exists(path) || Path.EndsInDirectorySeparator(path);
}
