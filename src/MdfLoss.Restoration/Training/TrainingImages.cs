using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Training;

/// <summary>The pixels of a picture, from which the sampler cuts patches.</summary>
/// <param name="Levels">8 bits per sample, <c>(Channels, Height, Width)</c>.</param>
/// <param name="Channels">1 for grey, 3 for colour.</param>
/// <param name="Height">The number of rows.</param>
/// <param name="Width">The number of columns.</param>
internal sealed record TrainingPixels(byte[] Levels, int Channels, int Height, int Width)
{
    public bool IsGrey => Channels == 1;

    /// <summary>Rounds a picture to 8 bits. Keeps only one channel of a grey picture, so that no sampler treats it as a colour picture.</summary>
    /// <param name="picture">A whole picture, <c>(1, 3, H, W)</c>, on any device; clamped to [0, 1].</param>
    public static TrainingPixels From(Tensor picture)
    {
        using var scope = NewDisposeScope();
        var levels = Pixels.Levels(GreyPicture.Channels(picture.cpu()), bitDepth: 8).to(ScalarType.Byte).contiguous();
        return new TrainingPixels(levels.data<byte>().ToArray(), (int)levels.shape[1], (int)levels.shape[2], (int)levels.shape[3]);
    }

    /// <summary>Converts back to a picture: <c>(1, 3, H, W)</c>, float32 in [0, 1], on the CPU.</summary>
    public Tensor ToPicture()
    {
        using var scope = NewDisposeScope();
        return GreyPicture.ToRgb(tensor(Levels, [1, Channels, Height, Width]).to(ScalarType.Float32).Div(255)).MoveToOuterDisposeScope();
    }
}

/// <summary>A training photograph.</summary>
/// <param name="Reference">The clean photograph.</param>
/// <param name="Distorted">The distorted version, smaller by the task's factor; null if patches are distorted after they are cut.</param>
internal sealed record TrainingImage(TrainingPixels Reference, TrainingPixels? Distorted = null);

/// <summary>The training photographs. They are decoded once and kept in memory as bytes (1,000 photographs of 481×321 pixels take 463 MB).</summary>
internal sealed class TrainingImages
{
    private TrainingImages(IReadOnlyList<TrainingImage> images, IReadOnlyList<string> unreadable) => (Images, Unreadable) = (images, unreadable);

    /// <summary>The number of photographs.</summary>
    public int Count => Images.Count;

    /// <summary>The images that were skipped, with the reason. Empty unless <see cref="SamplingOptions.SkipUnreadable"/> is set.</summary>
    public IReadOnlyList<string> Unreadable { get; }

    internal IReadOnlyList<TrainingImage> Images { get; }

    /// <summary>Reads every image of some folders.</summary>
    /// <param name="folders">The folders.</param>
    /// <param name="options">The size of a patch, and the handling of images that cannot be used directly.</param>
    /// <param name="progress">Receives a report for every image.</param>
    /// <param name="cancellationToken">Cancels between two images, or while an image is read.</param>
    /// <exception cref="InputException">
    /// A folder is missing or has no image; an image cannot be read, unless such images are skipped; or an image is smaller than a patch.
    /// </exception>
    public static TrainingImages Load(
        IReadOnlyList<string> folders, SamplingOptions options, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(folders);
        ArgumentNullException.ThrowIfNull(options);
        return Load([.. Files(folders, options, areHeldOut: false)], folders, file => Read(file, options, cancellationToken), options, progress, cancellationToken);
    }

    /// <summary>Reads every pair of images of some folders. Patches are cut from both images at the same place, and nothing is distorted.</summary>
    /// <param name="folders">The folders of the clean images.</param>
    /// <param name="distorted">The folders of the distorted images, one for each of <paramref name="folders"/>, in the same order.</param>
    /// <param name="factor">The size of the clean images divided by the size of the distorted images.</param>
    /// <param name="options">The size of a patch, and the handling of images that cannot be used. Images are not reduced, because that would also reduce the distortion.</param>
    /// <param name="progress">Receives a report for every pair.</param>
    /// <param name="cancellationToken">Cancels between two pairs.</param>
    /// <exception cref="InputException">As for <see cref="Load(IReadOnlyList{string}, SamplingOptions, IProgress{ProgressUpdate}?, CancellationToken)"/> and <see cref="Pairs"/>; or the sizes of a pair do not match the factor.</exception>
    public static TrainingImages LoadPairs(
        IReadOnlyList<string> folders, IReadOnlyList<string> distorted, int factor, SamplingOptions options, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(factor, 1);
        return Load(Pairs(folders, distorted, options), folders, pair => ReadPair(pair, factor, options, cancellationToken), options, progress, cancellationToken);
    }

    /// <summary>Finds the pairs of some folders: either the training pairs or the held-out pairs.</summary>
    /// <param name="folders">The folders of the clean images.</param>
    /// <param name="distorted">The folders of the distorted images, one for each of <paramref name="folders"/>, in the same order.</param>
    /// <param name="options">The options; <see cref="SamplingOptions.HoldOut"/> selects the held-out pairs.</param>
    /// <param name="areHeldOut">Whether to return the held-out pairs instead of the training pairs.</param>
    /// <exception cref="InputException">The numbers of folders differ, a folder is missing or has no image, or an image has no counterpart (<see cref="DistortedPairs.Match"/>).</exception>
    public static IReadOnlyList<DistortedPair> Pairs(IReadOnlyList<string> folders, IReadOnlyList<string> distorted, SamplingOptions options, bool areHeldOut = false)
    {
        ArgumentNullException.ThrowIfNull(folders);
        ArgumentNullException.ThrowIfNull(distorted);
        ArgumentNullException.ThrowIfNull(options);
        if (folders.Count != distorted.Count)
            throw new InputException($"expected a folder of distorted images for each of the {folders.Count} folders of training images, found {distorted.Count}: name them in the same order");
        var matched = folders.Zip(distorted, (clean, damaged) => DistortedPairs.Match(ImageFolder.List(clean), damaged));
        return [.. Select(folders, matched, options, areHeldOut)];
    }

    /// <summary>Distorts every whole image once, so that patches are then cut from pairs. Use it for distortions that are slow, or that cannot be applied to a patch.</summary>
    /// <param name="distortion">The distortion; its factor must be 1.</param>
    /// <param name="progress">Receives a report for every image.</param>
    /// <param name="cancellationToken">Cancels between two images.</param>
    /// <returns>The same images with their distorted versions, as 8-bit pixels.</returns>
    /// <exception cref="InputException">An image cannot be distorted.</exception>
    public TrainingImages Distort(Distortion distortion, IProgress<ProgressUpdate>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(distortion);
        var meter = new ProgressMeter(progress, "distorting", Count);
        var images = new List<TrainingImage>();
        foreach (var image in Images)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            images.Add(new TrainingImage(image.Reference, TrainingPixels.From(distortion.ApplyToPicture(image.Reference.ToPicture()))));
            meter.Report(images.Count);
        }

        return new TrainingImages(images, Unreadable);
    }

    private static TrainingImages Load<T>(
        IReadOnlyList<T> files, IReadOnlyList<string> folders, Func<T, TrainingImage> read, SamplingOptions options, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        var meter = new ProgressMeter(progress, "reading", files.Count);
        var images = new List<TrainingImage>();
        var unreadable = new List<string>();
        for (var i = 0; i < files.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                images.Add(read(files[i]));
            }
            catch (InputException e) when (options.SkipUnreadable)
            {
                unreadable.Add(e.Message);
            }
            catch (InputException e)
            {
                throw new InputException($"{e.Message}; to train without such files, set data.skip_unreadable", e);
            }

            meter.Report(i + 1);
        }

        if (files.Count == 0)
            throw new InputException($"no image of {Quoted(folders)} is left to train on: data.hold_out = {options.HoldOut} holds out all of them; use a larger number, or give validation images and remove data.hold_out");
        return images.Count > 0
            ? new TrainingImages(images, unreadable)
            : throw new InputException($"none of the {files.Count} images in {Quoted(folders)} can be used: {unreadable[0]}");
    }

    /// <summary>Lists the held-out files (<see cref="SamplingOptions.HoldOut"/>): pictures like the training pictures that are not used for training.</summary>
    /// <param name="folders">The folders of the training images.</param>
    /// <param name="options">The options; <see cref="SamplingOptions.HoldOut"/> selects the files.</param>
    /// <returns>The paths of the files; empty if no file is held out.</returns>
    /// <exception cref="InputException">A folder is missing or has no image.</exception>
    public static IReadOnlyList<string> HeldOut(IReadOnlyList<string> folders, SamplingOptions options)
    {
        ArgumentNullException.ThrowIfNull(folders);
        ArgumentNullException.ThrowIfNull(options);
        return Files(folders, options, areHeldOut: true);
    }

    /// <summary>Creates training images from images in memory.</summary>
    /// <param name="images">RGB, <c>(1, 3, H, W)</c> in [0, 1], on any device; rounded to 8 bits. The caller keeps ownership.</param>
    /// <param name="options">The size of a patch, and the factor by which the images are reduced.</param>
    /// <exception cref="InputException">An image is smaller than a patch.</exception>
    public static TrainingImages FromTensors(IReadOnlyList<Tensor> images, SamplingOptions options)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(options);
        return new TrainingImages([.. images.Select((image, i) => Convert(image, $"image {i}", options))], unreadable: []);
    }

    private static string[] Files(IReadOnlyList<string> folders, SamplingOptions options, bool areHeldOut) =>
        [.. Select(folders, folders.Select(ImageFolder.List), options, areHeldOut)];

    /// <summary>Selects the held-out items of every folder, or the other items. Images that are listed one by one count as one folder.</summary>
    private static IEnumerable<T> Select<T>(IEnumerable<string> folders, IEnumerable<IReadOnlyList<T>> contents, SamplingOptions options, bool areHeldOut)
    {
        var single = 0;
        foreach (var (folder, content) in folders.Zip(contents))
        {
            var first = Directory.Exists(folder) ? 0 : single++;
            for (var i = 0; i < content.Count; i++)
            {
                if ((options.HoldOut > 0 && (first + i) % options.HoldOut == 0) == areHeldOut)
                    yield return content[i];
            }
        }
    }

    private static string Quoted(IEnumerable<string> folders) => string.Join(", ", folders.Select(folder => $"'{folder}'"));

    private static TrainingImage Read(string path, SamplingOptions options, CancellationToken cancellationToken)
    {
        using var image = ImageFile.Read(path, cancellationToken: cancellationToken);
        return Convert(image, $"'{path}'", options);
    }

    private static TrainingImage ReadPair(DistortedPair pair, int factor, SamplingOptions options, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        var image = Convert(ImageFile.Read(pair.Reference, cancellationToken: cancellationToken), $"'{pair.Reference}'", options with { Reduce = 1 });
        var distorted = TrainingPixels.From(ImageFile.Read(pair.Distorted, cancellationToken: cancellationToken));
        var (height, width) = (image.Reference.Height / factor, image.Reference.Width / factor);
        return (distorted.Height, distorted.Width) == (height, width)
            ? image with { Distorted = distorted }
            : throw new InputException($"expected '{pair.Distorted}' to have {width}×{height} pixels, as '{pair.Reference}' of {image.Reference.Width}×{image.Reference.Height} requires with a factor of {factor}, "
                + $"found {distorted.Width}×{distorted.Height}");
    }

    private static TrainingImage Convert(Tensor image, string name, SamplingOptions options)
    {
        using var scope = NewDisposeScope();
        image = Resampler.Reduce(image, options.Reduce);
        var (height, width) = ((int)image.shape[2], (int)image.shape[3]);
        if (Math.Min(height, width) < options.Patch)
        {
            throw new InputException($"{name} is {width}×{height} pixels{(options.Reduce > 1 ? $" after it was reduced by {options.Reduce}" : "")}, "
                + $"smaller than a patch of {options.Patch}×{options.Patch}: use smaller patches, or remove the image");
        }

        return new TrainingImage(TrainingPixels.From(image));
    }
}
