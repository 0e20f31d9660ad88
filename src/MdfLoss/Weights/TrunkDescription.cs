namespace Mdf.Weights;

/// <summary>The layers of a pretrained network, from the image to its last feature map. The classifier is not described, because no loss uses it.</summary>
/// <param name="Name">The name of the network, for messages.</param>
/// <param name="Layers">The layers in order.</param>
internal sealed record TrunkDescription(string Name, IReadOnlyList<TrunkLayer> Layers)
{
    /// <summary>All tensors of the network, in the order of its layers.</summary>
    public IReadOnlyList<TrunkWeight> Weights => [.. Layers.SelectMany(layer => layer.Weights)];

    /// <summary>The smallest height and width for which every layer has an output.</summary>
    public int MinimumSize => Enumerable.Range(1, 1024).First(size =>
    {
        var remaining = (long)size;
        return Layers.All(layer => (remaining = layer.OutputSize(remaining)) > 0);
    });

    /// <summary>The number of multiplications for one pixel of a large image.</summary>
    public double MultiplicationsPerPixel
    {
        get
        {
            var (sum, step) = (0.0, 1.0);
            foreach (var layer in Layers)
            {
                step *= layer.Step;
                sum += layer.Multiplications / (step * step);
            }

            return sum;
        }
    }

    /// <summary>The network without the layers after the last of the given ones.</summary>
    /// <param name="last">Names of layers.</param>
    public TrunkDescription Until(IEnumerable<string> last)
    {
        var names = last.ToHashSet(StringComparer.Ordinal);
        var count = Layers.Select((layer, i) => names.Contains(layer.Name) ? i + 1 : 0).Max();
        return this with { Layers = [.. Layers.Take(count)] };
    }

    /// <summary>The network with fewer channels, for tests.</summary>
    /// <param name="divisor">The divisor of the numbers of channels.</param>
    public TrunkDescription Narrow(int divisor) => this with { Layers = [.. Layers.Select(layer => layer.Narrow(divisor))] };

    /// <summary>The number of channels of a layer's result.</summary>
    /// <param name="name">The name of the layer.</param>
    public int Channels(string name)
    {
        var channels = 3;
        foreach (var layer in Layers)
        {
            channels = layer switch
            {
                ConvolutionLayer convolution => convolution.Outputs,
                FireLayer fire => 2 * fire.Expanded,
                ResidualLayer block => block.Outputs,
                _ => channels,
            };
            if (layer.Name == name)
                break;
        }

        return channels;
    }

    /// <summary>The place of a layer's result in the image.</summary>
    /// <param name="name">The name of the layer.</param>
    /// <returns>
    /// The distance between two positions in pixels; and the number of pixels on which a position depends, before and after the pixel
    /// <c>position · step</c>, at most.
    /// </returns>
    public (long Step, long Before, long After) Reach(string name)
    {
        var (step, before, window) = (1L, 0L, 1L);
        foreach (var layer in Layers)
        {
            before += layer.Before * step;
            window += (layer.Window - 1) * step;
            step *= layer.Step;
            if (layer.Name == name)
                break;
        }

        return (step, before, Math.Max(0, window - before));
    }
}
