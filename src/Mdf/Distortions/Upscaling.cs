using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Distortions;

/// <summary>
/// Single-image super-resolution, <c>sisr</c>. In phase 1 every image comes upscaled from the scale below, and that is
/// the distortion; nothing is added to it.
/// </summary>
public sealed class Upscaling : Distortion
{
    internal static TaskName Name { get; } = new("sisr", "sisr", Create);

    /// <inheritdoc/>
    public override string Task => Name.Name;

    /// <inheritdoc/>
    protected override Tensor Distort(Tensor reference, Generator? random) => reference.detach().clone();

    private static Upscaling Create(string? strength) => strength is null
        ? new Upscaling()
        : throw new InputException($"cannot use task 'sisr:{strength}': a stack for super-resolution has no strength "
            + "(phase 1's distortion is the upscaling itself); use 'sisr'");
}
