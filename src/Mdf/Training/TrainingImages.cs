using Mdf.Imaging;
using Mdf.Kernels;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Training;

/// <summary>A photograph as the sampler cuts patches from it.</summary>
/// <param name="Pixels">8 bits a sample, <c>(3, Height, Width)</c>.</param>
/// <param name="Height">Rows.</param>
/// <param name="Width">Columns.</param>
internal sealed record TrainingImage(byte[] Pixels, int Height, int Width);

/// <summary>The photographs to train on: decoded once, and held as bytes (a thousand of 481×321 take 463 MB).</summary>
public sealed class TrainingImages
{
    private TrainingImages(IReadOnlyList<TrainingImage> images, IReadOnlyList<string> unreadable) => (Images, Unreadable) = (images, unreadable);

    /// <summary>How many there are.</summary>
    public int Count => Images.Count;

    /// <summary>What was passed over, with the reason; empty unless that was asked for.</summary>
    public IReadOnlyList<string> Unreadable { get; }

    internal IReadOnlyList<TrainingImage> Images { get; }

    /// <summary>Reads every image of some folders.</summary>
    /// <param name="folders">The folders.</param>
    /// <param name="options">How large a patch is, and what becomes of images that cannot be used as they are.</param>
    /// <param name="progress">Told of every image.</param>
    /// <param name="cancellation">Ends it between two images, or while one is read.</param>
    /// <exception cref="InputException">
    /// A folder is missing or has no image; an image cannot be read, unless those are to be passed over, or is smaller than a patch.
    /// </exception>
    public static TrainingImages Load(
        IReadOnlyList<string> folders, SamplingOptions options, IProgressSink? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(folders);
        ArgumentNullException.ThrowIfNull(options);
        var files = Files(folders, options, areHeldOut: false);
        var meter = new ProgressMeter(progress ?? IProgressSink.None, "reading", files.Length);
        var images = new List<TrainingImage>();
        var unreadable = new List<string>();
        for (var i = 0; i < files.Length; i++)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                images.Add(Read(files[i], options, cancellation));
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

        return images.Count > 0
            ? new TrainingImages(images, unreadable)
            : throw new InputException($"none of the {files.Length} images in {string.Join(", ", folders.Select(folder => $"'{folder}'"))} can be used: {unreadable[0]}");
    }

    /// <summary>The files that are set aside by <see cref="SamplingOptions.HoldOut"/>: pictures like those of the training, which it does not see.</summary>
    /// <param name="folders">The folders of the training images.</param>
    /// <param name="options">Which are set aside.</param>
    /// <returns>Their paths; none where none is set aside.</returns>
    /// <exception cref="InputException">A folder is missing or has no image.</exception>
    public static IReadOnlyList<string> HeldOut(IReadOnlyList<string> folders, SamplingOptions options)
    {
        ArgumentNullException.ThrowIfNull(folders);
        ArgumentNullException.ThrowIfNull(options);
        return Files(folders, options, areHeldOut: true);
    }

    /// <summary>Takes images that are there already.</summary>
    /// <param name="images">RGB, <c>(1, 3, H, W)</c> in [0, 1], on any device; rounded to 8 bits. They stay their owner's.</param>
    /// <param name="options">How large a patch is, and by what the images are reduced.</param>
    /// <exception cref="InputException">An image is smaller than a patch.</exception>
    public static TrainingImages Of(IReadOnlyList<Tensor> images, SamplingOptions options)
    {
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(options);
        return new TrainingImages([.. images.Select((image, i) => Convert(image, $"image {i}", options))], unreadable: []);
    }

    private static string[] Files(IReadOnlyList<string> folders, SamplingOptions options, bool areHeldOut) =>
        [.. folders.SelectMany(folder => ImageFolder.List(folder).Where((_, i) => (options.HoldOut > 0 && i % options.HoldOut == 0) == areHeldOut))];

    private static TrainingImage Read(string path, SamplingOptions options, CancellationToken cancellation)
    {
        using var image = ImageFile.Read(path, cancellation: cancellation);
        return Convert(image, $"'{path}'", options);
    }

    private static TrainingImage Convert(Tensor image, string name, SamplingOptions options)
    {
        using var scope = NewDisposeScope();
        image = Resampler.Reduce(image, options.Reduce);
        var (height, width) = ((int)image.shape[2], (int)image.shape[3]);
        if (Math.Min(height, width) < options.Patch)
        {
            throw new InputException($"{name} is {width}×{height} pixels{(options.Reduce > 1 ? $" after it was reduced by {options.Reduce}" : "")}, "
                + $"smaller than a patch of {options.Patch}×{options.Patch}: use smaller patches, or take it out");
        }

        var levels = image.cpu().Clamp(0, 1).Mul(255).Add(0.5).floor().to(ScalarType.Byte).contiguous();
        return new TrainingImage(levels.data<byte>().ToArray(), height, width);
    }
}
