using System.Globalization;
using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Distortions;

/// <summary>
/// Removal of JPEG artefacts, <c>jpeg:quality</c>: a round trip through a JPEG encoder, image by image. <c>jpeg:quality-quality</c> draws the
/// quality for each image. <c>jpeg:quality:444</c> keeps colour at full resolution instead of 4:2:0. <c>jpeg:quality:any</c> draws one of
/// the two for each image.
/// </summary>
internal sealed class JpegDistortion : Distortion
{
    private const string FullResolution = "444";
    private const string HalfResolution = "420";
    private const string AnyResolution = "any";

    /// <summary>Creates the distortion.</summary>
    /// <param name="quality">The quality on libjpeg's scale, 1 (worst) to 100.</param>
    /// <param name="subsampling">The resolution of colour; null to draw it for each image.</param>
    /// <exception cref="InputException"><paramref name="quality"/> is out of range.</exception>
    public JpegDistortion(int quality, ChromaSubsampling? subsampling = ChromaSubsampling.Half)
        : this(quality, quality, subsampling)
    {
    }

    /// <summary>Creates the distortion with a range of qualities.</summary>
    /// <param name="lowest">The lowest quality, at least 1.</param>
    /// <param name="highest">The highest quality, not below the lowest, and at most 100.</param>
    /// <param name="subsampling">The resolution of colour; null to draw it for each image.</param>
    /// <exception cref="InputException">The range is not as above.</exception>
    public JpegDistortion(int lowest, int highest, ChromaSubsampling? subsampling = ChromaSubsampling.Half)
    {
        if (lowest < 1 || highest < lowest || highest > 100)
            throw OutOfRange(Strength.Format(lowest, highest));
        (Lowest, Highest, Subsampling) = (lowest, highest, subsampling);
    }

    internal static TaskName Name { get; } = new("jpeg", "jpeg:10", "quality", Create);

    /// <summary>The lowest quality, 1 to 100.</summary>
    public int Lowest { get; }

    /// <summary>The highest quality; equal to the lowest if the quality is fixed.</summary>
    public int Highest { get; }

    /// <summary>The resolution of colour; null if it is drawn for each image.</summary>
    public ChromaSubsampling? Subsampling { get; }

    /// <inheritdoc/>
    public override string Task => $"{Name.Name}:{Strength.Format(Lowest, Highest)}{Subsampling switch
    {
        ChromaSubsampling.Half => "",
        ChromaSubsampling.Full => $":{FullResolution}",
        _ => $":{AnyResolution}",
    }}";

    /// <inheritdoc/>
    public override bool IsRandom => Lowest < Highest || Subsampling is null;

    /// <inheritdoc/>
    protected override Tensor Distort(Tensor reference, Generator? random)
    {
        var count = (int)reference.shape[0];
        var qualities = Draw(Lowest, Highest, count, random);
        var resolutions = Subsampling is { } only
            ? [.. Enumerable.Repeat(only, count)]
            : Draw(0, 1, count, random).Select(drawn => drawn == 0 ? ChromaSubsampling.Half : ChromaSubsampling.Full).ToArray();
        var images = reference.split(1).Select((image, i) => JpegRoundTrip.Apply(image, (int)qualities[i], resolutions[i]));
        return cat([.. images]).to(reference.device).to(reference.dtype);
    }

    /// <summary>Draws whole numbers from a range that includes both ends. If the range has only one number, nothing is drawn.</summary>
    private static long[] Draw(long lowest, long highest, int count, Generator? random) => lowest == highest
        ? [.. Enumerable.Repeat(lowest, count)]
        : randint(lowest, highest + 1, [count], ScalarType.Int64, random?.device ?? CPU, generator: random).cpu().data<long>().ToArray();

    private static JpegDistortion Create(string? strength)
    {
        if (string.IsNullOrEmpty(strength))
            throw new InputException("task 'jpeg' needs a strength: expected a quality of 1 to 100 after a colon, such as 'jpeg:10'");
        var parts = strength.Split(':', 2);
        var resolution = parts is [_, var given] ? given : HalfResolution;
        ChromaSubsampling? subsampling = resolution switch { FullResolution => ChromaSubsampling.Full, HalfResolution => ChromaSubsampling.Half, _ => null };
        return (subsampling is not null || resolution == AnyResolution)
            && Strength.Parse<int>(parts[0], text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var quality) ? quality : null) is var (lowest, highest)
            ? new JpegDistortion(lowest, highest, subsampling)
            : throw OutOfRange(strength);
    }

    private static InputException OutOfRange(string found) => new(
        $"cannot use task 'jpeg:{found}': expected a quality that is a whole number of 1 to 100, such as 'jpeg:10', or a range, such as 'jpeg:10-40', then ':444' for colour at full resolution, or ':any' to draw 4:2:0 or 4:4:4 for each image");
}
