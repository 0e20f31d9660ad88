using System.Runtime.InteropServices;
using Mdf.Discriminators;
using Mdf.Kernels;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Training.Adversarial;

/// <summary>
/// The trained parameters of the network of one scale, in the layout of the kernels, with their gradient and the state of Adam; and the running statistics
/// of the batch norms.
/// </summary>
/// <remarks>
/// A batch norm removes the bias of the convolution before it. So the gradient of this bias is zero; the bias stays constant and only shifts the running
/// mean. (libtorch computes rounding errors as that gradient, and Adam turns them into steps of full size. They do not change the result.)
/// </remarks>
internal sealed unsafe class TrunkWeights<TLanes> : IDisposable
    where TLanes : unmanaged, ILanes<TLanes>
{
    /// <summary>The number of convolutions that are followed by a batch norm: the head and the convolutions of the body.</summary>
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

    /// <summary>Copies the weights of a network.</summary>
    /// <param name="network">The network, on the CPU.</param>
    /// <param name="outputs">The number of output channels of its last convolution: 1 or 3.</param>
    /// <param name="scratch">Scratch memory.</param>
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

    /// <summary>The number of channels of every hidden layer.</summary>
    public int Channels { get; }

    /// <summary>The number of output channels of the last convolution.</summary>
    public int Outputs { get; }

    /// <summary>The convolutions of the body.</summary>
    public SquareConvolution<TLanes>[] Convolutions { get; }

    /// <summary>The packed weights of the head, forward: from image to features.</summary>
    public float* HeadPacked => _headPacked.Pointer;

    /// <summary>The packed weights of the head, backward: from the gradient of the features to the gradient of the image.</summary>
    public float* HeadBackPacked => _headBackPacked.Pointer;

    /// <summary>The packed weights of the last convolution, forward: from features to image.</summary>
    public float* TailPacked => _tailPacked.Pointer;

    /// <summary>The packed weights of the last convolution, backward: from the gradient of the image to the gradient of the features.</summary>
    public float* TailBackPacked => _tailBackPacked.Pointer;

    /// <summary>The weights of the head, or the corresponding part of <paramref name="buffer"/>: by position, image channel (the fourth is zero), feature channel.</summary>
    public float* Head(NativeBuffer? buffer = null) => (buffer ?? _values).Pointer;

    /// <summary>The weights of the last convolution, in the same layout as the weights of the head.</summary>
    public float* Tail(NativeBuffer? buffer = null) => Head(buffer) + ImageConvolution<TLanes>.WeightRows * Channels;

    /// <summary>The weights of a convolution of the body: by position, input channel, output channel.</summary>
    public float* Square(int index, NativeBuffer? buffer = null) => Tail(buffer) + ImageConvolution<TLanes>.WeightRows * Channels + (nint)index * 9 * Channels * Channels;

    /// <summary>The weights of a batch norm, γ.</summary>
    public float* Gamma(int layer, NativeBuffer? buffer = null) => Square(Body, buffer) + (nint)layer * Channels;

    /// <summary>The biases of a batch norm, β.</summary>
    public float* Beta(int layer, NativeBuffer? buffer = null) => Gamma(Layers + layer, buffer);

    /// <summary>The bias of the last convolution.</summary>
    public float* TailBias(NativeBuffer? buffer = null) => Gamma(2 * Layers, buffer);

    /// <summary>The gradient of all parameters.</summary>
    public NativeBuffer Gradient => _gradient;

    /// <summary>The bias of a convolution before a batch norm.</summary>
    public float* Bias(int layer) => _biases.Pointer + (nint)layer * Channels;

    /// <summary>The running mean of a batch norm.</summary>
    public float* RunningMean(int layer) => _means.Pointer + (nint)layer * Channels;

    /// <summary>The running variance of a batch norm.</summary>
    public float* RunningVariance(int layer) => _variances.Pointer + (nint)layer * Channels;

    /// <summary>Moves the running statistics towards the statistics of a batch.</summary>
    /// <param name="layer">The layer of the batch norm.</param>
    /// <param name="channel">The channel.</param>
    /// <param name="mean">The mean of the batch, including the bias of the convolution.</param>
    /// <param name="variance">The unbiased variance of the batch.</param>
    public void Observe(int layer, int channel, float mean, float variance)
    {
        float* runningMean = RunningMean(layer) + channel, runningVariance = RunningVariance(layer) + channel;
        *runningMean = (1 - Momentum) * *runningMean + Momentum * mean;
        *runningVariance = (1 - Momentum) * *runningVariance + Momentum * variance;
    }

    /// <summary>Counts one batch. Call it after every layer has observed the statistics of the batch.</summary>
    public void CountBatch() => _batches++;

    /// <summary>Sets the gradient to zero.</summary>
    public void ClearGradient() => _gradient.Span[.._length].Clear();

    /// <summary>Runs one step of Adam (Kingma and Ba, ICLR 2015), as PyTorch computes it.</summary>
    /// <param name="rate">The learning rate, and the decays β₁ and β₂ of the averages of the gradient and of its square.</param>
    /// <param name="scratch">Scratch memory.</param>
    public void Step((double LearningRate, double Beta1, double Beta2) rate, ConvolutionScratch scratch)
    {
        _steps++;
        Adam<TLanes>.Step(_values.Pointer, _gradient.Pointer, _firstMoment.Pointer, _secondMoment.Pointer, _length, rate, _steps);
        Pack(scratch);
    }

    /// <summary>Copies the weights and running statistics to a network of this width.</summary>
    /// <param name="network">The network, on the CPU.</param>
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

    /// <summary>Returns the state of Adam, in the form of <see cref="AdamState"/>.</summary>
    /// <param name="network">The network, for the names of its parameters.</param>
    public IReadOnlyDictionary<string, StoredTensor> SaveMoments(ScaleNetwork network) =>
        AdamState.Save(network.named_parameters().Select(entry => (entry.name, Values(entry.name, _firstMoment), Values(entry.name, _secondMoment), entry.parameter.shape)), _steps);

    /// <summary>Sets the state of Adam.</summary>
    /// <param name="network">The network, for the names of its parameters.</param>
    /// <param name="tensors">The tensors from <see cref="SaveMoments"/>.</param>
    /// <param name="where">The source of the tensors, for messages.</param>
    /// <exception cref="InputException">The tensors do not match the network. Nothing is changed.</exception>
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

    /// <summary>Returns the gradient of a parameter, in libtorch's order.</summary>
    /// <param name="name">The name of the parameter.</param>
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

    /// <summary>Returns the values of a parameter in a buffer; zeros for the biases that are not trained.</summary>
    private float[] Values(string name, NativeBuffer buffer) =>
        _entries.SingleOrDefault(entry => entry.Name == name) is { } entry ? Gather(entry, buffer) : new float[Channels];

    private static float[] Gather(Entry entry, NativeBuffer buffer) => Array.ConvertAll(entry.Indices, index => buffer.Pointer[index]);

    private static void Scatter(Entry entry, ReadOnlySpan<float> values, NativeBuffer buffer)
    {
        for (var i = 0; i < values.Length; i++)
            buffer.Pointer[entry.Indices[i]] = values[i];
    }

    /// <summary>Lists the positions of the numbers of each trained parameter, in libtorch's order: output channel, input channel, position.</summary>
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

    /// <summary>The name of a parameter, and the positions of its numbers.</summary>
    private sealed record Entry(string Name, int[] Indices);
}
