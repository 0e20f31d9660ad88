using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>
/// Separable, antialiased bicubic resampling: Keys' cubic convolution with a = −0.5 (Keys, "Cubic Convolution
/// Interpolation for Digital Image Processing", 1981). When an image is reduced, the kernel is widened by the factor.
/// </summary>
/// <remarks>
/// The result is the same as with MATLAB's <c>imresize</c>. It differs from <c>torch.nn.functional.interpolate</c>, which uses a = −0.75 without
/// antialiasing, and truncates the kernel at the border with antialiasing. The weights are computed in double precision
/// and sum to one. All steps are torch operations, so the result is differentiable.
/// </remarks>
public static class Resampler
{
    /// <summary>Reduces an image by an integer factor. If a side is not a multiple of the factor, the remainder is distributed over all output pixels.</summary>
    /// <param name="image">RGB, <c>(1, 3, H, W)</c>.</param>
    /// <param name="factor">The factor; at least 1.</param>
    /// <returns><c>(1, 3, H / factor, W / factor)</c>, without pixels if a side is shorter than the factor. Values may be slightly outside the input's range.</returns>
    internal static Tensor Reduce(Tensor image, int factor)
    {
        var (rows, columns) = (image.shape[2] / factor, image.shape[3] / factor);
        return factor == 1 ? image.alias() : rows > 0 && columns > 0 ? Bicubic(image, rows, columns) : empty([1, 3, 0, 0], image.dtype, image.device);
    }

    /// <summary>Resamples to a given size. The two sizes determine the factors.</summary>
    /// <param name="image">Any number of images and channels, <c>(…, H, W)</c>, float32 or float64, on any device, of any range.</param>
    /// <param name="height">Height of the result, at least 1.</param>
    /// <param name="width">Width of the result, at least 1.</param>
    /// <param name="border">The extension of the image beyond its edge.</param>
    /// <returns><c>(…, height, width)</c>. At edges in the image, values may overshoot the input's range, as with every cubic kernel.</returns>
    /// <exception cref="ArgumentException">The tensor's type, its number of dimensions, or a size is invalid.</exception>
    public static Tensor Bicubic(Tensor image, long height, long width, Border border = Border.Replicate)
    {
        Check(image);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        var vertical = ResamplingKernel.Create(image.shape[^2], height, (double)height / image.shape[^2], border);
        var horizontal = ResamplingKernel.Create(image.shape[^1], width, (double)width / image.shape[^1], border);
        return Apply(image, vertical, horizontal);
    }

    /// <summary>Resamples by a factor, exactly as MATLAB's and BasicSR's <c>imresize</c> do.</summary>
    /// <param name="image">Any number of images and channels, <c>(…, H, W)</c>, float32 or float64, on any device, of any range.</param>
    /// <param name="factor">
    /// The size of the result divided by the size of the input. This factor determines the positions of pixels, not the ratio of the rounded sizes.
    /// </param>
    /// <param name="border">The extension of the image beyond its edge; both programs use <see cref="Border.Symmetric"/>.</param>
    /// <returns><c>(…, ⌈H · factor⌉, ⌈W · factor⌉)</c>.</returns>
    /// <exception cref="ArgumentException">The tensor's type, its number of dimensions, or the factor is invalid.</exception>
    public static Tensor BicubicScale(Tensor image, double factor, Border border = Border.Replicate)
    {
        Check(image);
        if (!(factor > 0 && double.IsFinite(factor)))
            throw new ArgumentOutOfRangeException(nameof(factor), factor, "expected a positive, finite factor");
        return Apply(image, Scale(image.shape[^2]), Scale(image.shape[^1]));

        ResamplingKernel Scale(long size) => ResamplingKernel.Create(size, checked((long)Math.Ceiling(size * factor)), factor, border);
    }

    /// <summary>
    /// Creates the low-resolution image of a super-resolution benchmark: bicubic by 1/factor with a replicated border,
    /// <em>rounded to 8 bits and clipped after each pass</em>. This rounding is the difference between the published files and an
    /// ideal reduction. For ×4, the result is identical to Set5 and Set14 bit for bit.
    /// </summary>
    /// <param name="image">RGB, <c>(N, 3, H, W)</c> in [0, 1], 8-bit values, with sides that are multiples of <paramref name="factor"/>.</param>
    /// <param name="factor">2, 3, 4 …</param>
    /// <returns><c>(N, 3, H / factor, W / factor)</c>, 8-bit values in [0, 1], of the input's type and on its device. It has no gradient.</returns>
    /// <exception cref="ArgumentException">The tensor, its size or the factor is invalid.</exception>
    public static Tensor BenchmarkDownscale(Tensor image, int factor)
    {
        Check(image);
        ArgumentOutOfRangeException.ThrowIfLessThan(factor, 2);
        var (height, width) = (image.shape[^2], image.shape[^1]);
        if (height % factor != 0 || width % factor != 0)
        {
            throw new ArgumentException(
                $"expected sides that are multiples of {factor}, found {width}×{height}; crop the image first", nameof(image));
        }

        using var noGradient = no_grad();
        using var scope = NewDisposeScope();
        // No torch operations: for small training patches, their overhead would be many times the time of the arithmetic.
        var values = image.detach().cpu().contiguous();
        var vertical = ResamplingKernel.Create(height, height / factor, 1.0 / factor, Border.Replicate);
        var horizontal = ResamplingKernel.Create(width, width / factor, 1.0 / factor, Border.Replicate);
        var plane = new double[height * width];
        var shorter = new double[height / factor * width];
        var result = new double[image.numel() / factor / factor];
        var size = result.Length / (int)(image.numel() / plane.Length);
        for (var (start, end) = (0L, 0); end < result.Length; start += plane.Length, end += size)
        {
            ReadLevels(values, start, plane);
            vertical.ApplyToRows(plane, (int)width, shorter);
            Round(shorter);
            var smaller = result.AsSpan(end, size);
            horizontal.ApplyWithinRows(shorter, smaller);
            Round(smaller);
            foreach (ref var level in smaller)
                level /= 255;
        }

        return tensor(result, [.. image.shape[..^2], height / factor, width / factor]).to(image.dtype).to(image.device).MoveToOuterDisposeScope();
    }

    /// <summary>Converts a plane of a contiguous tensor from [0, 1] to integer levels from 0 to 255.</summary>
    private static void ReadLevels(Tensor values, long start, Span<double> levels)
    {
        if (values.dtype == ScalarType.Float64)
        {
            MemoryMarshal.Cast<byte, double>(values.bytes).Slice(checked((int)start), levels.Length).CopyTo(levels);
        }
        else
        {
            var floats = MemoryMarshal.Cast<byte, float>(values.bytes).Slice(checked((int)start), levels.Length);
            for (var i = 0; i < levels.Length; i++)
                levels[i] = floats[i];
        }

        foreach (ref var level in levels)
            level *= 255;
        Round(levels);
    }

    private static void Round(Span<double> levels)
    {
        foreach (ref var level in levels)
            level = Math.Clamp(Math.Floor(level + 0.5), 0, 255);
    }

    private static Tensor Apply(Tensor image, ResamplingKernel vertical, ResamplingKernel horizontal)
    {
        using var scope = NewDisposeScope();
        return horizontal.Apply(vertical.Apply(image, dimension: -2), dimension: -1).MoveToOuterDisposeScope();
    }

    private static void Check(Tensor image)
    {
        ArgumentNullException.ThrowIfNull(image);
        if (image.dtype is not (ScalarType.Float32 or ScalarType.Float64) || image.dim() < 2 || image.numel() == 0)
        {
            throw new ArgumentException(
                $"expected float32 or float64 images (…, H, W), found {image.dtype} ({string.Join(", ", image.shape)})", nameof(image));
        }
    }
}
