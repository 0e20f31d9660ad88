using Mdf.Discriminators;
using Mdf.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn.functional;

namespace Mdf.Losses.Frozen;

/// <summary>The frozen distance, computed with libtorch's operations on any device and in any floating-point type.</summary>
/// <remarks>
/// It processes one tile of a few images after the other, scale by scale. Features are stored channels last, because libtorch's convolutions are fastest
/// in this order.
/// <para> bfloat16 has eight bits of precision, and the compared images are similar. If the features of both were rounded and then subtracted, little except
/// rounding errors would remain. So in bfloat16 the features of the reference are computed as usual, but for the restored image only the <em>difference</em>
/// from them is computed. It starts with the difference of the pixels, and is in float32 up to and including the convolution of the head. The convolution of a
/// difference is the difference of the convolutions. The difference after leaky ReLU is computed from parts that do not cancel
/// (<see cref="ThroughLeakyRelu"/>). Sums over layers and scales are in float32 at least. </para>
/// </remarks>
internal sealed class TensorDistance : FrozenDistance
{
    private const int HeadLayer = 0;
    private const int BodyLayers = 3;
    private const int TailLayer = BodyLayers + 1;

    // The side of a tile. On a processor the work must fit into the last-level cache; a graphics card needs large tiles to be fully used.
    private const int ProcessorTile = 128;
    private const int AcceleratorTile = 512;

    private readonly Scale[] _scales;
    private readonly InputRange _range;
    private readonly LayerWeights _weights;
    private readonly ScalarType _type;
    private readonly ScalarType _accumulator;
    private readonly int _tile;
    private readonly bool _carriesDifference;

    /// <summary>Prepares the weights.</summary>
    /// <param name="discriminators">The scales to use, with folded batch norms.</param>
    /// <param name="range">The input range of the discriminators.</param>
    /// <param name="weights">The weight of each layer.</param>
    /// <param name="type">The type to compute in.</param>
    /// <param name="device">The device of the images.</param>
    /// <param name="tile">The largest number of rows and columns of the final map in a tile. Default: chosen.</param>
    public TensorDistance(
        IReadOnlyList<FoldedDiscriminator> discriminators, InputRange range, LayerWeights weights, ScalarType type, Device device, int? tile = null)
    {
        (_range, _weights, _type) = (range, weights, type);
        _carriesDifference = type == bfloat16;
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
                features.AddRange(FeaturesOf(part, scale, reference));
        }

        foreach (var feature in features)
            feature.MoveToOuterDisposeScope();
        return new FrozenFeatures(features, tiles);
    }

    /// <inheritdoc/>
    public override (Tensor Values, Tensor? Gradient) Compute(
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
                var wanted = features is null ? FeaturesOf(part, scale, reference) : [.. features.Tensors.Skip(next).Take(FeaturesPerScale)];
                next += FeaturesPerScale;
                var found = _carriesDifference
                    ? CarryDifference(part, scale, restored, reference, wanted)
                    : Subtract(part, Forward(scale, Input(part, restored), TailLayer), wanted);
                Accumulate(part, scale, found, values.narrow(0, part.First, part.Count), gradient);
            }
        }

        gradient?.Mul_(_range.High - _range.Low);
        return (values.to(restored.dtype).MoveToOuterDisposeScope(), gradient?.MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (var weight in _scales.SelectMany(scale => scale.Tensors))
            weight.Dispose();
    }

    /// <summary>Adds the distances of a part at one scale to the values, and their gradient to the gradient of the images.</summary>
    private void Accumulate(Part part, Scale scale, Comparison found, Tensor values, Tensor? gradient)
    {
        // The factor of a difference in the final map. It is applied only at the end of the backward pass, so that small types do not underflow.
        var unit = 2.0 / ((double)part.Tile.MapHeight * part.Tile.MapWidth);
        var ofTail = Weigh(found.Tail, TailLayer, _weights.Tail, 1);
        var ofBody = Weigh(found.Body, BodyLayers, _weights.Body, scale.Width);
        var ofHead = Weigh(found.Head, HeadLayer, _weights.Head, scale.Width);
        if (gradient is null)
            return;

        // The weights of the backward pass contain the slope of leaky ReLU. So the remaining factor of its derivative is 1 below zero and 1/slope above.
        var behind = conv2d(ofTail.to(scale.Back[TailLayer].dtype), scale.Back[TailLayer], padding: [2, 2]).to(ofTail.dtype);
        Add(behind, ofBody, BodyLayers);
        for (var layer = BodyLayers; layer > HeadLayer; layer--)
        {
            MultiplyWithDerivative(behind, layer);
            behind = conv2d(behind, scale.Back[layer], padding: [2, 2]);
        }

        Add(behind, ofHead, HeadLayer);
        MultiplyWithDerivative(behind, HeadLayer);
        Input(gradient, part).Add_(conv2d(behind, scale.Back[HeadLayer], padding: [2, 2]), unit);

        // Adds the distance of a layer to the values, and returns its gradient.
        Tensor Weigh(Tensor difference, int layer, double weight, int channels)
        {
            var margin = MarginOf(layer);
            var factor = weight / ((double)channels * (part.Tile.MapHeight + 2 * margin) * (part.Tile.MapWidth + 2 * margin));
            values.Add_(difference.to(_accumulator).Square().sum([1, 2, 3]), factor);
            return gradient is null ? difference : difference.Mul(2 * factor / unit);
        }

        void Add(Tensor target, Tensor difference, int layer) =>
            Owned(target, part, layer).Add_(difference, ScaleNetwork.NegativeSlope);

        void MultiplyWithDerivative(Tensor target, int layer) =>
            target.AddCMul_(target, found.Positive[layer], 1 / ScaleNetwork.NegativeSlope - 1);
    }

    /// <summary>
    /// Computes the features of a reference that are kept for one scale: the compared layers, cut to the area that the part owns. For the computation of
    /// differences, all hidden layers are kept whole.
    /// </summary>
    private Tensor[] FeaturesOf(Part part, Scale scale, Tensor reference)
    {
        using var scope = NewDisposeScope();
        var layers = Forward(scale, Input(part, reference), _carriesDifference ? BodyLayers : TailLayer);
        return [.. (_carriesDifference ? layers : Counted(part, layers).Select(layer => layer.clone()))
            .Select(layer => layer.MoveToOuterDisposeScope())];
    }

    /// <summary>Compares by computing the features of the restored image.</summary>
    private static Comparison Subtract(Part part, Tensor[] layers, Tensor[] wanted)
    {
        var counted = Counted(part, layers);
        return new(counted[0] - wanted[0], counted[1] - wanted[1], counted[2] - wanted[2], [.. layers.SkipLast(1).Select(layer => layer.Gt(0))]);
    }

    /// <summary>Compares by computing the difference of the features from layer to layer, from the difference of the images.</summary>
    private Comparison CarryDifference(Part part, Scale scale, Tensor restored, Tensor reference, Tensor[] features)
    {
        var input = TensorOrder.ChannelsLast((Input(restored, part).to(_accumulator) - Input(reference, part).to(_accumulator)).Mul(_range.High - _range.Low));
        var differences = new Tensor[TailLayer + 1];
        var positive = new Tensor[TailLayer];
        for (var layer = HeadLayer; layer < TailLayer; layer++)
        {
            differences[layer] = conv2d(layer == HeadLayer ? input : differences[layer - 1], scale.Weight[layer]).to(_type);
            ThroughLeakyRelu(differences[layer], features[layer]);
            positive[layer] = features[layer].Add(differences[layer]).Gt(0);
        }

        differences[TailLayer] = conv2d(differences[BodyLayers], scale.Weight[TailLayer]);
        var counted = Counted(part, differences);
        return new(counted[0], counted[1], counted[2], positive);
    }

    /// <summary>Turns the difference of two layers before leaky ReLU into the difference after it, in place.</summary>
    /// <param name="difference">d: one layer minus the other, before leaky ReLU.</param>
    /// <param name="activation">a: the other layer after leaky ReLU of slope s. Before, it was z = max(a, 0) + min(a, 0) / s.</param>
    /// <remarks>
    /// leaky(z + d) − leaky(z) = s·d + (1 − s)·(relu(z + d) − relu(z)), and relu(z + d) − relu(z) = max(d + min(z, 0), −max(z, 0)). Only d and min(z, 0) can
    /// cancel, and their sum counts only where d is larger.
    /// </remarks>
    private static void ThroughLeakyRelu(Tensor difference, Tensor activation)
    {
        const double Slope = ScaleNetwork.NegativeSlope;
        var risen = maximum(difference.Add(activation.ClampMax(0), 1 / Slope), activation.ClampMin(0).neg_());
        difference.Mul_(Slope).Add_(risen, 1 - Slope);
    }

    /// <summary>Computes the features after the head, after each block of the body, and the final map, up to and including a given layer.</summary>
    private Tensor[] Forward(Scale scale, Tensor input, int last)
    {
        var layers = new Tensor[last + 1];
        for (var layer = HeadLayer; layer <= last; layer++)
        {
            var features = conv2d(layer == HeadLayer ? input : layers[layer - 1], scale.Weight[layer], scale.Bias[layer]);
            layers[layer] = (layer == TailLayer ? features : features.LeakyRelu_(ScaleNetwork.NegativeSlope)).to(_type);
        }

        return layers;
    }

    /// <summary>Cuts the three compared layers (head, body, final map) to the area that a part owns.</summary>
    private static Tensor[] Counted(Part part, Tensor[] layers) =>
        [.. new[] { HeadLayer, BodyLayers, TailLayer }.Select(layer => Owned(layers[layer], part, layer))];

    private Tensor Input(Part part, Tensor images) => TensorOrder.ChannelsLast(_range.FromUnit(Input(images, part).to(_accumulator)));

    private static Tensor Input(Tensor images, Part part) => Slice(images.narrow(0, part.First, part.Count), part.Tile.Input);

    private static Tensor Owned(Tensor maps, Part part, int layer) => Slice(maps, part.Tile.Owned(MarginOf(layer)));

    private static Tensor Slice(Tensor maps, Area area) => maps.narrow(2, area.Top, area.Height).narrow(3, area.Left, area.Width);

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

    private int FeaturesPerScale => _carriesDifference ? TailLayer : 3;

    /// <summary>The differences between the features of the restored image and of the reference.</summary>
    /// <param name="Head">The difference after the head, in the area that the part owns.</param>
    /// <param name="Body">The difference after the body.</param>
    /// <param name="Tail">The difference in the final map.</param>
    /// <param name="Positive">For every hidden layer, the positions where the features of the restored image are positive.</param>
    private readonly record struct Comparison(Tensor Head, Tensor Body, Tensor Tail, Tensor[] Positive);

    /// <summary>The same tile of some images of the batch.</summary>
    private readonly record struct Part(int First, int Count, Tile Tile);

    /// <summary>The weights of one discriminator for the forward and the backward pass, in the order of its layers.</summary>
    private sealed class Scale
    {
        public Scale(FoldedDiscriminator discriminator, ScalarType type, ScalarType headType, Device device)
        {
            Width = discriminator.Width;
            Weight = [.. discriminator.Layers.Select((layer, i) => TensorOrder.ChannelsLast(Stored(layer).to(TypeOf(i), device)))];
            Bias = [.. discriminator.Layers.Select((layer, i) => tensor(layer.Bias).to(TypeOf(i), device))];
            // The gradient of the image does not pass another leaky ReLU.
            Back = [.. discriminator.Layers.Select((layer, i) => TensorOrder.ChannelsLast(
                Stored(layer).transpose(0, 1).flip(2, 3).Mul(i == HeadLayer ? 1 : ScaleNetwork.NegativeSlope).to(TypeBackOf(i), device)))];

            ScalarType TypeOf(int layer) => layer == HeadLayer ? headType : type;

            // In bfloat16, oneDNN 3.7.1 computes a convolution from one channel to a number of channels that is not a multiple of 16 wrongly on the machines
            // that TensorOrder describes.
            ScalarType TypeBackOf(int layer) => type == bfloat16 && layer == TailLayer && Width % 16 != 0 ? float32 : type;
        }

        public int Width { get; }

        public Tensor[] Weight { get; }

        public Tensor[] Bias { get; }

        public Tensor[] Back { get; }

        public IEnumerable<Tensor> Tensors => [.. Weight, .. Bias, .. Back];

        private static Tensor Stored(FoldedConvolution layer) => tensor(layer.Weight).view(layer.Outputs, layer.Inputs, 3, 3);
    }
}
