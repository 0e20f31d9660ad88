using Mdf.Discriminators;
using Mdf.Kernels;
using static TorchSharp.torch;

namespace Mdf.Losses.Frozen;

/// <summary>The state of a stack when it was frozen, and the distance computed with it.</summary>
internal sealed class FrozenStack : IDisposable
{
    private readonly ScalarType _type;
    private readonly string _device;
    private readonly IReadOnlyList<byte[]> _state;

    /// <summary>Freezes a stack.</summary>
    /// <param name="stack">The stack, in evaluation mode.</param>
    /// <param name="scales">The scales to use.</param>
    /// <param name="weights">The weight of each layer.</param>
    /// <param name="type">The type to compute in.</param>
    /// <param name="device">The device of the images.</param>
    public FrozenStack(DiscriminatorStack stack, IReadOnlyList<int> scales, LayerWeights weights, ScalarType type, Device device)
    {
        (_type, _device) = (type, device.ToString());
        using (NewDisposeScope())
            _state = [.. State(stack).Select(tensor => tensor.bytes.ToArray())];
        Distance = CreateDistance([.. scales.Select(scale => stack[scale].Fold())], stack.InputRange, weights, type, device);
    }

    /// <summary>The distance.</summary>
    public FrozenDistance Distance { get; }

    /// <summary>Whether the distance is for images of this type on this device.</summary>
    public bool IsFor(ScalarType type, Device device) => type == _type && device.ToString() == _device;

    /// <summary>Whether the weights of the stack are unchanged. The user may have loaded other weights into it.</summary>
    /// <remarks>Only weights on the processor are checked. A check on a graphics card would make it wait in every call.</remarks>
    public bool IsOf(DiscriminatorStack stack)
    {
        using var scope = NewDisposeScope();
        var index = 0;
        foreach (var tensor in State(stack))
        {
            if (index >= _state.Count || !tensor.bytes.SequenceEqual(_state[index++]))
                return false;
        }

        return index == _state.Count;
    }

    /// <inheritdoc/>
    public void Dispose() => Distance.Dispose();

    /// <summary>Chooses our kernels if they support the type, the device and the processor; otherwise libtorch.</summary>
    private static FrozenDistance CreateDistance(
        IReadOnlyList<FoldedDiscriminator> discriminators, InputRange range, LayerWeights weights, ScalarType type, Device device) =>
        type != float32 || device.type != TorchSharp.DeviceType.CPU ? new TensorDistance(discriminators, range, weights, type, device)
        : Lanes16.IsSupported ? new VectorizedDistance<Lanes16>(discriminators, range, weights)
        : Lanes8.IsSupported ? new VectorizedDistance<Lanes8>(discriminators, range, weights)
        : new TensorDistance(discriminators, range, weights, type, device);

    private static IEnumerable<Tensor> State(DiscriminatorStack stack) =>
        stack.parameters().Concat(stack.buffers()).Where(tensor => tensor.device.type == TorchSharp.DeviceType.CPU)
            .Select(tensor => tensor.is_contiguous() ? tensor : tensor.contiguous());
}
