using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>
/// Computes SSIM at one scale for images that come strip by strip. It keeps the last rows of a strip for the windows of the next strip, and sums in double
/// precision. The positions are the same as for the whole image: those where the whole window is inside.
/// </summary>
/// <param name="windows">The windows, without padding.</param>
/// <param name="height">The whole image's height.</param>
/// <param name="width">The whole image's width.</param>
/// <param name="axis">The dimension along which the strips follow each other: the longer side.</param>
/// <param name="hasLuminance">Whether luminance is included. Otherwise only contrast and structure, as in the finer scales of MS-SSIM.</param>
internal sealed class SsimStrips(GaussianWindows windows, long height, long width, int axis, bool hasLuminance = true) : IDisposable
{
    private readonly int _size = windows.SizeFor(height, width);
    private readonly KeptRows _kept = new(axis);
    private Tensor? _sums;
    private long _count;

    /// <summary>The mean over all images and channels.</summary>
    /// <exception cref="InvalidOperationException">No window has been seen yet.</exception>
    public double Mean
    {
        get
        {
            using var scope = NewDisposeScope();
            return Means.mean().Number();
        }
    }

    /// <summary>The mean of each channel of each image, <c>(N, C)</c>, float64.</summary>
    /// <exception cref="InvalidOperationException">No window has been seen yet.</exception>
    public Tensor Means => _sums is null ? throw new InvalidOperationException("expected strips before a mean") : _sums.Div(_count);

    /// <summary>Takes the next strip.</summary>
    /// <param name="pair">The strips of both images, <c>(2N, C, h, w)</c>: the restored images, then their references.</param>
    public void Add(Tensor pair)
    {
        using var scope = NewDisposeScope();
        var rows = _kept.Prepend(pair);
        var positions = rows.shape[axis] - (_size - 1);
        if (positions <= 0)
        {
            _kept.Keep(rows);
            return;
        }

        var images = rows.chunk(2);
        var (luminance, contrastStructure) = windows.Similarities(images[0], windows.Statistics(images[1]));
        var map = hasLuminance ? luminance * contrastStructure : contrastStructure;
        var sums = map.sum([2, 3], type: float64);
        _count += map.shape[2] * map.shape[3];
        if (_sums is null)
            _sums = sums.DetachFromDisposeScope();
        else
            _sums.Add_(sums);
        _kept.Keep(rows.narrow(axis, positions, _size - 1));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _kept.Dispose();
        _sums?.Dispose();
    }
}
