using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>
/// Sums the maps of a pair of images strip by strip, in double, for losses in which a position of a map depends only on the samples near it. Neighbouring strips
/// share those samples, so no map is ever in memory as a whole.
/// </summary>
/// <param name="before">How many samples before its own a position depends on, along either axis; a multiple of <paramref name="step"/>.</param>
/// <param name="after">How many after its own.</param>
/// <param name="step">Samples from one position to the next: 2 for maps of a halved image.</param>
/// <param name="isPadded">
/// Whether the map continues images at their ends, so that every sample (or every second one) has a position. Otherwise only whole windows count; then
/// <paramref name="before"/> is 0.
/// </param>
internal sealed class MapSums(int before, int after, int step = 1, bool isPadded = true)
{
    /// <summary>Sums the maps over all positions.</summary>
    /// <param name="restored">Shape <c>(N, C, H, W)</c>.</param>
    /// <param name="reference">The same.</param>
    /// <param name="strips">How to divide them.</param>
    /// <param name="compute">From parts of both images to K maps, <c>(N, K, h, w)</c>.</param>
    /// <returns>The sums of each map of each image, and the number of positions in each.</returns>
    public (double[][] Sums, long Positions) Compute(Tensor restored, Tensor reference, IEnumerable<ImageStrip> strips, Func<Tensor, Tensor, Tensor> compute)
    {
        double[][] sums = [];
        var positions = 0L;
        foreach (var strip in strips)
        {
            var length = restored.shape[strip.Axis];
            var end = isPadded ? Up(length) : length - after;
            var (first, last) = (Math.Min(Up(strip.Start), end), Math.Min(Up(strip.Start + strip.Length), end));
            if (first == last)
                continue;
            using var scope = NewDisposeScope();
            var start = Math.Max(0, first * step - before);
            var size = Math.Min(length, (last - 1) * step + after + 1) - start;
            var maps = compute(restored.narrow(strip.Axis, start, size), reference.narrow(strip.Axis, start, size)).narrow(strip.Axis, first - start / step, last - first);
            var part = maps.sum([2, 3], type: float64).cpu().data<double>().ToArray().Chunk((int)maps.shape[1]).ToArray();
            sums = sums.Length == 0 ? part : [.. sums.Zip(part, (sum, more) => sum.Zip(more, (x, y) => x + y).ToArray())];
            positions += maps.shape[2] * maps.shape[3];
        }

        return (sums, positions);
    }

    private long Up(long samples) => (samples + step - 1) / step;
}
