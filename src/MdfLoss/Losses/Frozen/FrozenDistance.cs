using static TorchSharp.torch;

namespace Mdf.Losses.Frozen;

/// <summary>
/// The MDF loss of discriminators that do not change. It computes the value and the gradient with respect to the restored image in one pass,
/// scale by scale and tile by tile, without a graph.
/// </summary>
internal abstract class FrozenDistance : IDisposable
{
    /// <summary>Computes the features of a reference once.</summary>
    /// <param name="reference">Shape <c>(N, 3, H, W)</c>, in [0, 1].</param>
    /// <returns>The features. The caller owns them.</returns>
    public abstract FrozenFeatures Prepare(Tensor reference);

    /// <summary>Compares images with references.</summary>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>.</param>
    /// <param name="reference">The same shape.</param>
    /// <param name="features">The reference's features, if <see cref="Prepare"/> has computed them.</param>
    /// <param name="withGradient">Whether to compute the gradient too.</param>
    /// <returns>
    /// The value of each image, shape <c>(N)</c>, in the images' type; and the gradient of each image's own value with respect to it, shape
    /// <c>(N, 3, H, W)</c>, in float32 at least, or null.
    /// </returns>
    public abstract (Tensor Values, Tensor? Gradient) Compute(
        Tensor restored, Tensor reference, FrozenFeatures? features, bool withGradient);

    /// <summary>Frees the weights and the memory that the distance keeps between calls.</summary>
    public abstract void Dispose();
}
