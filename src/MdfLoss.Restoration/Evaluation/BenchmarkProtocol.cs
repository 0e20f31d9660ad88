using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>
/// Prepares images for the metrics of a benchmark: as in an 8-bit file, and without the border. Rounding and luma use single pixels, so parts of an image
/// can be measured one after the other.
/// </summary>
internal static class BenchmarkProtocol
{
    /// <summary>The number of pixels that the measures ignore at each side: the factor for super-resolution, as is usual in the field; 0 for other tasks.</summary>
    /// <param name="distortion">The distortion of the task.</param>
    public static int BorderOf(Distortion distortion) => distortion.Factor > 1 ? distortion.Factor : 0;

    /// <summary>The rules for the images of a task, as a part of a line to print next to the numbers.</summary>
    /// <param name="distortion">The distortion of the task.</param>
    /// <param name="border">Another border than the task's; null for the task's.</param>
    public static string Rules(Distortion distortion, int? border = null) =>
        $"restored images rounded to 8 bits; border of {border ?? BorderOf(distortion)} pixels cut off; Y of BT.601, 16–235; SSIM with an 11×11 Gaussian window, σ 1.5; as BasicSR";

    /// <summary>Crops the border.</summary>
    /// <param name="image"><c>(1, 3, H, W)</c>, floating point, on any device.</param>
    /// <param name="border">The number of pixels to crop at each side; at least 0.</param>
    /// <param name="role">The role of the image, for messages, such as <c>restored</c>.</param>
    /// <returns><c>(1, 3, H − 2·border, W − 2·border)</c>, a view.</returns>
    /// <exception cref="ArgumentException">The tensor is not such an image.</exception>
    /// <exception cref="InputException">The image is all border.</exception>
    public static Tensor WithoutBorder(Tensor image, int border, string role)
    {
        ArgumentNullException.ThrowIfNull(image);
        ArgumentOutOfRangeException.ThrowIfNegative(border);
        if (image.dim() != 4 || image.shape[0] != 1 || image.shape[1] != 3 || !image.is_floating_point())
            throw new ArgumentException($"expected a {role} image of floating-point values, shape (1, 3, H, W), found {image.dtype} ({string.Join(", ", image.shape)})", nameof(image));
        var (height, width) = (image.shape[2] - 2L * border, image.shape[3] - 2L * border);
        if (height < 1 || width < 1)
        {
            throw new InputException(
                $"expected a {role} image larger than its border of {border} pixels at each side, found one of {image.shape[3]}×{image.shape[2]}");
        }

        return image.narrow(2, border, height).narrow(3, border, width);
    }

    /// <summary>Crops the border of both images, and checks that they have one size.</summary>
    /// <inheritdoc cref="WithoutBorder"/>
    /// <param name="restored">The restored image.</param>
    /// <param name="reference">Its reference.</param>
    /// <param name="border">The number of pixels to crop at each side; at least 0.</param>
    public static (Tensor Restored, Tensor Reference) PairWithoutBorder(Tensor restored, Tensor reference, int border)
    {
        var pair = (Restored: WithoutBorder(restored, border, "restored"), Reference: WithoutBorder(reference, border, "reference"));
        return pair.Restored.shape.SequenceEqual(pair.Reference.shape)
            ? pair
            : throw new InputException($"expected images of one size, found {restored.shape[3]}×{restored.shape[2]} (restored) "
                + $"and {reference.shape[3]}×{reference.shape[2]} (reference)");
    }

    /// <summary>Prepares a part of an image for the measures.</summary>
    /// <param name="image">RGB, <c>(1, 3, H, W)</c>, floating point, on any device.</param>
    /// <param name="isRounded">Whether to round to 8 bits. Otherwise the values are only clamped.</param>
    /// <param name="role">The role of the image, for messages, such as <c>restored</c>.</param>
    /// <returns>The same shape, float64, in [0, 1].</returns>
    /// <exception cref="InputException">The image contains NaN.</exception>
    public static Tensor Prepare(Tensor image, bool isRounded, string role)
    {
        if (isRounded)
            return Round(image, role);
        using var scope = NewDisposeScope();
        RequireNumbers(image, role);
        return image.Clamp(0, 1).to(float64).MoveToOuterDisposeScope();
    }

    /// <summary>Does the same for the whole image, in the type in which losses are measured. One strip at a time is in float64.</summary>
    /// <inheritdoc cref="Prepare"/>
    /// <param name="image">RGB, <c>(1, 3, H, W)</c>, floating point, on any device.</param>
    /// <param name="isRounded">Whether to round to 8 bits.</param>
    /// <param name="role">The role of the image.</param>
    /// <param name="strips">The strips of the image.</param>
    /// <returns>The same shape, float32, in [0, 1]: the image itself if it is so already, as from an 8-bit file. Do not change it.</returns>
    public static Tensor PrepareWhole(Tensor image, bool isRounded, string role, IEnumerable<ImageStrip> strips)
    {
        Tensor? copy = image.dtype == float32 && image.is_contiguous() ? null : Copy();
        foreach (var strip in strips)
        {
            using var scope = NewDisposeScope();
            var prepared = Prepare(strip.Cut(image), isRounded, role).to(float32);
            if (copy is null && strip.Cut(image).ne(prepared).any().item<bool>())
                copy = Copy().MoveToOuterDisposeScope(); // the strips before are the same in both
            if (copy is not null)
                strip.Cut(copy).copy_(prepared);
        }

        return copy ?? image;

        Tensor Copy() => empty(image.shape, float32, image.device).copy_(image);
    }

    /// <summary>Clamps the values and rounds them to 8 bits, as <see cref="ImageFile"/> does when it writes.</summary>
    /// <param name="image">RGB, <c>(1, 3, H, W)</c>, floating point, on any device; the whole image or a part of it.</param>
    /// <param name="role">The role of the image, for messages, such as <c>restored</c>.</param>
    /// <returns>The same shape, float64, multiples of 1/255 in [0, 1].</returns>
    /// <exception cref="InputException">The image contains NaN.</exception>
    public static Tensor Round(Tensor image, string role)
    {
        using var scope = NewDisposeScope();
        RequireNumbers(image, role);
        return Pixels.Levels(image, bitDepth: 8).to(float64).Div(255).MoveToOuterDisposeScope();
    }

    /// <summary>Computes the luma of ITU-R BT.601 in studio range, as MATLAB's <c>rgb2ycbcr</c> does, but without rounding.</summary>
    /// <param name="image">RGB, <c>(1, 3, H, W)</c>, float64 in [0, 1].</param>
    /// <returns><c>(1, 1, H, W)</c>, from 16/255 for black to 235/255 for white.</returns>
    public static Tensor Luma(Tensor image)
    {
        using var scope = NewDisposeScope();
        var weights = tensor([65.481, 128.553, 24.966], float64, image.device).view(1, 3, 1, 1);
        return image.mul(weights).sum(1, keepdim: true).Add(16).Div(255).MoveToOuterDisposeScope();
    }

    private static void RequireNumbers(Tensor image, string role)
    {
        if (image.isnan().any().item<bool>())
            throw new InputException($"expected a {role} image with values in [0, 1], found NaN");
    }
}
