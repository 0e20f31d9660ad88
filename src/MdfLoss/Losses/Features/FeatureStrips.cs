using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Losses.Features;

/// <summary>
/// Joins the strips of an image to parts that a network can compute one after the other. A part begins at a multiple of the network's step, and is computed with
/// margins, so that each feature has the value that it has in the whole image.
/// </summary>
internal sealed class FeatureStrips
{
    private readonly IReadOnlyList<(long Step, long Before, long After)> _layers;
    private readonly long[] _shape;
    private readonly long _step;
    private readonly long _before;
    private readonly long _after;
    private long _done;

    /// <summary>Starts at the first row or column.</summary>
    /// <param name="layers">The place of each layer in the image; see <see cref="Mdf.Weights.TrunkDescription.Reach"/>.</param>
    /// <param name="shape">The shape of the image, <c>(N, C, H, W)</c>.</param>
    public FeatureStrips(IReadOnlyList<(long Step, long Before, long After)> layers, long[] shape)
    {
        (_layers, _shape) = (layers, shape);
        _step = layers.Max(layer => layer.Step);
        _before = (layers.Max(layer => layer.Before) + _step - 1) / _step * _step;
        _after = layers.Max(layer => layer.After);
    }

    /// <summary>Adds a strip.</summary>
    /// <param name="strip">The next strip.</param>
    /// <returns>The part that can be computed now; null if more strips must come first.</returns>
    public FeaturePart? Extend(ImageStrip strip)
    {
        var (size, reached) = (_shape[strip.Axis], strip.Start + strip.Length);
        var end = strip.IsLast ? size : reached / _step * _step;
        // A part that is thinner than its margins would cost several times as much.
        if (!strip.IsLast && end - _done < Math.Max(_step, _before + _after))
            return null;
        var part = new FeaturePart(this, strip.Axis, Math.Max(0, _done - _before), Math.Min(size, end + _after), _done, end, strip.IsLast);
        _done = end;
        return part;
    }

    /// <summary>A part of an image, with its margins.</summary>
    /// <param name="Owner">The strips.</param>
    /// <param name="Axis">The dimension that is cut.</param>
    /// <param name="From">The first row or column to compute.</param>
    /// <param name="To">The end of the rows or columns to compute.</param>
    /// <param name="Start">The first row or column without the margin.</param>
    /// <param name="End">The end without the margin.</param>
    /// <param name="IsLast">Whether the image ends here.</param>
    internal sealed record FeaturePart(FeatureStrips Owner, int Axis, long From, long To, long Start, long End, bool IsLast)
    {
        /// <summary>The rows or columns to compute.</summary>
        public Tensor Cut(Tensor image) => image.narrow(Axis, From, To - From);

        /// <summary>The positions of a layer without those of the margins.</summary>
        /// <param name="layer">The index of the layer.</param>
        /// <param name="map">The features of the part, <c>(N, C, h, w)</c>.</param>
        public Tensor Keep(int layer, Tensor map)
        {
            var step = Owner._layers[layer].Step;
            var count = map.shape[Axis];
            var first = Math.Min(count, (Start - From) / step);
            var end = IsLast ? count : Math.Min(count, (End - From) / step);
            return map.narrow(Axis, first, end - first);
        }
    }
}
