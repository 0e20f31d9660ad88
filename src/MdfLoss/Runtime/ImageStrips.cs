using static TorchSharp.torch;

namespace Mdf.Runtime;

/// <summary>Consecutive rows of an image, or consecutive columns if the image is wider than high.</summary>
/// <param name="Axis">The dimension that is cut: in <c>(N, C, H, W)</c>, 2 for rows and 3 for columns.</param>
/// <param name="Start">The first row or column.</param>
/// <param name="Length">The number of rows or columns.</param>
/// <param name="IsLast">Whether this is the last strip of the image.</param>
internal readonly record struct ImageStrip(int Axis, long Start, long Length, bool IsLast)
{
    /// <summary>Returns this strip of an image, as a view.</summary>
    public Tensor Cut(Tensor image) => image.narrow(Axis, Start, Length);
}

/// <summary>Divides images into strips, so that the memory of the work does not grow with the image.</summary>
/// <remarks>
/// Strips span the shorter side. Otherwise a panorama would have strips of few, very wide rows, and overlapping windows would read most of these rows twice.
/// </remarks>
internal static class ImageStrips
{
    /// <summary>The number of samples of a strip, over all images and channels: 2 MiB in float32. Metrics hold about 30 maps of this size.</summary>
    public const long Samples = 1 << 19;

    // The windows of SSIM overlap by 10 rows, so thinner strips would cost too much.
    private const long LeastThickness = 16;

    // The number of strips after which freed memory is returned to the system. Without this, an image of 12 megapixels takes 200 MB more; with 8 strips, FLIP takes 300 MB.
    private const int Trim = 2;

    /// <summary>The dimension that is cut: the longer side, or the height of a square image.</summary>
    /// <param name="shape">The shape of the image: at least one dimension. If there are two or more, the last two are height and width.</param>
    public static int AxisOf(long[] shape) => shape.Length > 1 && shape[^2] >= shape[^1] ? shape.Length - 2 : shape.Length - 1;

    /// <summary>Divides an image from one end to the other end.</summary>
    /// <param name="shape">The shape of the image; see <see cref="AxisOf"/>.</param>
    /// <param name="thickness">The number of rows or columns of a strip. Default: chosen from <see cref="Samples"/>.</param>
    /// <param name="cancellationToken">Checked before every strip.</param>
    /// <returns>The strips in order, or no strips for an image without samples. The sequence can be enumerated more than once.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static IEnumerable<ImageStrip> Divide(long[] shape, long? thickness = null, CancellationToken cancellationToken = default)
    {
        var axis = AxisOf(shape);
        var across = shape.Where((_, i) => i != axis).Aggregate(1L, (product, size) => product * size);
        if (across == 0)
            yield break;
        var step = thickness ?? Math.Max(LeastThickness, Samples / across);
        for (long start = 0; start < shape[axis]; start += step)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (start > 0 && start / step % Trim == 0)
                FreedMemory.Return();
            var length = Math.Min(step, shape[axis] - start);
            yield return new ImageStrip(axis, start, length, start + length == shape[axis]);
        }
    }
}
