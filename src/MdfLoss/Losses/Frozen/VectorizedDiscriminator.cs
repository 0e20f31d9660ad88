using Mdf.Discriminators;
using Mdf.Kernels;

namespace Mdf.Losses.Frozen;

/// <summary>Computes one frozen discriminator on one tile: its features, their distance from the features of a reference, and the gradient of this distance.</summary>
/// <remarks>
/// The layers are the head (0), the blocks of the body (1 to 3) and the final map (4); the features of a layer are taken after its leaky ReLU.
/// The number of channels is padded with zeros to a number that the kernels support. The zeros do not change the result.
/// </remarks>
internal sealed unsafe class VectorizedDiscriminator<TLanes> : IDisposable
    where TLanes : unmanaged, ILanes<TLanes>
{
    private const float Slope = (float)ScaleNetwork.NegativeSlope;
    private const int Head = 0;
    private const int Body = 3;
    private const int Tail = 4;

    // The zeros around a gradient that passes back through a convolution.
    private const int Border = 2;

    // The layers that the loss compares.
    private static readonly int[] s_compared = [Head, Body, Tail];

    private readonly int _width;
    private readonly NativeBuffer _biases;
    private readonly ExpandingConvolution<TLanes> _head;
    private readonly WinogradConvolution<TLanes>[] _body;
    private readonly ContractingConvolution<TLanes> _tail;
    private readonly ExpandingConvolution<TLanes> _tailBack;
    private readonly WinogradConvolution<TLanes>[] _bodyBack;
    private readonly ContractingConvolution<TLanes> _headBack;

    /// <summary>Prepares the weights for the kernels.</summary>
    /// <param name="discriminator">The discriminator, with folded batch norms.</param>
    public VectorizedDiscriminator(FoldedDiscriminator discriminator)
    {
        var layers = discriminator.Layers;
        _width = discriminator.Width;
        Channels = MatrixProduct<TLanes>.RoundUp(_width);
        _biases = new NativeBuffer((long)layers.Count * Channels);
        for (var layer = 0; layer < layers.Count; layer++)
        {
            for (var channel = 0; channel < layers[layer].Outputs; channel++)
                Bias(layer)[channel] = (float)layers[layer].Bias[channel];
        }

        var body = layers.Skip(1).SkipLast(1).ToArray();
        _head = new ExpandingConvolution<TLanes>(layers[Head].At, 3, Channels);
        _body = [.. body.Select(layer => new WinogradConvolution<TLanes>(layer.At, Channels))];
        _tail = new ContractingConvolution<TLanes>(layers[Tail].At, Channels, 1);
        _tailBack = new ExpandingConvolution<TLanes>(layers[Tail].TransposedAt, 1, Channels);
        _bodyBack = [.. body.Select(layer => new WinogradConvolution<TLanes>(layer.TransposedAt, Channels))];
        _headBack = new ContractingConvolution<TLanes>(layers[Head].TransposedAt, Channels, 3);
    }

    /// <summary>The number of channels, with padding.</summary>
    public int Channels { get; }

    /// <summary>The number of floats in the features that a tile counts.</summary>
    /// <param name="tile">The tile.</param>
    public long FeatureLength(Tile tile) => s_compared.Sum(layer => (long)Counted(tile, layer).Pixels * ChannelsOf(layer));

    /// <summary>Computes the features of a tile.</summary>
    /// <param name="tile">The tile.</param>
    /// <param name="input">Its input: three channels, in the discriminator's range.</param>
    /// <param name="workspace">The memory for the work. It keeps the features.</param>
    public void Forward(Tile tile, FeatureMap input, Workspace<TLanes> workspace)
    {
        var scratch = workspace.Scratch;
        var layers = workspace.BeginLayers(tile, Channels);
        var (height, width) = Workspace<TLanes>.SizeOf(tile, Head);
        _head.Run(input, layers[Head], height, width, new BiasAndLeakyRelu<TLanes>(Bias(Head), Slope), scratch);
        for (var layer = Head + 1; layer <= Body; layer++)
        {
            (height, width) = Workspace<TLanes>.SizeOf(tile, layer);
            _body[layer - 1].Run(layers[layer - 1], layers[layer], height, width, new BiasAndLeakyRelu<TLanes>(Bias(layer), Slope), scratch);
        }

        for (var y = 0; y < tile.Map.Height; y++)
            new Span<float>(layers[Tail].At(y, 0), tile.Map.Width).Fill(*Bias(Tail));
        _tail.Run(layers[Body], height, width, layers[Tail], padding: 0, scratch);
    }

    /// <summary>Copies the features that a tile counts.</summary>
    /// <param name="tile">The tile.</param>
    /// <param name="workspace">The memory that holds the features.</param>
    /// <param name="destination">Memory for <see cref="FeatureLength"/> floats.</param>
    public void CopyFeatures(Tile tile, Workspace<TLanes> workspace, float* destination)
    {
        foreach (var layer in s_compared)
        {
            var area = Counted(tile, layer);
            var length = area.Width * ChannelsOf(layer);
            for (var y = 0; y < area.Height; y++, destination += length)
                new Span<float>(workspace.Layers[layer].At(area.Top + y, area.Left), length).CopyTo(new Span<float>(destination, length));
        }
    }

    /// <summary>Computes the distance between the features that <see cref="Forward"/> computed and the features of a reference.</summary>
    /// <param name="tile">The tile.</param>
    /// <param name="workspace">The memory that holds the features.</param>
    /// <param name="wanted">The features of the reference, from <see cref="CopyFeatures"/>.</param>
    /// <param name="weights">The weight of each layer.</param>
    /// <returns>The tile's part of the loss.</returns>
    public double Distance(Tile tile, Workspace<TLanes> workspace, float* wanted, LayerWeights weights)
    {
        var loss = 0.0;
        foreach (var layer in s_compared)
        {
            var area = Counted(tile, layer);
            var found = workspace.Layers[layer].From(area.Top, area.Left);
            loss += Factor(tile, layer, weights) * SquaredDifference<TLanes>.Sum(found, wanted, area.Height, area.Width);
            wanted += (nint)area.Pixels * ChannelsOf(layer);
        }

        return loss;
    }

    /// <summary>Computes the same distance, and adds its gradient with respect to the input of the tile.</summary>
    /// <param name="tile">The tile.</param>
    /// <param name="workspace">The memory that holds the features.</param>
    /// <param name="wanted">The features of the reference, from <see cref="CopyFeatures"/>.</param>
    /// <param name="weights">The weight of each layer.</param>
    /// <param name="gradient">The map to which the gradient is added: <see cref="FeatureMap.PaddedChannels"/> channels, of the size of the input.</param>
    /// <returns>The tile's part of the loss.</returns>
    public double DistanceAndGradient(Tile tile, Workspace<TLanes> workspace, float* wanted, LayerWeights weights, FeatureMap gradient)
    {
        var scratch = workspace.Scratch;
        var layers = workspace.Layers;
        var ofTail = workspace.BeginFinalGradient(tile, Border);
        var wantedBody = wanted + (nint)Counted(tile, Head).Pixels * Channels;
        var wantedTail = wantedBody + (nint)Counted(tile, Body).Pixels * Channels;
        var loss = SquaredError(Tail, wantedTail, ofTail.From(Border, Border), slope: 1);

        var (height, width) = Workspace<TLanes>.SizeOf(tile, Body);
        var behind = workspace.BeginGradient(tile, Body, Channels, Border);
        _tailBack.Run(ofTail, behind.From(Border, Border), height, width, new LeakyReluDerivative<TLanes>(layers[Body], Slope), scratch);
        loss += SquaredError(Body, wantedBody, behind.From(Border, Border), Slope);
        for (var layer = Body - 1; layer >= Head; layer--)
        {
            (height, width) = Workspace<TLanes>.SizeOf(tile, layer);
            var border = layer == Head ? 0 : Border;
            var before = workspace.BeginGradient(tile, layer, Channels, border);
            _bodyBack[layer].Run(behind, before.From(border, border), height, width, new LeakyReluDerivative<TLanes>(layers[layer], Slope), scratch);
            behind = before;
        }

        loss += SquaredError(Head, wanted, behind, Slope);
        _headBack.Run(behind, height, width, gradient, Border, scratch);
        return loss;

        double SquaredError(int layer, float* features, FeatureMap target, float slope)
        {
            var area = Counted(tile, layer);
            var factor = Factor(tile, layer, weights);
            return factor * SquaredDifference<TLanes>.SumAndAddGradient(
                layers[layer].From(area.Top, area.Left), features, area.Height, area.Width, target.From(area.Top, area.Left), (float)(2 * factor), slope);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var part in new IDisposable[] { _biases, _head, _tail, _tailBack, _headBack }.Concat(_body).Concat(_bodyBack))
            part.Dispose();
    }

    private static Area Counted(Tile tile, int layer) => tile.Owned(Workspace<TLanes>.MarginOf(layer));

    /// <summary>The weight of the layer, divided by the number of its values in the whole image.</summary>
    private double Factor(Tile tile, int layer, LayerWeights weights)
    {
        var excess = 2 * Workspace<TLanes>.MarginOf(layer);
        var (weight, channels) = layer switch
        {
            Head => (weights.Head, _width),
            Body => (weights.Body, _width),
            _ => (weights.Tail, 1),
        };
        return weight / ((double)channels * (tile.MapHeight + excess) * (tile.MapWidth + excess));
    }

    private int ChannelsOf(int layer) => layer == Tail ? 1 : Channels;

    private float* Bias(int layer) => _biases.Pointer + (nint)layer * Channels;
}
