using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>
/// Estimates the standard deviation of a picture's white noise from the median of its finest diagonal wavelet coefficients: D. L. Donoho and I. M. Johnstone,
/// "Ideal spatial adaptation by wavelet shrinkage", Biometrika 81 (1994). Edges and texture are few of the coefficients, so they hardly change the median.
/// </summary>
internal static class NoiseLevel
{
    /// <summary>The lowest quality of a JPEG file for which the noise is estimated.</summary>
    public const int LeastJpegQuality = 90;

    /// <summary>The median of |x| of a normal distribution with standard deviation 1: its third quartile.</summary>
    private const double NormalMedian = 0.674489750196;

    /// <summary>The largest number of blocks per channel that are used. They are in rows spread over the picture.</summary>
    private const int MaximumBlocks = 1 << 18;

    /// <summary>With fewer blocks there is no estimate: its standard deviation would be more than 10 % of the estimate.</summary>
    private const int MinimumBlocks = 128;

    /// <summary>Estimates the noise of a picture. There is no estimate for a JPEG that is not nearly lossless, because its quantization removes fine noise.</summary>
    /// <param name="picture">The picture.</param>
    /// <returns>σ in 8-bit units; null as for <see cref="Estimate(Tensor)"/>, and for JPEG files below quality <see cref="LeastJpegQuality"/>.</returns>
    public static double? Estimate(Picture picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        return picture.Metadata is { IsJpeg: true, JpegQuality: null or < LeastJpegQuality } ? null : Estimate(picture.Color);
    }

    /// <summary>Estimates the noise as the mean over the channels.</summary>
    /// <param name="image">RGB, <c>(1, 3, H, W)</c>, floating point in [0, 1], on any device.</param>
    /// <returns>σ in 8-bit units; null if the picture is too small, or nearly all of it is black or white, where noise is clipped.</returns>
    /// <exception cref="ArgumentException">The tensor has another shape or type.</exception>
    public static double? Estimate(Tensor image)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (!image.is_floating_point() || image.shape is not [1, 3, > 0, > 0])
            throw new ArgumentException($"expected one RGB image as a floating-point tensor (1, 3, H, W), found {image.dtype} ({string.Join(", ", image.shape)})", nameof(image));
        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        var (height, width) = ((int)image.shape[2], (int)image.shape[3]);
        var estimates = new List<double>();
        for (var channel = 0; channel < 3; channel++)
        {
            var plane = image[0, channel].to(CPU).to(ScalarType.Float32).contiguous();
            if (Estimate(MemoryMarshal.Cast<byte, float>(plane.bytes), height, width) is { } sigma)
                estimates.Add(sigma);
        }

        return estimates.Count == 0 ? null : 255 * estimates.Average();
    }

    private static double? Estimate(ReadOnlySpan<float> plane, int height, int width)
    {
        var (rows, columns) = (height / 2, width / 2);
        var step = (int)Math.Max(1, ((long)rows * columns + MaximumBlocks - 1) / MaximumBlocks);
        var coefficients = new List<float>(Math.Min(MaximumBlocks, rows * columns));
        for (var row = 0; row < rows; row += step)
        {
            var upper = plane.Slice(2 * row * width, width);
            var lower = plane.Slice((2 * row + 1) * width, width);
            for (var x = 0; x + 1 < width; x += 2)
            {
                // Haar wavelet: for white noise, the coefficient has the standard deviation of the noise.
                if (IsInside(upper[x]) && IsInside(upper[x + 1]) && IsInside(lower[x]) && IsInside(lower[x + 1]))
                    coefficients.Add(Math.Abs(upper[x] - upper[x + 1] - lower[x] + lower[x + 1]) / 2);
            }
        }

        if (coefficients.Count < MinimumBlocks)
            return null;
        coefficients.Sort();
        return coefficients[coefficients.Count / 2] / NormalMedian;
    }

    private static bool IsInside(float value) => value is > 0 and < 1;
}
