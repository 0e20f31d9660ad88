using System.Runtime.InteropServices;
using Mdf.Discriminators;
using Mdf.Kernels;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Training.Adversarial;

/// <summary>
/// What is trained of the network of one scale, arranged for the kernels, with its gradient and what Adam remembers of it; and the running statistics
/// of its batch norms.
/// </summary>
/// <remarks>
/// The bias of a convolution before a batch norm is taken away again by the norm: its gradient is zero, so it stays as it is and only shifts the running
/// mean. (libtorch computes rounding errors for that gradient, of which Adam makes steps of full size; they change nothing.)
/// </remarks>
internal sealed unsafe class TrunkWeights<TLanes> : IDisposable
    where TLanes : unmanaged, ILanes<TLanes>
{
    /// <summary>Convolutions that a batch norm follows: the head and the body's.</summary>
    public const int Layers = 4;

    private const int Body = Layers - 1;
    private const float Momentum = 0.1f; // PyTorch's default, which SinGAN keeps

    private readonly NativeBuffer _values;
    private readonly NativeBuffer _gradient;
    private readonly NativeBuffer _firstMoment;
    private readonly NativeBuffer _secondMoment;
    private readonly NativeBuffer _biases;
    private readonly NativeBuffer _means;
    private readonly NativeBuffer _variances;
    private readonly NativeBuffer _headPacked;
    private readonly NativeBuffer _headBackPacked;
    private readonly NativeBuffer _tailPacked;
    private readonly NativeBuffer _tailBackPacked;
    private readonly int _length;
    private readonly List<Entry> _entries;
    private long _steps;
    private long _batches;

    /// <summary>Takes a network's weights.</summary>
    /// <param name="network">The network, on the processor.</param>
    /// <param name="outputs">Channels of its last convolution: 1 or 3.</param>
    /// <param name="scratch">Where to work.</param>
    public TrunkWeights(ScaleNetwork network, int outputs, ConvolutionScratch scratch)
    {
        (Channels, Outputs) = (network.Width, outputs);
        var image = ImageConvolution<TLanes>.WeightRows * Channels;
        _length = 2 * image + Body * 9 * Channels * Channels + 2 * Layers * Channels + MatrixProduct<TLanes>.ColumnBlock;
        (_values, _gradient) = (new NativeBuffer(_length), new NativeBuffer(_length));
        (_firstMoment, _secondMoment) = (new NativeBuffer(_length), new NativeBuffer(_length));
        _biases = new NativeBuffer(Layers * Channels);
        (_means, _variances) = (new NativeBuffer(Layers * Channels), new NativeBuffer(Layers * Channels));
        (_headPacked, _tailBackPacked) = (new NativeBuffer(image), new NativeBuffer(image));
        var contracting = (long)Channels * ImageConvolution<TLanes>.ContractColumns;
        (_headBackPacked, _tailPacked) = (new NativeBuffer(contracting), new NativeBuffer(contracting));
        Convolutions = [.. Enumerable.Range(0, Body).Select(_ => new SquareConvolution<TLanes>(Channels))];
        _entries = Entries();
        Load(network);
        Pack(scratch);
    }

    /// <summary>Channels of every hidden layer.</summary>
    public int Channels { get; }

    /// <summary>Channels of the last convolution.</summary>
    public int Outputs { get; }

    /// <summary>The body's convolutions.</summary>
    public SquareConvolution<TLanes>[] Convolutions { get; }

    /// <summary>The head, from image to features.</summary>
    public float* HeadPacked => _headPacked.Pointer;

    /// <summary>The head, from the features' gradient to the image's.</summary>
    public float* HeadBackPacked => _headBackPacked.Pointer;

    /// <summary>The last convolution, from features to image.</summary>
    public float* TailPacked => _tailPacked.Pointer;

    /// <summary>The last convolution, from the image's gradient to the features'.</summary>
    public float* TailBackPacked => _tailBackPacked.Pointer;

    /// <summary>The head's weights, or in <paramref name="buffer"/> what belongs to them: by position, image channel (the fourth is zero), feature channel.</summary>
    public float* Head(NativeBuffer? buffer = null) => (buffer ?? _values).Pointer;

    /// <summary>The last convolution's weights, arranged as the head's.</summary>
    public float* Tail(NativeBuffer? buffer = null) => Head(buffer) + ImageConvolution<TLanes>.WeightRows * Channels;

    /// <summary>The weights of a convolution of the body: by position, input channel, output channel.</summary>
    public float* Square(int index, NativeBuffer? buffer = null) => Tail(buffer) + ImageConvolution<TLanes>.WeightRows * Channels + (nint)index * 9 * Channels * Channels;

    /// <summary>The weights of a batch norm, γ.</summary>
    public float* Gamma(int layer, NativeBuffer? buffer = null) => Square(Body, buffer) + (nint)layer * Channels;

    /// <summary>The biases of a batch norm, β.</summary>
    public float* Beta(int layer, NativeBuffer? buffer = null) => Gamma(Layers + layer, buffer);

    /// <summary>The bias of the last convolution.</summary>
    public float* TailBias(NativeBuffer? buffer = null) => Gamma(2 * Layers, buffer);

    /// <summary>The gradient of all of them.</summary>
    public NativeBuffer Gradient => _gradient;

    /// <summary>The bias of a convolution before a batch norm.</summary>
    public float* Bias(int layer) => _biases.Pointer + (nint)layer * Channels;

    /// <summary>The running mean of a batch norm.</summary>
    public float* RunningMean(int layer) => _means.Pointer + (nint)layer * Channels;

    /// <summary>The running variance of a batch norm.</summary>
    public float* RunningVariance(int layer) => _variances.Pointer + (nint)layer * Channels;

    /// <summary>Moves running statistics towards those of a batch.</summary>
    /// <param name="layer">The batch norm's layer.</param>
    /// <param name="channel">The channel.</param>
    /// <param name="mean">The batch's mean, the convolution's bias included.</param>
    /// <param name="variance">Its unbiased variance.</param>
    public void Observe(int layer, int channel, float mean, float variance)
    {
        float* runningMean = RunningMean(layer) + channel, runningVariance = RunningVariance(layer) + channel;
        *runningMean = (1 - Momentum) * *runningMean + Momentum * mean;
        *runningVariance = (1 - Momentum) * *runningVariance + Momentum * variance;
    }

    /// <summary>Counts a batch whose statistics every layer has observed.</summary>
    public void CountBatch() => _batches++;

    /// <summary>Sets the gradient to zero.</summary>
    public void ClearGradient() => _gradient.Span[.._length].Clear();

    /// <summary>A step of Adam (Kingma and Ba, ICLR 2015), as PyTorch computes it.</summary>
    /// <param name="rate">The learning rate, and the decays of the gradient's average and of its square's.</param>
    /// <param name="scratch">Where to work.</param>
    public void Step((double LearningRate, double Beta1, double Beta2) rate, ConvolutionScratch scratch)
    {
        _steps++;
        Adam<TLanes>.Step(_values.Pointer, _gradient.Pointer, _firstMoment.Pointer, _secondMoment.Pointer, _length, rate, _steps);
        Pack(scratch);
    }

    /// <summary>Gives the weights and running statistics to a network of this width.</summary>
    /// <param name="network">The network, on the processor.</param>
    public void Store(ScaleNetwork network)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var tensors = network.state_dict();
        foreach (var entry in _entries)
            tensors[entry.Name].copy_(tensor(Gather(entry, _values)).view(tensors[entry.Name].shape));
        for (var layer = 0; layer < Layers; layer++)
        {
            tensors[$"{Prefix(layer)}.norm.running_mean"].copy_(tensor(Span(RunningMean(layer)).ToArray()));
            tensors[$"{Prefix(layer)}.norm.running_var"].copy_(tensor(Span(RunningVariance(layer)).ToArray()));
            tensors[$"{Prefix(layer)}.norm.num_batches_tracked"].Fill_(_batches);
        }
    }

    /// <summary>What Adam remembers, as <see cref="AdamState"/> writes it.</summary>
    /// <param name="network">The network: names its parameters.</param>
    public IReadOnlyDictionary<string, StoredTensor> SaveMoments(ScaleNetwork network) =>
        AdamState.Save(network.named_parameters().Select(entry => (entry.name, Of(entry.name, _firstMoment), Of(entry.name, _secondMoment), entry.parameter.shape)), _steps);

    /// <summary>Takes what Adam remembered.</summary>
    /// <param name="network">The network: names its parameters.</param>
    /// <param name="tensors">What <see cref="SaveMoments"/> gave.</param>
    /// <param name="where">Where they come from, for messages.</param>
    /// <exception cref="InputException">They do not fit. Nothing is changed.</exception>
    public void LoadMoments(ScaleNetwork network, IReadOnlyDictionary<string, StoredTensor> tensors, string where)
    {
        var read = AdamState.Read(network.named_parameters().Select(entry => (entry.name, entry.parameter.shape)), tensors, where);
        foreach (var entry in _entries)
        {
            Scatter(entry, MemoryMarshal.Cast<byte, float>(read[entry.Name].First.Bytes), _firstMoment);
            Scatter(entry, MemoryMarshal.Cast<byte, float>(read[entry.Name].Second.Bytes), _secondMoment);
        }

        _steps = read[_entries[0].Name].Steps;
    }

    /// <summary>The gradient of a network's parameter, in libtorch's order.</summary>
    /// <param name="name">The parameter's name.</param>
    public float[] GradientOf(string name) => Gather(_entries.Single(entry => entry.Name == name), _gradient);

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var part in new IDisposable[]
        {
            _values, _gradient, _firstMoment, _secondMoment, _biases, _means, _variances, _headPacked, _headBackPacked, _tailPacked, _tailBackPacked,
        }.Concat(Convolutions))
        {
            part.Dispose();
        }
    }

    private void Pack(ConvolutionScratch scratch)
    {
        ImageConvolution<TLanes>.PackExpanding(Head(), Channels, flips: false, HeadPacked);
        ImageConvolution<TLanes>.PackContracting(Head(), Channels, flips: true, HeadBackPacked);
        ImageConvolution<TLanes>.PackContracting(Tail(), Channels, flips: false, TailPacked);
        ImageConvolution<TLanes>.PackExpanding(Tail(), Channels, flips: true, TailBackPacked);
        for (var i = 0; i < Body; i++)
            Convolutions[i].SetWeights(Square(i), scratch);
    }

    private void Load(ScaleNetwork network)
    {
        using var scope = NewDisposeScope();
        var tensors = network.state_dict();
        foreach (var entry in _entries)
            Scatter(entry, Values(tensors[entry.Name]), _values);
        for (var layer = 0; layer < Layers; layer++)
        {
            Values(tensors[$"{Prefix(layer)}.conv.bias"]).CopyTo(Span(Bias(layer)));
            Values(tensors[$"{Prefix(layer)}.norm.running_mean"]).CopyTo(Span(RunningMean(layer)));
            Values(tensors[$"{Prefix(layer)}.norm.running_var"]).CopyTo(Span(RunningVariance(layer)));
        }

        _batches = tensors[$"{Prefix(0)}.norm.num_batches_tracked"].item<long>();

        static Span<float> Values(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.detach().contiguous().bytes);
    }

    private static string Prefix(int layer) => layer == 0 ? "head" : $"body.block{layer}";

    private Span<float> Span(float* values) => new(values, Channels);

    /// <summary>What belongs to a parameter; zeros for the biases that are not trained.</summary>
    private float[] Of(string name, NativeBuffer buffer) =>
        _entries.SingleOrDefault(entry => entry.Name == name) is { } entry ? Gather(entry, buffer) : new float[Channels];

    private static float[] Gather(Entry entry, NativeBuffer buffer) => Array.ConvertAll(entry.Indices, index => buffer.Pointer[index]);

    private static void Scatter(Entry entry, ReadOnlySpan<float> values, NativeBuffer buffer)
    {
        for (var i = 0; i < values.Length; i++)
            buffer.Pointer[entry.Indices[i]] = values[i];
    }

    /// <summary>Where the numbers of each trained parameter lie, in the order in which libtorch has them: output channel, input channel, position.</summary>
    private List<Entry> Entries()
    {
        const int imageChannels = 3;
        var entries = new List<Entry>
        {
            new("head.conv.weight", Indices(Channels, imageChannels, Head(), (output, input, k) => (k * FeatureMap.PaddedChannels + input) * Channels + output)),
            new("tail.weight", Indices(Outputs, Channels, Tail(), (output, input, k) => (k * FeatureMap.PaddedChannels + output) * Channels + input)),
            new("tail.bias", Vector(TailBias(), Outputs)),
        };
        for (var i = 0; i < Body; i++)
            entries.Add(new Entry($"{Prefix(i + 1)}.conv.weight", Indices(Channels, Channels, Square(i), (output, input, k) => (k * Channels + input) * Channels + output)));
        for (var layer = 0; layer < Layers; layer++)
        {
            entries.Add(new Entry($"{Prefix(layer)}.norm.weight", Vector(Gamma(layer), Channels)));
            entries.Add(new Entry($"{Prefix(layer)}.norm.bias", Vector(Beta(layer), Channels)));
        }

        return entries;
    }

    private int[] Vector(float* first, int count) => [.. Enumerable.Range((int)(first - _values.Pointer), count)];

    private int[] Indices(int outputs, int inputs, float* first, Func<int, int, int, int> index)
    {
        var offset = (int)(first - _values.Pointer);
        return [.. from output in Enumerable.Range(0, outputs)
            from input in Enumerable.Range(0, inputs)
            from k in Enumerable.Range(0, 9)
            select offset + index(output, input, k)];
    }

    /// <summary>A parameter's name, and where its numbers lie.</summary>
    private sealed record Entry(string Name, int[] Indices);
}
