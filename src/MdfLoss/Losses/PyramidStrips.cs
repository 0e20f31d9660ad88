using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Losses;

/// <summary>Computes the factors of MS-SSIM for images that come strip by strip. Each scale makes the strips of the next scale, at half the size.</summary>
internal sealed class PyramidStrips : IDisposable
{
    private readonly List<(SsimStrips Ssim, HalvedStrips? Next)> _scales = [];

    /// <summary>Prepares the scales.</summary>
    /// <param name="windows">The windows, without padding.</param>
    /// <param name="height">The whole image's height.</param>
    /// <param name="width">The whole image's width.</param>
    /// <param name="axis">The dimension along which the strips follow each other: the longer side.</param>
    /// <param name="count">The number of scales.</param>
    /// <param name="padsOdd">Whether an odd side is padded with zeros at its start before it is halved. Otherwise its last row or column is dropped.</param>
    public PyramidStrips(GaussianWindows windows, long height, long width, int axis, int count, bool padsOdd)
    {
        for (var scale = 1; scale <= count; scale++)
        {
            var isCoarsest = scale == count;
            var ssim = new SsimStrips(windows, height, width, axis, hasLuminance: isCoarsest);
            _scales.Add((ssim, isCoarsest ? null : new HalvedStrips(axis, padsOdd ? height % 2 : 0, padsOdd ? width % 2 : 0)));
            (height, width) = padsOdd ? ((height + 1) / 2, (width + 1) / 2) : (height / 2, width / 2);
        }
    }

    /// <summary>
    /// The factors, fine to coarse, each of shape <c>(N, C)</c> in float64: the mean of contrast and structure, and at the coarsest scale also of luminance.
    /// </summary>
    public IEnumerable<Tensor> Factors => _scales.Select(scale => scale.Ssim.Means);

    /// <summary>Takes the next strip.</summary>
    /// <param name="pair">The strips of both images, <c>(2N, C, h, w)</c>: the restored images, then their references.</param>
    public void Add(Tensor pair)
    {
        using var scope = NewDisposeScope();
        foreach (var (ssim, next) in _scales)
        {
            ssim.Add(pair);
            if (next?.Add(pair) is not { } halved)
                break;
            pair = halved;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (ssim, next) in _scales)
        {
            ssim.Dispose();
            next?.Dispose();
        }
    }

    /// <summary>Halves images that come strip by strip, by means of 2×2 pixels.</summary>
    /// <param name="axis">The dimension along which the strips follow each other.</param>
    /// <param name="above">The rows of zeros above the image: 0 or 1.</param>
    /// <param name="left">The columns of zeros to the left of the image: 0 or 1.</param>
    private sealed class HalvedStrips(int axis, long above, long left) : IDisposable
    {
        private readonly KeptRows _kept = new(axis);
        private bool _hasBegun;

        /// <summary>Takes the next strip.</summary>
        /// <returns>The next strip of the halved images; null if it has no row yet.</returns>
        public Tensor? Add(Tensor strip)
        {
            using var scope = NewDisposeScope();
            // Across the strips, every strip gets the zeros. Along the strips, only the first strip gets them.
            var isFirst = !_hasBegun;
            _hasBegun = true;
            var rows = _kept.Prepend(functional.pad(strip, [axis == 2 || isFirst ? left : 0, 0, axis == 3 || isFirst ? above : 0, 0]));
            var even = rows.shape[axis] / 2 * 2;
            _kept.Keep(rows.narrow(axis, even, rows.shape[axis] - even));
            return even == 0 ? null : functional.avg_pool2d(rows.narrow(axis, 0, even), [2, 2]).MoveToOuterDisposeScope();
        }

        /// <inheritdoc/>
        public void Dispose() => _kept.Dispose();
    }
}
