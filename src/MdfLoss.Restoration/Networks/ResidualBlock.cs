using Mdf.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Networks;

/// <summary>
/// EDSR's residual block: two 3×3 convolutions with a rectifier between them, without batch norm. The result is scaled and added to the input.
/// </summary>
/// <remarks>Lim et al. (see <see cref="Edsr"/>). The names are from BasicSR's <c>ResidualBlockNoBN</c>: <c>conv1</c>, <c>conv2</c>.</remarks>
internal sealed class ResidualBlock : Module<Tensor, Tensor>
{
    private readonly double _scale;
    private readonly Conv2d conv1;
    private readonly Conv2d conv2;

    /// <summary>Creates a block with libtorch's default weights.</summary>
    /// <param name="features">The number of channels.</param>
    /// <param name="scale">The factor of the result before it is added.</param>
    /// <param name="device">The device of the weights.</param>
    public ResidualBlock(int features, double scale, Device device)
        : base(nameof(ResidualBlock))
    {
        _scale = scale;
        conv1 = Layers.Convolution(features, features, 3, device);
        conv2 = Layers.Convolution(features, features, 3, device);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        using var scope = NewDisposeScope();
        return input.Add(conv2.call(conv1.call(input).relu_()), _scale).MoveToOuterDisposeScope();
    }
}
