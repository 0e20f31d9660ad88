using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Networks;

/// <summary>What the networks' layers have in common: how they are made, and how their weights start.</summary>
internal static class Layers
{
    /// <summary>What a rectifier takes from the deviation, by which the weights before it are larger (He et al., see <see cref="DrawNormal"/>).</summary>
    public static readonly double RectifierGain = Math.Sqrt(2);

    /// <summary>A convolution that keeps the size by padding with zeros.</summary>
    /// <param name="inputs">The channels it takes.</param>
    /// <param name="outputs">The channels it makes.</param>
    /// <param name="kernel">The width and height of its kernel; odd.</param>
    /// <param name="device">Where its weights are made.</param>
    public static Conv2d Convolution(int inputs, int outputs, int kernel, Device device) =>
        Conv2d(inputs, outputs, kernel, padding: kernel / 2, device: device);

    /// <summary>
    /// Upscaling by pixel shuffle (Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional Neural
    /// Network", CVPR 2016): a 3×3 convolution makes the pixels as channels. Factor 4 is factor 2 twice, as in SRResNet and EDSR.
    /// </summary>
    /// <param name="features">The channels, before and after.</param>
    /// <param name="factor">2, 3 or 4.</param>
    /// <param name="device">Where the weights are made.</param>
    /// <param name="activation">Makes what follows each step; nothing does when null.</param>
    public static Sequential PixelShuffling(int features, int factor, Device device, Func<Module<Tensor, Tensor>>? activation = null)
    {
        int[] steps = factor == 4 ? [2, 2] : [factor];
        return Sequential([.. steps.SelectMany(step => Step(step))]);

        IEnumerable<Module<Tensor, Tensor>> Step(int step)
        {
            yield return Convolution(features, features * step * step, 3, device);
            yield return PixelShuffle(step);
            if (activation is not null)
                yield return activation();
        }
    }

    /// <summary>PyTorch's default: weights and biases uniform within ±1/√(fan-in).</summary>
    /// <param name="convolution">The convolution.</param>
    /// <param name="random">The source of randomness.</param>
    public static void DrawUniform(Conv2d convolution, Generator random)
    {
        var bound = 1 / Math.Sqrt(FanIn(convolution));
        convolution.weight.uniform_(-bound, bound, random);
        convolution.bias?.uniform_(-bound, bound, random);
    }

    /// <summary>
    /// He et al., "Delving Deep into Rectifiers" (ICCV 2015): weights N(0, gain/√(fan-in)), biases 0, so that the deviation stays the same from
    /// layer to layer.
    /// </summary>
    /// <param name="convolution">The convolution.</param>
    /// <param name="gain"><see cref="RectifierGain"/> where a rectifier follows, 1 where none does, or less.</param>
    /// <param name="random">The source of randomness.</param>
    public static void DrawNormal(Conv2d convolution, double gain, Generator random)
    {
        convolution.weight.normal_(0, gain / Math.Sqrt(FanIn(convolution)), random);
        convolution.bias!.zero_();
    }

    /// <summary>The slope of PReLU for negative values before training: PyTorch's default, which is that of He et al.</summary>
    public const double RectifierSlope = 0.25;

    private static long FanIn(Conv2d convolution) => convolution.weight.shape[1..].Aggregate((product, size) => product * size);
}
