using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Losses.Features;

/// <summary>A pretrained network with frozen weights, cut after the last layer whose features a loss compares. It computes on the type and the device of the images.</summary>
internal sealed class Trunk : IDisposable
{
    private readonly OrderedDictionary<string, Tensor> _weights = new(StringComparer.Ordinal);
    private readonly Dictionary<(ScalarType Type, string Device), Dictionary<string, Tensor>> _converted = [];
    private readonly Lock _lock = new();

    /// <summary>Creates the network.</summary>
    /// <param name="description">The layers of the whole network.</param>
    /// <param name="taps">The names of the layers whose features to return, in the order of the layers.</param>
    /// <param name="weightOf">Returns the tensor of a name and a shape. The network takes ownership of it.</param>
    public Trunk(TrunkDescription description, IReadOnlyList<string> taps, Func<TrunkWeight, Tensor> weightOf)
    {
        Description = description.Until(taps);
        Taps = taps;
        foreach (var weight in Description.Weights)
            _weights.Add(weight.Key, weightOf(weight).DetachFromDisposeScope());
    }

    /// <summary>The layers, without those after the last tap.</summary>
    public TrunkDescription Description { get; }

    /// <summary>The names of the layers whose features are returned.</summary>
    public IReadOnlyList<string> Taps { get; }

    /// <summary>Draws random weights, with the variance of He et al. (2015). The cost of a loss and its properties do not depend on the training.</summary>
    /// <param name="description">The layers of the whole network.</param>
    /// <param name="taps">The names of the layers whose features to return.</param>
    /// <param name="random">The generator.</param>
    public static Trunk Random(TrunkDescription description, IReadOnlyList<string> taps, Generator random) => new(description, taps, weight =>
    {
        using var scope = NewDisposeScope();
        var fanIn = weight.Shape.Skip(1).Aggregate(1L, (product, size) => product * size);
        var scale = weight.Shape.Length > 1 ? Math.Sqrt(2.0 / fanIn) : 0.1;
        return randn(weight.Shape, generator: random).Mul(scale).MoveToOuterDisposeScope();
    });

    /// <summary>Computes the features of the taps. Differentiable with respect to the images.</summary>
    /// <param name="images">Shape <c>(N, 3, H, W)</c>, in the range that the network was trained on.</param>
    /// <returns>For each tap, shape <c>(N, C, h, w)</c>.</returns>
    public Tensor[] Features(Tensor images)
    {
        var weights = WeightsFor(images);
        var features = new Tensor[Taps.Count];
        var (x, mayOverwrite) = (TensorOrder.ChannelsLast(images), false);
        foreach (var layer in Description.Layers)
        {
            x = Compute(layer, x, weights, mayOverwrite);
            var tap = IndexOf(layer.Name);
            if (tap >= 0)
                features[tap] = x;
            // The result of a convolution is needed for no gradient, so ReLU may overwrite it if no loss compares it.
            mayOverwrite = layer is ConvolutionLayer && tap < 0;
        }

        return features;
    }

    /// <summary>Frees the weights.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            foreach (var tensor in _weights.Values.Concat(_converted.Values.SelectMany(set => set.Values)))
                tensor.Dispose();
            _converted.Clear();
        }
    }

    private static Tensor Compute(TrunkLayer layer, Tensor x, Dictionary<string, Tensor> weights, bool mayOverwrite) => layer switch
    {
        ConvolutionLayer convolution => Convolve(convolution, x, weights),
        ReluLayer => mayOverwrite ? x.relu_() : x.relu(),
        MaxPoolingLayer { Rule: TrunkPadding.Cntk } pooling => functional.max_pool2d(PadAsCntk(x, pooling.Kernel, 2, pooling.Padding), [pooling.Kernel, pooling.Kernel], [2, 2]),
        MaxPoolingLayer pooling => functional.max_pool2d(
            x, [pooling.Kernel, pooling.Kernel], [2, 2], [pooling.Padding, pooling.Padding], ceil_mode: pooling.RoundsUp),
        HannPoolingLayer => PoolWithHann(x),
        FireLayer fire => Burn(fire, x, weights),
        ResidualLayer block => AddResidual(block, x, weights),
        _ => throw new InvalidOperationException($"nothing computes {layer}"),
    };

    private static Tensor Convolve(ConvolutionLayer layer, Tensor x, Dictionary<string, Tensor> weights)
    {
        var (weight, bias) = (weights[$"{layer.Key}.weight"], weights[$"{layer.Key}.bias"]);
        return layer.Rule == TrunkPadding.Cntk
            ? functional.conv2d(PadAsCntk(x, layer.Kernel, layer.Stride, layer.Padding), weight, bias, [layer.Stride, layer.Stride])
            : functional.conv2d(x, weight, bias, [layer.Stride, layer.Stride], [layer.Padding, layer.Padding]);
    }

    /// <summary>Adds zeros. They are right for the pooling too, because it follows a ReLU.</summary>
    private static Tensor PadAsCntk(Tensor x, int kernel, int step, int before)
    {
        var (below, right) = (TrunkSizes.CntkAfter(x.shape[2], kernel, step, before), TrunkSizes.CntkAfter(x.shape[3], kernel, step, before));
        return before + below + right == 0 ? x : TensorOrder.ChannelsLast(functional.pad(x, [before, right, before, below]));
    }

    private static Tensor PoolWithHann(Tensor x)
    {
        var channels = x.shape[1];
        double[] taps = [0.25, 0.5, 0.25];
        var window = tensor([.. taps.SelectMany(row => taps.Select(column => row * column))], [1, 1, 3, 3], x.dtype, x.device).expand(channels, 1, 3, 3).contiguous();
        // The small number keeps the gradient of the root finite. It is that of the authors.
        return functional.conv2d(x.Square(), window, strides: [2, 2], padding: [1, 1], groups: channels).Add(1e-12).sqrt();
    }

    private static Tensor Burn(FireLayer fire, Tensor x, Dictionary<string, Tensor> weights)
    {
        var squeezed = Convolve(fire.Squeeze, x, weights).relu_();
        return TensorOrder.ChannelsLast(cat([Convolve(fire.ExpandSmall, squeezed, weights).relu_(), Convolve(fire.ExpandLarge, squeezed, weights).relu_()], 1));
    }

    private static Tensor AddResidual(ResidualLayer block, Tensor x, Dictionary<string, Tensor> weights)
    {
        var residual = Convolve(block.Second, Convolve(block.First, x, weights).relu_(), weights);
        return residual.Add(block.Shortcut is { } shortcut ? Convolve(shortcut, x, weights) : x).relu_();
    }

    private int IndexOf(string name)
    {
        for (var i = 0; i < Taps.Count; i++)
        {
            if (Taps[i] == name)
                return i;
        }

        return -1;
    }

    /// <summary>The weights in the type and on the device of the images, channels last. They are converted once.</summary>
    private Dictionary<string, Tensor> WeightsFor(Tensor images)
    {
        var key = (images.dtype, images.device.ToString());
        lock (_lock)
        {
            if (_converted.TryGetValue(key, out var found))
                return found;
            using var scope = NewDisposeScope();
            using var noGradient = no_grad();
            found = [];
            foreach (var (name, weight) in _weights)
            {
                var converted = weight.to(images.dtype, images.device);
                found.Add(name, (converted.dim() == 4 ? TensorOrder.ChannelsLast(converted) : converted).alias().DetachFromDisposeScope());
            }

            return _converted[key] = found;
        }
    }
}
