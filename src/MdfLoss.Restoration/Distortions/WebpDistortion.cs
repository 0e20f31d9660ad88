using System.Globalization;
using Mdf.Imaging;
using Mdf.Runtime;
using SkiaSharp;
using static TorchSharp.torch;

namespace Mdf.Distortions;

/// <summary>
/// Removal of WebP artefacts, <c>webp:quality</c>: a round trip through a lossy WebP encoder, image by image. <c>webp:quality-quality</c> draws the
/// quality for each image.
/// </summary>
internal sealed class WebpDistortion : Distortion
{
    /// <summary>Creates the distortion.</summary>
    /// <param name="quality">The quality on libwebp's scale, 0 (worst) to 100.</param>
    /// <exception cref="InputException"><paramref name="quality"/> is out of range.</exception>
    public WebpDistortion(int quality)
        : this(quality, quality)
    {
    }

    /// <summary>Creates the distortion with a range of qualities.</summary>
    /// <param name="lowest">The lowest quality, at least 0.</param>
    /// <param name="highest">The highest quality, not below the lowest, and at most 100.</param>
    /// <exception cref="InputException">The range is not as above.</exception>
    public WebpDistortion(int lowest, int highest)
    {
        if (lowest < 0 || highest < lowest || highest > 100)
            throw OutOfRange(Strength.Format(lowest, highest));
        (Lowest, Highest) = (lowest, highest);
    }

    internal static TaskName Name { get; } = new("webp", "webp:10", "quality", Create);

    /// <summary>The lowest quality, 0 to 100.</summary>
    public int Lowest { get; }

    /// <summary>The highest quality; equal to the lowest if the quality is fixed.</summary>
    public int Highest { get; }

    /// <inheritdoc/>
    public override string Task => $"{Name.Name}:{Strength.Format(Lowest, Highest)}";

    /// <inheritdoc/>
    public override bool IsRandom => Lowest < Highest;

    /// <inheritdoc/>
    protected override Tensor Distort(Tensor reference, Generator? random)
    {
        var count = (int)reference.shape[0];
        var qualities = IsRandom
            ? randint(Lowest, Highest + 1, [count], ScalarType.Int64, random?.device ?? CPU, generator: random).cpu().data<long>().ToArray()
            : [.. Enumerable.Repeat((long)Lowest, count)];
        var images = reference.split(1).Zip(qualities, (image, quality) =>
            SkiaRoundTrip.Apply(image, "WebP", clean => clean.Encode(new SKWebpEncoderOptions(SKWebpEncoderCompression.Lossy, quality))));
        return cat([.. images]).to(reference.device).to(reference.dtype);
    }

    private static WebpDistortion Create(string? strength)
    {
        if (string.IsNullOrEmpty(strength))
            throw new InputException("task 'webp' needs a strength: expected a quality of 0 to 100 after a colon, such as 'webp:10'");
        return Strength.Parse<int>(strength, text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var quality) ? quality : null) is var (lowest, highest)
            ? new WebpDistortion(lowest, highest)
            : throw OutOfRange(strength);
    }

    private static InputException OutOfRange(string found) => new(
        $"cannot use task 'webp:{found}': expected a quality that is a whole number of 0 to 100, such as 'webp:10', or a range, such as 'webp:10-40'");
}
