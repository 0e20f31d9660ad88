using static TorchSharp.torch;

namespace Mdf.Runtime;

/// <summary>Changes the order of a tensor's numbers in memory.</summary>
internal static class TensorOrder
{
    /// <summary>
    /// Returns the same images with all channels of a pixel next to each other (channels last). libtorch's convolutions are fastest in this order,
    /// and their results have the same order. Gradients pass through.
    /// </summary>
    /// <param name="images">Shape <c>(N, C, H, W)</c>.</param>
    /// <returns>The same shape.</returns>
    /// <remarks>
    /// In the usual order oneDNN copies images into blocks of 16 channels and fills incomplete blocks with zeros. On some virtual machines (an AMD EPYC of family 26
    /// whose CPUID names no caches, oneDNN 3.7.1) it does not write these zeros. Then convolutions of 24 channels and gradients of convolutions with one output are
    /// wrong, and differ from run to run. In this order no block is incomplete.
    /// </remarks>
    public static Tensor ChannelsLast(Tensor images)
    {
        // With one channel both orders are the same in memory. Only the strides say which order is meant.
        if (images.shape[1] != 1)
            return images.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);
        var (height, width) = (images.shape[2], images.shape[3]);
        var whole = images.contiguous(); // This may be a view, which does not begin where its storage does.
        return whole.as_strided(images.shape, [height * width, 1, width, 1], whole.storage_offset());
    }
}
