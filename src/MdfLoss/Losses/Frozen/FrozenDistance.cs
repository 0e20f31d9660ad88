using Mdf.Discriminators;
using Mdf.Kernels;
using static TorchSharp.torch;

namespace Mdf.Losses.Frozen;

/// <summary>
/// The MDF loss of discriminators that do not change: the value and the gradient with respect to the restored image in one pass, scale by
/// scale and tile by tile, without a graph.
/// </summary>
internal abstract class FrozenDistance : IDisposable
{
    /// <summary>Makes the distance for one kind of image.</summary>
    /// <param name="discriminators">The scales that count, batch norms folded.</param>
    /// <param name="range">The range that they take their images in.</param>
    /// <param name="weights">What each layer counts.</param>
    /// <param name="type">The type to compute in.</param>
    /// <param name="device">Where the images are.</param>
    public static FrozenDistance Create(
        IReadOnlyList<FoldedDiscriminator> discriminators, InputRange range, LayerWeights weights, ScalarType type, Device device) =>
        type != float32 || device.type != TorchSharp.DeviceType.CPU ? new TensorDistance(discriminators, range, weights, type, device)
        : Lanes16.IsSupported ? new VectorizedDistance<Lanes16>(discriminators, range, weights)
        : Lanes8.IsSupported ? new VectorizedDistance<Lanes8>(discriminators, range, weights)
        : new TensorDistance(discriminators, range, weights, type, device);

    /// <summary>Computes the features of a reference once.</summary>
    /// <param name="reference">Shape <c>(N, 3, H, W)</c>, in [0, 1].</param>
    /// <returns>The features. They belong to the caller.</returns>
    public abstract FrozenFeatures Prepare(Tensor reference);

    /// <summary>Compares images with references.</summary>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>.</param>
    /// <param name="reference">The same shape.</param>
    /// <param name="features">The reference's features, if <see cref="Prepare"/> has computed them.</param>
    /// <param name="withGradient">Whether the gradient is wanted, too.</param>
    /// <returns>
    /// The value of each image, shape <c>(N)</c>, in the images' type; and the gradient of each image's own value with respect to it, shape
    /// <c>(N, 3, H, W)</c>, in float32 at least, or null.
    /// </returns>
    public abstract (Tensor Values, Tensor? Gradient) Compare(
        Tensor restored, Tensor reference, FrozenFeatures? features, bool withGradient);

    /// <summary>Frees the weights and the memory that is kept between calls.</summary>
    public abstract void Dispose();
}
