using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Networks;

/// <summary>Creates layers of the networks, and initializes their weights.</summary>
internal static class Layers
{
    /// <summary>The gain of the weights before a rectifier. It compensates for the smaller deviation after the rectifier (He et al., see <see cref="DrawNormal"/>).</summary>
    public static readonly double RectifierGain = Math.Sqrt(2);

    /// <summary>Creates a convolution that keeps the size by padding with zeros.</summary>
    /// <param name="inputs">The number of input channels.</param>
    /// <param name="outputs">The number of output channels.</param>
    /// <param name="kernel">The width and height of its kernel; odd.</param>
    /// <param name="device">The device of the weights.</param>
    public static Conv2d Convolution(int inputs, int outputs, int kernel, Device device) =>
        Conv2d(inputs, outputs, kernel, padding: kernel / 2, device: device);

    /// <summary>
    /// Creates layers for upscaling by pixel shuffle (Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel Convolutional
    /// Neural Network", CVPR 2016): a 3×3 convolution computes the new pixels as channels. Factor 4 is factor 2 twice, as in SRResNet and EDSR.
    /// </summary>
    /// <param name="features">The number of channels, before and after.</param>
    /// <param name="factor">The factor: 2, 3 or 4.</param>
    /// <param name="device">The device of the weights.</param>
    /// <param name="activation">Creates the activation after each step. Default: none.</param>
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

    /// <summary>Draws weights as PyTorch does by default: weights and biases uniform within ±1/√(fan-in).</summary>
    /// <param name="convolution">The convolution.</param>
    /// <param name="random">The source of randomness.</param>
    public static void DrawUniform(Conv2d convolution, Generator random)
    {
        var bound = 1 / Math.Sqrt(FanIn(convolution));
        convolution.weight.uniform_(-bound, bound, random);
        convolution.bias?.uniform_(-bound, bound, random);
    }

    /// <summary>
    /// Draws weights by He et al., "Delving Deep into Rectifiers" (ICCV 2015): weights N(0, gain/√(fan-in)), biases 0. So the deviation is the same
    /// in all layers.
    /// </summary>
    /// <param name="convolution">The convolution.</param>
    /// <param name="gain"><see cref="RectifierGain"/> if a rectifier follows, otherwise 1; or a smaller value.</param>
    /// <param name="random">The source of randomness.</param>
    public static void DrawNormal(Conv2d convolution, double gain, Generator random)
    {
        convolution.weight.normal_(0, gain / Math.Sqrt(FanIn(convolution)), random);
        convolution.bias!.zero_();
    }

    /// <summary>The initial slope of PReLU for negative values: PyTorch's default, from He et al.</summary>
    public const double RectifierSlope = 0.25;

    private static long FanIn(Conv2d convolution) => convolution.weight.shape[1..].Aggregate((product, size) => product * size);
}
