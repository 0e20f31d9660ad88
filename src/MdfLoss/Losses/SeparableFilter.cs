using Mdf.Runtime;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace Mdf.Losses;

/// <summary>Filters images with the factors of a separable window, one axis after the other.</summary>
internal static class SeparableFilter
{
    /// <summary>Correlates every channel with the same weights along one axis, at the positions where the whole window lies inside. Differentiable.</summary>
    /// <param name="images">Shape <c>(N, C, H, W)</c>.</param>
    /// <param name="axis">2 for columns of samples, 3 for rows.</param>
    /// <param name="weights">At least one, at most as many as the image has samples along the axis.</param>
    /// <returns>The axis is shorter by the number of weights, minus 1.</returns>
    public static Tensor Along(Tensor images, int axis, params double[] weights)
    {
        using var scope = NewDisposeScope();
        var shape = images.shape;
        long[] window = axis == 2 ? [1, 1, weights.Length, 1] : [1, 1, 1, weights.Length];
        var maps = TensorOrder.ChannelsLast(images.reshape(shape[0] * shape[1], 1, shape[2], shape[3]));
        var filtered = functional.conv2d(maps, tensor(weights, images.dtype, images.device).view(window));
        shape[axis] -= weights.Length - 1;
        return filtered.reshape(shape).MoveToOuterDisposeScope();
    }

    /// <summary>The Euclidean length of two components, with a finite gradient where both are zero.</summary>
    /// <param name="x">One component.</param>
    /// <param name="y">The other, of the same shape.</param>
    /// <param name="epsilon">The length that is found where both are zero.</param>
    public static Tensor Length(Tensor x, Tensor y, double epsilon) => x.Square().Add(y.Square()).Add(epsilon * epsilon).sqrt();

    /// <summary>Half the height and half the width, means of 2×2 samples; an odd side is continued with a zero first.</summary>
    /// <param name="images">Shape <c>(N, C, H, W)</c>.</param>
    public static Tensor Halve(Tensor images) =>
        functional.avg_pool2d(functional.pad(images, [0, images.shape[3] % 2, 0, images.shape[2] % 2]), [2, 2]);
}
