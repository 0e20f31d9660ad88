using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>
/// The standard deviation of a picture's white noise, by the median of its finest diagonal wavelet coefficients: D. L. Donoho and I. M. Johnstone, Ideal
/// spatial adaptation by wavelet shrinkage, Biometrika 81 (1994). Edges and texture, which are few of the coefficients, hardly move the median.
/// </summary>
public static class NoiseLevel
{
    /// <summary>The least quality of a JPEG file whose noise is estimated.</summary>
    public const int LeastJpegQuality = 90;

    /// <summary>The median of |x| of a normal distribution with standard deviation 1: its third quartile.</summary>
    private const double NormalMedian = 0.674489750196;

    /// <summary>As many blocks of a channel are looked at, in rows that are spread over the picture.</summary>
    private const int MaximumBlocks = 1 << 18;

    /// <summary>With fewer blocks there is no estimate: its standard deviation would be more than a tenth of it.</summary>
    private const int MinimumBlocks = 128;

    /// <summary>Estimates the noise of a picture. Of a JPEG that is not nearly lossless there is no estimate: its quantization takes fine noise away.</summary>
    /// <param name="picture">The picture.</param>
    /// <returns>σ in 8-bit units; null as for <see cref="Estimate(Tensor)"/>, and for JPEG files below quality <see cref="LeastJpegQuality"/>.</returns>
    public static double? Estimate(Picture picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        return picture.Metadata is { IsJpeg: true, JpegQuality: null or < LeastJpegQuality } ? null : Estimate(picture.Color);
    }

    /// <summary>Estimates the noise; the mean over the channels.</summary>
    /// <param name="image">RGB, <c>(1, 3, H, W)</c>, floating point in [0, 1], on any device.</param>
    /// <returns>σ in 8-bit units; null where the picture is too small, or nearly all of it is black or white, where noise is cut off.</returns>
    /// <exception cref="ArgumentException">Another shape or type.</exception>
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
                // Haar's wavelet: of white noise the coefficient has the noise's own standard deviation.
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
