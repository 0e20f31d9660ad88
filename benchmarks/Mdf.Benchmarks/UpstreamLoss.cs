using Mdf.Discriminators;
using Mdf.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>
/// The authors' way (<c>mdfloss.py</c>, <c>SinGAN/models.py</c>), written down again: both images through every discriminator at full size,
/// convolution, batch norm and leaky ReLU (in place) one by one, autograd for the gradient. What Python's reference counts free, a scope frees
/// here at the same point.
/// </summary>
internal static class UpstreamLoss
{
    private const double Slope = 0.2;

    public static Tensor Compute(DiscriminatorStack stack, int scales, Tensor restored, Tensor reference)
    {
        var loss = zeros(restored.shape[0]);
        for (var scale = 0; scale < scales; scale++)
        {
            using var scope = NewDisposeScope();
            var (found, wanted) = (Features(stack[scale], restored), Features(stack[scale], reference));
            for (var layer = 0; layer < found.Count; layer++)
                loss = loss + (found[layer] - wanted[layer]).pow(2).mean([1, 2, 3]);
            loss.MoveToOuterDisposeScope();
        }

        return loss.mean();
    }

    private static IReadOnlyList<Tensor> Features(Discriminator discriminator, Tensor image)
    {
        using var scope = NewDisposeScope();
        var modules = discriminator.named_modules().ToDictionary(module => module.name, module => module.module);
        string[] blocks = ["head", "body.block1", "body.block2", "body.block3"];
        var features = new List<Tensor>();
        var x = image;
        foreach (var block in blocks)
        {
            var (conv, norm) = ((Conv2d)modules[$"{block}.conv"], (BatchNormalization)modules[$"{block}.norm"]);
            x = nn.functional.conv2d(x, conv.weight!, conv.bias);
            x = nn.functional.batch_norm(x, norm.RunningMean, norm.RunningVariance, norm.Weight, norm.Bias, training: false, momentum: 0.1, eps: norm.Epsilon);
            x = nn.functional.leaky_relu(x, Slope, inplace: true);
            if (block == blocks[0] || block == blocks[^1])
                features.Add(x);
        }

        var tail = (Conv2d)modules["tail"];
        features.Add(nn.functional.conv2d(x, tail.weight!, tail.bias));
        return [.. features.Select(feature => feature.MoveToOuterDisposeScope())];
    }
}
