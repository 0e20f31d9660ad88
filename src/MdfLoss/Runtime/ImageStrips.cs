using static TorchSharp.torch;

namespace Mdf.Runtime;

/// <summary>Consecutive rows of an image, or consecutive columns where it is wider than high.</summary>
/// <param name="Axis">The dimension that is cut: of <c>(N, C, H, W)</c> 2 for rows, 3 for columns.</param>
/// <param name="Start">The first row or column.</param>
/// <param name="Length">How many there are.</param>
/// <param name="IsLast">Whether the image ends here.</param>
internal readonly record struct ImageStrip(int Axis, long Start, long Length, bool IsLast)
{
    /// <summary>The strip of an image: a view.</summary>
    public Tensor Cut(Tensor image) => image.narrow(Axis, Start, Length);
}

/// <summary>Divides images into strips, for work whose memory must not grow with the image.</summary>
/// <remarks>
/// Strips run across the shorter side. Then a panorama is not cut into rows of its whole width, of which a window of some rows would see most twice.
/// </remarks>
internal static class ImageStrips
{
    /// <summary>The samples of a strip, all images and channels together: 2 MiB in float32. Measures hold some 30 maps of that size.</summary>
    public const long Samples = 1 << 19;

    // The windows of SSIM overlap by 10 rows, so that thinner strips would cost too much.
    private const long LeastThickness = 16;

    // After how many strips the memory that they have freed goes back to the system: a picture of 12 megapixels takes 200 MB more without.
    private const int Trim = 8;

    /// <summary>The dimension that is cut: that of the longer side; of a square's sides the height.</summary>
    /// <param name="shape">The image's: at least one dimension; with two or more, the last two are height and width.</param>
    public static int AxisOf(long[] shape) => shape.Length > 1 && shape[^2] >= shape[^1] ? shape.Length - 2 : shape.Length - 1;

    /// <summary>Divides an image from one end to the other.</summary>
    /// <param name="shape">The image's; see <see cref="AxisOf"/>.</param>
    /// <param name="thickness">Rows or columns of a strip; null to choose.</param>
    /// <param name="cancellationToken">Looked at before every strip.</param>
    /// <returns>The strips in order; none for an image without samples. They can be enumerated again.</returns>
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
