using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>Checks the size of a restored image.</summary>
internal static class RestoredSize
{
    private const int MostFactor = 4;

    /// <summary>Describes the error in the size of a result; null if there is none.</summary>
    /// <param name="distorted">The distorted image.</param>
    /// <param name="height">The result's height.</param>
    /// <param name="width">The result's width.</param>
    /// <param name="factor">The expected factor of its size; null if any whole number from 1 to 4 is allowed.</param>
    public static string? Mistake(Tensor distorted, long height, long width, int? factor)
    {
        var (h, w) = (distorted.shape[2], distorted.shape[3]);
        if (factor is { } times)
            return (height, width) == (h * times, w * times) ? null : $"expected {w * times}×{h * times} pixels, found {width}×{height}";
        return Enumerable.Range(1, MostFactor).Any(whole => (height, width) == (h * whole, w * whole))
            ? null
            : $"expected {w}×{h} pixels, or 2, 3 or 4 times as many in width and height, found {width}×{height}";
    }
}
