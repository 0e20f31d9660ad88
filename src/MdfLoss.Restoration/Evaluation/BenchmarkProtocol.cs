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

    /// <summary>Clamps the values and rounds them to 8 bits, as <see cref="ImageFile"/> does when it writes.</summary>
    /// <param name="image">RGB, <c>(1, 3, H, W)</c>, floating point, on any device; the whole image or a part of it.</param>
    /// <param name="role">The role of the image, for messages, such as <c>restored</c>.</param>
    /// <returns>The same shape, float64, multiples of 1/255 in [0, 1].</returns>
    /// <exception cref="InputException">The image contains NaN.</exception>
    public static Tensor Round(Tensor image, string role)
    {
        using var scope = NewDisposeScope();
        if (image.isnan().any().item<bool>())
            throw new InputException($"expected a {role} image with values in [0, 1], found NaN");
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
}
