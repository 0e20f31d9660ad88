using System.Globalization;
using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Distortions;

/// <summary>
/// Removal of JPEG artefacts, <c>jpeg:quality</c>: a round trip through a JPEG encoder, 4:2:0, image by image.
/// </summary>
public sealed class JpegDistortion : Distortion
{
    /// <summary>Creates the distortion.</summary>
    /// <param name="quality">1 (worst) to 100, libjpeg's scale.</param>
    /// <exception cref="InputException"><paramref name="quality"/> is out of range.</exception>
    public JpegDistortion(int quality)
    {
        if (quality is < 1 or > 100)
            throw OutOfRange(quality.ToString(CultureInfo.InvariantCulture));
        Quality = quality;
    }

    internal static TaskName Name { get; } = new("jpeg", "jpeg:10 (quality)", Create);

    /// <summary>1 (worst) to 100.</summary>
    public int Quality { get; }

    /// <inheritdoc/>
    public override string Task => string.Create(CultureInfo.InvariantCulture, $"{Name.Name}:{Quality}");

    /// <inheritdoc/>
    protected override Tensor Distort(Tensor reference, Generator? random)
    {
        var images = reference.split(1).Select(image => JpegCodec.Decode(JpegCodec.Encode(image, Quality))).ToArray();
        return cat(images).to(reference.device).to(reference.dtype);
    }

    private static JpegDistortion Create(string? strength)
    {
        if (string.IsNullOrEmpty(strength))
            throw new InputException("task 'jpeg' needs a strength: expected a quality of 1 to 100 behind a colon, such as 'jpeg:10'");
        return int.TryParse(strength, NumberStyles.None, CultureInfo.InvariantCulture, out var quality)
            ? new JpegDistortion(quality)
            : throw OutOfRange(strength);
    }

    private static InputException OutOfRange(string found) =>
        new($"cannot use task 'jpeg:{found}': expected a quality that is a whole number of 1 to 100, such as 'jpeg:10'");
}
