// A network of your own, with attention over the whole image: every pixel depends on all others, so images are never divided into tiles.
// Use it in an experiment file as network: {name: attention, channels: [16, 16]}.
using Mdf.Networks;
using Mdf.Plugins;
using Mdf.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace OwnNetwork;

public sealed class AttentionPlugin : IMdfPlugin
{
    public void Register(Registry registry) => registry.AddNetwork(
        "attention", [NetworkOption.WholeNumbers("channels", [16, 16], least: 1, most: 512, longest: 64, "channels of each block")],
        (architecture, device) => new AttentionNetwork(architecture, device));
}

/// <summary>
/// Blocks of a convolution and of attention between channels, whose weights are sums over all pixels, as in Zamir et al., "Restormer: Efficient Transformer for
/// High-Resolution Image Restoration" (CVPR 2022), there with more around it. The image is added to what they make.
/// </summary>
public sealed class AttentionNetwork : RestorationNetwork
{
    private readonly ModuleList<Conv2d> features = [];
    private readonly ModuleList<Conv2d> queries = [];
    private readonly Conv2d last;

    public AttentionNetwork(NetworkArchitecture architecture, Device device)
        : base(architecture)
    {
        var inputs = 3;
        foreach (var channels in architecture.WholeNumbers("channels"))
        {
            features.Add(Conv2d(inputs, channels, 3, padding: 1, device: device));
            queries.Add(Conv2d(channels, 3 * channels, 1, device: device)); // queries, keys and values
            inputs = channels;
        }

        last = Conv2d(inputs, 3, 3, padding: 1, device: device);
        RegisterComponents();
    }

    public override int? Margin => null; // the whole image

    protected override Tensor Restore(Tensor distorted)
    {
        var maps = distorted;
        foreach (var (convolution, projection) in features.Zip(queries))
        {
            maps = functional.relu(convolution.call(maps));
            var parts = projection.call(maps).flatten(2).chunk(3, 1); // (N, C, H·W) each
            var weights = functional.normalize(parts[0], dim: 2).matmul(functional.normalize(parts[1], dim: 2).transpose(1, 2)).softmax(2);
            maps = maps.Add(weights.matmul(parts[2]).view(maps.shape));
        }

        return distorted.Add(last.call(maps));
    }
}
