using System.Globalization;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Distortions;

/// <summary>Deblurring, <c>blur:σ</c>: a Gaussian blur with a mirrored border. <c>blur:σ-σ</c> draws the strength for each image, uniformly.</summary>
internal sealed class GaussianBlur : Distortion
{
    private const double Largest = 20;

    // The reach of the kernel to each side, in σ.
    private const double Reach = 4;

    /// <summary>Creates the distortion.</summary>
    /// <param name="sigma">The standard deviation in pixels, above 0 and at most 20.</param>
    /// <exception cref="InputException"><paramref name="sigma"/> is out of range.</exception>
    public GaussianBlur(double sigma)
        : this(sigma, sigma)
    {
    }

    /// <summary>Creates the distortion with a range of strengths.</summary>
    /// <param name="lowest">The smallest standard deviation in pixels, above 0.</param>
    /// <param name="highest">The largest standard deviation, not below the smallest, and at most 20.</param>
    /// <exception cref="InputException">The range is not as above.</exception>
    public GaussianBlur(double lowest, double highest)
    {
        if (!(lowest > 0 && highest >= lowest && highest <= Largest))
            throw OutOfRange(Strength.Format(lowest, highest));
        (Lowest, Highest) = (lowest, highest);
    }

    internal static TaskName Name { get; } = new("blur", "blur:2", "σ in pixels", Create);

    /// <summary>The smallest standard deviation in pixels.</summary>
    public double Lowest { get; }

    /// <summary>The largest standard deviation in pixels; equal to the smallest if the strength is fixed.</summary>
    public double Highest { get; }

    /// <inheritdoc/>
    public override string Task => $"{Name.Name}:{Strength.Format(Lowest, Highest)}";

    /// <inheritdoc/>
    public override bool IsRandom => Lowest < Highest;

    /// <summary>Blurs images.</summary>
    /// <param name="images">Shape <c>(N, C, H, W)</c>.</param>
    /// <param name="sigma">The standard deviation in pixels; at least 0.</param>
    internal static Tensor Blur(Tensor images, double sigma)
    {
        var limit = (int)Math.Min(images.shape[2], images.shape[3]) - 1;
        var radius = Math.Min((int)Math.Ceiling(Reach * sigma), limit);
        var weights = Enumerable.Range(-radius, 2 * radius + 1).Select(i => (float)Math.Exp(-i * i / (2 * sigma * sigma + 1e-12))).ToArray();
        var window = tensor(weights, device: images.device).to(images.dtype);
        window = (window / window.sum()).view(1, 1, 1, -1).expand(images.shape[1], 1, 1, -1);
        var padded = nn.functional.pad(images, [radius, radius, radius, radius], PaddingModes.Reflect);
        var thickness = Math.Max(1, StripPixels / images.shape[3]);
        if (images.shape[2] <= thickness)
            return Convolve(padded);
        var blurred = empty_like(images);
        for (var top = 0L; top < images.shape[2]; top += thickness)
        {
            using var scope = NewDisposeScope();
            var height = Math.Min(thickness, images.shape[2] - top);
            blurred.narrow(2, top, height).copy_(Convolve(padded.narrow(2, top, height + 2 * radius)));
        }

        return blurred;

        Tensor Convolve(Tensor part)
        {
            var rows = nn.functional.conv2d(part, window, groups: images.shape[1]);
            return nn.functional.conv2d(rows, window.transpose(2, 3), groups: images.shape[1]);
        }
    }

    // Larger images are convolved in strips, because libtorch's convolutions take several times the memory of the image.
    private const long StripPixels = 1 << 20;

    /// <inheritdoc/>
    protected override Tensor Distort(Tensor reference, Generator? random)
    {
        if (!IsRandom)
            return Blur(reference, Highest);
        var count = (int)reference.shape[0];
        var drawn = rand([count], dtype: float64, device: random?.device ?? CPU, generator: random).cpu().data<double>().ToArray();
        return cat([.. reference.split(1).Zip(drawn, (image, u) => Blur(image, Lowest + u * (Highest - Lowest)))]);
    }

    private static GaussianBlur Create(string? strength)
    {
        if (string.IsNullOrEmpty(strength))
            throw new InputException("task 'blur' needs a strength: expected the blur's σ in pixels after a colon, such as 'blur:2'");
        return Strength.Parse<double>(strength, Number) is var (lowest, highest) ? new GaussianBlur(lowest, highest) : throw OutOfRange(strength);

        static double? Number(string text) =>
            double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var sigma) ? sigma : null;
    }

    private static InputException OutOfRange(string found) => new(
        $"cannot use task 'blur:{found}': expected the blur's σ in pixels, above 0 and at most 20, such as 'blur:2', or a range, such as 'blur:1-3'");
}
