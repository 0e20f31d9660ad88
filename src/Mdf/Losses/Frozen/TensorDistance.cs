using Mdf.Discriminators;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Mdf.Losses.Frozen;

/// <summary>The frozen distance by libtorch's operations: any device, any floating-point type.</summary>
/// <remarks>
/// One tile of a few images after the other, scale by scale. Features lie channels-last, in which libtorch's convolutions are fastest. The
/// head is computed in float32 also where the rest is in bfloat16, whose eight bits of precision would not tell images apart that differ by
/// less than a 256th; what is added up over layers and scales is in float32 at least.
/// </remarks>
internal sealed class TensorDistance : FrozenDistance
{
    private const int HeadLayer = 0;
    private const int BodyLayers = 3;

    // Pixels that are worked on together: a processor's share stays in its last cache, a graphics card wants to be filled.
    private const int ProcessorTile = 128;
    private const int AcceleratorTile = 512;

    private readonly Scale[] _scales;
    private readonly InputRange _range;
    private readonly LayerWeights _weights;
    private readonly ScalarType _type;
    private readonly ScalarType _accumulator;
    private readonly int _tile;

    /// <summary>Arranges the weights.</summary>
    /// <param name="discriminators">The scales that count, batch norms folded.</param>
    /// <param name="range">The range that they take their images in.</param>
    /// <param name="weights">What each layer counts.</param>
    /// <param name="type">The type to compute in.</param>
    /// <param name="device">Where the images are.</param>
    /// <param name="tile">The most rows and columns of the final map that a tile has; null to choose.</param>
    public TensorDistance(
        IReadOnlyList<FoldedDiscriminator> discriminators, InputRange range, LayerWeights weights, ScalarType type, Device device, int? tile = null)
    {
        (_range, _weights, _type) = (range, weights, type);
        _accumulator = type == float64 ? float64 : float32;
        _tile = tile ?? (device.type == TorchSharp.DeviceType.CPU ? ProcessorTile : AcceleratorTile);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        _scales = [.. discriminators.Select(discriminator => new Scale(discriminator, type, _accumulator, device))];
        foreach (var weight in _scales.SelectMany(scale => scale.Tensors))
            weight.DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public override FrozenFeatures Prepare(Tensor reference)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var tiles = Tile.Divide((int)reference.shape[2], (int)reference.shape[3], _tile);
        var features = new List<Tensor>();
        foreach (var part in Parts(reference, tiles))
        {
            foreach (var scale in _scales)
                features.AddRange(Counted(part, scale, reference));
        }

        foreach (var feature in features)
            feature.MoveToOuterDisposeScope();
        return new FrozenFeatures(features, tiles);
    }

    /// <inheritdoc/>
    public override (Tensor Values, Tensor? Gradient) Compare(
        Tensor restored, Tensor reference, FrozenFeatures? features, bool withGradient)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var tiles = features?.Tiles ?? Tile.Divide((int)restored.shape[2], (int)restored.shape[3], _tile);
        var values = zeros(restored.shape[0], dtype: _accumulator, device: restored.device);
        var gradient = withGradient ? zeros(restored.shape, dtype: _accumulator, device: restored.device) : null;
        var next = 0;
        foreach (var part in Parts(restored, tiles))
        {
            foreach (var scale in _scales)
            {
                using var step = NewDisposeScope();
                var wanted = features is null ? Counted(part, scale, reference) : [.. features.Tensors.Skip(next).Take(3)];
                next += 3;
                Compare(part, scale, restored, wanted, values.narrow(0, part.First, part.Count), gradient);
            }
        }

        gradient?.mul_(_range.High - _range.Low);
        return (values.to(restored.dtype).MoveToOuterDisposeScope(), gradient?.MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (var weight in _scales.SelectMany(scale => scale.Tensors))
            weight.Dispose();
    }

    /// <summary>Adds one scale's distances of a part to the values, and their gradient to the images'.</summary>
    private void Compare(Part part, Scale scale, Tensor restored, Tensor[] wanted, Tensor values, Tensor? gradient)
    {
        // What a difference in the final map counts: taken out on the way back, so that small types do not run out of range.
        var unit = 2.0 / ((double)part.Tile.MapHeight * part.Tile.MapWidth);
        var layers = Forward(scale, Input(part, restored));
        var body = layers[BodyLayers];
        var ofTail = Difference(layers[^1], BodyLayers + 1, _weights.Tail, 1);
        var ofBody = Difference(body, BodyLayers, _weights.Body, scale.Width);
        var ofHead = Difference(layers[HeadLayer], HeadLayer, _weights.Head, scale.Width);
        if (gradient is null)
            return;

        // The weights that lead back hold leaky ReLU's slope, so that what is left of its derivative is 1 below zero and 1/slope above.
        var behind = conv2d(ofTail, scale.Back[^1], padding: [2, 2]);
        Add(behind, ofBody, BodyLayers);
        for (var layer = BodyLayers; layer > HeadLayer; layer--)
        {
            MultiplyWithDerivative(behind, layers[layer]);
            behind = conv2d(behind, scale.Back[layer], padding: [2, 2]);
        }

        Add(behind, ofHead, HeadLayer);
        MultiplyWithDerivative(behind, layers[HeadLayer]);
        Of(gradient, part).add_(conv2d(behind, scale.Back[HeadLayer], padding: [2, 2]), alpha: unit);

        // Adds the distance of a layer to the values; gives its gradient with respect to the features.
        Tensor Difference(Tensor found, int layer, double weight, int channels)
        {
            var margin = MarginOf(layer);
            var difference = Slice(found, part.Tile.Owned(margin)) - wanted[layer == HeadLayer ? 0 : layer == BodyLayers ? 1 : 2];
            var factor = weight / ((double)channels * (part.Tile.MapHeight + 2 * margin) * (part.Tile.MapWidth + 2 * margin));
            values.add_(difference.to(_accumulator).square().sum([1, 2, 3]), alpha: factor);
            return gradient is null ? difference : difference.mul_(2 * factor / unit);
        }

        void Add(Tensor target, Tensor difference, int layer) =>
            Slice(target, part.Tile.Owned(MarginOf(layer))).add_(difference, alpha: ScaleNetwork.NegativeSlope);
    }

    /// <summary>The features of a reference that a part counts, of one scale: head, body, final map.</summary>
    private Tensor[] Counted(Part part, Scale scale, Tensor reference)
    {
        using var scope = NewDisposeScope();
        var layers = Forward(scale, Input(part, reference));
        return [.. new[] { HeadLayer, BodyLayers, BodyLayers + 1 }.Select(layer =>
            Slice(layers[layer], part.Tile.Owned(MarginOf(layer))).clone().MoveToOuterDisposeScope())];
    }

    /// <summary>The features after the head, after each block of the body, and the final map.</summary>
    private Tensor[] Forward(Scale scale, Tensor input)
    {
        var layers = new Tensor[BodyLayers + 2];
        var features = conv2d(input, scale.Weight[HeadLayer], scale.Bias[HeadLayer]);
        layers[HeadLayer] = leaky_relu_(features).to(_type);
        for (var layer = HeadLayer + 1; layer <= BodyLayers; layer++)
            layers[layer] = leaky_relu_(conv2d(layers[layer - 1], scale.Weight[layer], scale.Bias[layer]));
        layers[^1] = conv2d(layers[BodyLayers], scale.Weight[^1], scale.Bias[^1]);
        return layers;

        static Tensor leaky_relu_(Tensor values) => nn.functional.leaky_relu(values, ScaleNetwork.NegativeSlope, inplace: true);
    }

    /// <summary>Multiplies with 1 where an activation is not positive, else with 1/slope. The activation is used up.</summary>
    private static void MultiplyWithDerivative(Tensor gradient, Tensor activation) =>
        gradient.addcmul_(gradient, activation.gt_(0), 1 / ScaleNetwork.NegativeSlope - 1);

    private Tensor Input(Part part, Tensor images) => ChannelsLast(_range.FromUnit(Of(images, part).to(_accumulator)));

    private static Tensor Of(Tensor images, Part part) => Slice(images.narrow(0, part.First, part.Count), part.Tile.Input);

    private static Tensor Slice(Tensor maps, Area area) => maps.narrow(2, area.Top, area.Height).narrow(3, area.Left, area.Width);

    private static Tensor ChannelsLast(Tensor values) => values.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);

    private static int MarginOf(int layer) => FoldedDiscriminator.HeadMargin - layer;

    private IEnumerable<Part> Parts(Tensor images, IReadOnlyList<Tile> tiles)
    {
        var count = (int)images.shape[0];
        var together = (int)Math.Max(1, (long)_tile * _tile / tiles.Max(tile => tile.Map.Pixels));
        for (var first = 0; first < count; first += together)
        {
            foreach (var tile in tiles)
                yield return new Part(first, Math.Min(together, count - first), tile);
        }
    }

    /// <summary>The same tile of some images of the batch.</summary>
    private readonly record struct Part(int First, int Count, Tile Tile);

    /// <summary>The weights of one discriminator, in the order of its layers: there, and back.</summary>
    private sealed class Scale
    {
        public Scale(FoldedDiscriminator discriminator, ScalarType type, ScalarType headType, Device device)
        {
            Width = discriminator.Width;
            Weight = [.. discriminator.Layers.Select((layer, i) => ChannelsLast(Stored(layer).to(TypeOf(i), device)))];
            Bias = [.. discriminator.Layers.Select((layer, i) => tensor(layer.Bias).to(TypeOf(i), device))];
            // The gradient of the image does not pass another leaky ReLU.
            Back = [.. discriminator.Layers.Select((layer, i) => ChannelsLast(
                (Stored(layer).transpose(0, 1).flip(2, 3) * (i == HeadLayer ? 1 : ScaleNetwork.NegativeSlope)).to(type, device)))];

            ScalarType TypeOf(int layer) => layer == HeadLayer ? headType : type;
        }

        public int Width { get; }

        public Tensor[] Weight { get; }

        public Tensor[] Bias { get; }

        public Tensor[] Back { get; }

        public IEnumerable<Tensor> Tensors => [.. Weight, .. Bias, .. Back];

        private static Tensor Stored(FoldedConvolution layer) => tensor(layer.Weight).view(layer.Outputs, layer.Inputs, 3, 3);
    }
}
