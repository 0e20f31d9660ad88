using System.Security.Cryptography;
using System.Text;
using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>The images of a benchmark: clean images from a folder, and their distorted versions, which are computed or read from files.</summary>
public sealed class BenchmarkImages
{
    private readonly Distortion _distortion;
    private readonly long _seed;
    private readonly int _reduce;
    private readonly IReadOnlyList<string> _references;
    private readonly IReadOnlyList<string>? _distorted;

    /// <summary>Finds the images. Does not read them.</summary>
    /// <param name="references">The folder of the clean images.</param>
    /// <param name="distortion">The distortion that the networks undo.</param>
    /// <param name="distorted">
    /// The folder of the distorted images; <see cref="DistortedPairs.Match"/> pairs the files. Null: the distorted images are computed.
    /// </param>
    /// <param name="seed">The seed of random distortions. The random numbers of an image depend only on the seed and on the name of the image.</param>
    /// <exception cref="InputException">A folder is missing or has no image, or an image has no counterpart.</exception>
    public BenchmarkImages(string references, Distortion distortion, string? distorted = null, long seed = 0)
        : this(ImageFolder.List(references), distortion, distorted, seed)
    {
    }

    /// <summary>Takes images by their file names. Does not read them.</summary>
    /// <param name="references">The files of the clean images.</param>
    /// <param name="distortion">The distortion that the networks undo.</param>
    /// <param name="distorted">As above.</param>
    /// <param name="seed">As above.</param>
    /// <param name="reduce">The factor by which the clean images are first reduced, with antialiased bicubic resampling; at least 1.</param>
    /// <exception cref="InputException">The folder of distorted images is missing or has no image, or an image has no counterpart.</exception>
    internal BenchmarkImages(IReadOnlyList<string> references, Distortion distortion, string? distorted = null, long seed = 0, int reduce = 1)
        : this(references, distorted is null ? null : DistortedPairs.Match(references, distorted).Select(pair => pair.Distorted).ToArray(), distortion, seed, reduce)
    {
    }

    /// <summary>Takes pairs of files. Does not read them.</summary>
    /// <param name="pairs">The clean images and their distorted versions.</param>
    /// <param name="distortion">The distortion that the networks undo.</param>
    internal BenchmarkImages(IReadOnlyList<DistortedPair> pairs, Distortion distortion)
        : this(pairs.Select(pair => pair.Reference).ToArray(), pairs.Select(pair => pair.Distorted).ToArray(), distortion, seed: 0, reduce: 1)
    {
    }

    private BenchmarkImages(IReadOnlyList<string> references, IReadOnlyList<string>? distorted, Distortion distortion, long seed, int reduce)
    {
        ArgumentNullException.ThrowIfNull(references);
        ArgumentNullException.ThrowIfNull(distortion);
        ArgumentOutOfRangeException.ThrowIfLessThan(reduce, 1);
        if (distorted is null)
            distortion.RequireOperator();
        (_references, _distorted, _distortion, _seed, _reduce) = (references, distorted, distortion, seed, reduce);
        Protocol = $"{distortion.Task}, "
            + (distorted is not null ? "distorted files as given" : distortion.IsRandom ? $"distorted here (seed {seed})" : "distorted here")
            + $"; {BenchmarkProtocol.Rules(distortion)}";
    }

    /// <summary>The number of images.</summary>
    public int Count => _references.Count;

    /// <summary>The distortion of the task.</summary>
    public Distortion Distortion => _distortion;

    /// <summary>The number of pixels that the metrics ignore at each side: the factor for super-resolution, as is usual in the field; 0 for other tasks.</summary>
    public int Border => BenchmarkProtocol.BorderOf(_distortion);

    /// <summary>The rules by which the metrics are computed, as one line to print next to the numbers.</summary>
    public string Protocol { get; }

    /// <summary>The name of an image: the name of its file, without folder and extension.</summary>
    /// <param name="index">The index of the image, from 0.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such image.</exception>
    public string NameOf(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        return Path.GetFileNameWithoutExtension(_references[index]);
    }

    /// <summary>Reads a pair. The reference is cropped at the bottom and at the right to a multiple of the factor.</summary>
    /// <param name="index">The index of the image, from 0.</param>
    /// <param name="cancellationToken">Stops the work while a file is read.</param>
    /// <returns><c>(1, 3, H, W)</c> in [0, 1] and <c>(1, 3, H / factor, W / factor)</c>, on the CPU.</returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such image.</exception>
    /// <exception cref="InputException">A file is no image, or the two sizes do not belong together.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public (Tensor Reference, Tensor Distorted) Read(int index, CancellationToken cancellationToken = default)
    {
        var name = NameOf(index);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var factor = _distortion.Factor;
        var image = Resampler.Reduce(ImageFile.Read(_references[index], cancellationToken: cancellationToken), _reduce);
        if (_reduce > 1)
            image = Pixels.Levels(image, bitDepth: 8).to(float32).Div(255); // as in a file
        var (height, width) = (image.shape[2] / factor * factor, image.shape[3] / factor * factor);
        if (height == 0 || width == 0)
            throw new InputException($"'{_references[index]}' is {image.shape[3]}×{image.shape[2]} pixels: too small for a factor of {factor * _reduce}");
        var reference = image[.., .., ..(int)height, ..(int)width].contiguous();
        using var random = new Generator(SeedOf(name));
        var distorted = _distorted is null ? _distortion.ApplyToPicture(reference, random) : ImageFile.Read(_distorted[index], cancellationToken: cancellationToken);
        if (distorted.shape[2] != height / factor || distorted.shape[3] != width / factor)
        {
            throw new InputException($"expected '{_distorted![index]}' to have {width / factor}×{height / factor} pixels, as '{_references[index]}' "
                + $"of {image.shape[3]}×{image.shape[2]} requires with a factor of {factor}, found {distorted.shape[3]}×{distorted.shape[2]}");
        }

        return (reference.MoveToOuterDisposeScope(), distorted.MoveToOuterDisposeScope());
    }

    private ulong SeedOf(string name)
    {
        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{_seed}/{name}")));
        return BitConverter.ToUInt32(hash); // libtorch's generator uses 32 bits
    }
}
