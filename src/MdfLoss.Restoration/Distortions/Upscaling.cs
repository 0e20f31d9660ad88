using static TorchSharp.torch;

namespace Mdf.Distortions;

/// <summary>
/// Single-image super-resolution in phase 1, <c>sisr</c>. Every image comes upscaled from the scale below, and that is the distortion;
/// nothing is added to it.
/// </summary>
internal sealed class Upscaling : Distortion
{
    /// <inheritdoc/>
    public override string Task => TaskName.SuperResolution.Name;

    /// <inheritdoc/>
    protected override Tensor Distort(Tensor reference, Generator? random) => reference.detach().clone();
}
