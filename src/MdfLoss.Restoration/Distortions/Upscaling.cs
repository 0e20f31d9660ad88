using static TorchSharp.torch;

namespace Mdf.Distortions;

/// <summary>
/// Single-image super-resolution in phase 1, <c>sisr</c>. Every image is upscaled from the previous (coarser) scale, and this is
/// the distortion. The class adds nothing to it.
/// </summary>
internal sealed class Upscaling : Distortion
{
    /// <inheritdoc/>
    public override string Task => TaskName.SuperResolution;

    /// <inheritdoc/>
    protected override Tensor Distort(Tensor reference, Generator? random) => reference.detach().clone();
}
