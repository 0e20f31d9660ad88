using static TorchSharp.torch;

namespace Mdf.Runtime;

/// <summary>The order of a tensor's numbers in memory.</summary>
internal static class TensorOrder
{
    /// <summary>
    /// The same numbers with all channels of a pixel side by side: the order in which libtorch's convolutions are fastest, and which what they make
    /// keeps. Gradients pass.
    /// </summary>
    /// <param name="images">Shape <c>(N, C, H, W)</c>.</param>
    /// <returns>The same shape.</returns>
    /// <remarks>
    /// In the usual order oneDNN copies images into blocks of 16 channels and fills up with zeros. On some virtual machines (an AMD EPYC of family 26
    /// whose CPUID names no caches, oneDNN 3.7.1) it leaves out the zeros: convolutions of 24 channels, and gradients of those with one output, are
    /// then wrong and not even the same twice. In this order there is nothing to fill up.
    /// </remarks>
    public static Tensor ChannelsLast(Tensor images)
    {
        // One channel is in both orders at once: only the strides say which one is meant.
        if (images.shape[1] != 1)
            return images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
        var (height, width) = (images.shape[2], images.shape[3]);
        return images.contiguous().as_strided(images.shape, [height * width, 1, width, 1]);
    }
}
