using static TorchSharp.torch;

namespace Mdf.Imaging;

/// <summary>
/// Separable, antialiased bicubic resampling: Keys' cubic convolution with a = −0.5 (Keys, "Cubic Convolution
/// Interpolation for Digital Image Processing", 1981), its kernel widened by the factor when shrinking.
/// </summary>
/// <remarks>
/// The same resampling as MATLAB's <c>imresize</c>. Not that of <c>torch.nn.functional.interpolate</c>, which without
/// antialiasing has a = −0.75 and with it cuts the kernel off at the border. Weights are computed in double precision
/// and sum to one; everything is made of torch operations, so gradients pass.
/// </remarks>
public static class Resampler
{
    /// <summary>Keys' parameter: the one value with third-order accuracy, and MATLAB's choice.</summary>
    private const double A = -0.5;

    /// <summary>Half the kernel's width, in pixels of the coarser grid.</summary>
    private const double Radius = 2;

    /// <summary>Resamples to a given size; the two factors follow from the sizes.</summary>
    /// <param name="image">Any number of images and channels, <c>(…, H, W)</c>, float32 or float64, on any device, of any range.</param>
    /// <param name="height">Height of the result, at least 1.</param>
    /// <param name="width">Width of the result, at least 1.</param>
    /// <param name="border">What the kernel sees beyond the edge.</param>
    /// <returns><c>(…, height, width)</c>; overshoots the input's range at edges, as cubic kernels do.</returns>
    /// <exception cref="ArgumentException">The tensor's type or number of dimensions, or a size, is not as above.</exception>
    public static Tensor Bicubic(Tensor image, long height, long width, Border border = Border.Replicate)
    {
        Check(image);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        var vertical = Kernel.Create(image.shape[^2], height, (double)height / image.shape[^2], border);
        var horizontal = Kernel.Create(image.shape[^1], width, (double)width / image.shape[^1], border);
        return Apply(image, vertical, horizontal);
    }

    /// <summary>Resamples by a factor, exactly as MATLAB's and BasicSR's <c>imresize</c> do.</summary>
    /// <param name="image">Any number of images and channels, <c>(…, H, W)</c>, float32 or float64, on any device, of any range.</param>
    /// <param name="factor">
    /// Size of the result by size of the input. It, and not the ratio of the rounded sizes, decides where pixels lie.
    /// </param>
    /// <param name="border">What the kernel sees beyond the edge; both programs use <see cref="Border.Symmetric"/>.</param>
    /// <returns><c>(…, ⌈H · factor⌉, ⌈W · factor⌉)</c>.</returns>
    /// <exception cref="ArgumentException">The tensor's type or number of dimensions, or the factor, is not as above.</exception>
    public static Tensor BicubicScale(Tensor image, double factor, Border border = Border.Replicate)
    {
        Check(image);
        if (!(factor > 0 && double.IsFinite(factor)))
            throw new ArgumentOutOfRangeException(nameof(factor), factor, "expected a positive, finite factor");
        return Apply(image, Scale(image.shape[^2]), Scale(image.shape[^1]));

        Kernel Scale(long size) => Kernel.Create(size, checked((long)Math.Ceiling(size * factor)), factor, border);
    }

    /// <summary>
    /// Makes the low-resolution image of a super-resolution benchmark: bicubic by 1/factor with a replicated border,
    /// <em>rounded to 8 bits and clipped after each pass</em>, which is what distinguishes the published files from an
    /// ideal reduction. For ×4 it reproduces Set5 and Set14 bit for bit.
    /// </summary>
    /// <param name="image">RGB, <c>(N, 3, H, W)</c> in [0, 1], 8-bit values, with sides that are multiples of <paramref name="factor"/>.</param>
    /// <param name="factor">2, 3, 4 …</param>
    /// <returns><c>(N, 3, H / factor, W / factor)</c>, 8-bit values in [0, 1], of the input's type and on its device. It has no gradient.</returns>
    /// <exception cref="ArgumentException">The tensor, its size or the factor is not as above.</exception>
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
        var levels = Round(image.to(ScalarType.Float64).mul(255));
        levels = Round(Kernel.Create(height, height / factor, 1.0 / factor, Border.Replicate).Apply(levels, dimension: -2));
        levels = Round(Kernel.Create(width, width / factor, 1.0 / factor, Border.Replicate).Apply(levels, dimension: -1));
        return levels.div(255).to(image.dtype).MoveToOuterDisposeScope();

        static Tensor Round(Tensor levels) => levels.add(0.5).floor().clamp(0, 255);
    }

    private static Tensor Apply(Tensor image, Kernel vertical, Kernel horizontal)
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

    /// <summary>One axis: which input samples make each output sample, and with what weights.</summary>
    /// <param name="Indices"><c>[tap][output]</c>.</param>
    /// <param name="Weights"><c>[tap][output]</c>; the sum over taps is 1.</param>
    private sealed record Kernel(long[][] Indices, double[][] Weights)
    {
        public static Kernel Create(long inputSize, long outputSize, double factor, Border border)
        {
            // When shrinking, distances are measured in output pixels: the kernel grows and removes what would alias.
            var distanceScale = Math.Min(factor, 1);
            var radius = Radius / distanceScale;
            var taps = checked((int)Math.Ceiling(2 * radius) + 1);
            var indices = new long[taps][];
            var weights = new double[taps][];
            for (var tap = 0; tap < taps; tap++)
                (indices[tap], weights[tap]) = (new long[outputSize], new double[outputSize]);

            for (long output = 0; output < outputSize; output++)
            {
                // Pixel centres are at half-integers, so that the edges of both images coincide.
                var center = (output + 0.5) / factor - 0.5;
                var first = (long)Math.Floor(center - radius) + 1;
                var sum = 0.0;
                for (var tap = 0; tap < taps; tap++)
                {
                    indices[tap][output] = Reflect(first + tap, inputSize, border);
                    weights[tap][output] = Cubic((center - (first + tap)) * distanceScale);
                    sum += weights[tap][output];
                }

                for (var tap = 0; tap < taps; tap++)
                    weights[tap][output] /= sum;
            }

            // Every output may need fewer taps than there is room for.
            var used = Enumerable.Range(0, taps).Where(tap => weights[tap].Any(weight => weight != 0)).ToArray();
            return new Kernel([.. used.Select(tap => indices[tap])], [.. used.Select(tap => weights[tap])]);
        }

        /// <param name="image">What to resample.</param>
        /// <param name="dimension">−2 for the rows' positions, −1 for positions within rows.</param>
        public Tensor Apply(Tensor image, long dimension)
        {
            long[] shape = dimension == -1 ? [1, -1] : [-1, 1];
            Tensor? sum = null;
            for (var tap = 0; tap < Indices.Length; tap++)
            {
                using var scope = NewDisposeScope();
                var samples = image.index_select(dimension, tensor(Indices[tap], device: image.device));
                var weights = tensor(Weights[tap], dtype: image.dtype, device: image.device).reshape(shape);
                if (sum is null)
                    sum = samples.mul(weights).MoveToOuterDisposeScope();
                else
                    sum.addcmul_(samples, weights, 1); // in place: autograd needs only the weights
            }

            return sum!;
        }

        private static long Reflect(long index, long size, Border border)
        {
            if (border == Border.Replicate)
                return Math.Clamp(index, 0, size - 1);
            // Mirrors at both edges again and again: kernels may be wider than small images.
            var position = (index % (2 * size) + 2 * size) % (2 * size);
            return position < size ? position : 2 * size - 1 - position;
        }

        private static double Cubic(double x)
        {
            x = Math.Abs(x);
            return x switch
            {
                <= 1 => ((A + 2) * x - (A + 3)) * x * x + 1,
                < 2 => ((A * x - 5 * A) * x + 8 * A) * x - 4 * A,
                _ => 0,
            };
        }
    }
}
