using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Discriminators;

/// <summary>
/// The gradient penalty that keeps a discriminator near 1-Lipschitz. Gulrajani et al., "Improved Training of Wasserstein GANs" (2017),
/// as SinGAN applies it: the norm is over channels, the mean is over positions.
/// </summary>
internal static class GradientPenalty
{
    /// <summary>Computes mean((‖∇D(ε x + (1 − ε) x̃)‖₂ − 1)²).</summary>
    /// <param name="discriminator">The discriminator.</param>
    /// <param name="real">x, shape <c>(N, 3, H, W)</c>.</param>
    /// <param name="fake">x̃, the same shape.</param>
    /// <param name="epsilon">ε in [0, 1]: a scalar, or shape <c>(N, 1, 1, 1)</c>.</param>
    /// <returns>A scalar, differentiable in the discriminator's weights; not yet multiplied by its weight λ.</returns>
    public static Tensor Compute(Discriminator discriminator, Tensor real, Tensor fake, Tensor epsilon)
    {
        ArgumentNullException.ThrowIfNull(discriminator);
        using var scope = NewDisposeScope();
        using var _ = enable_grad(); // libtorch ends the process if a gradient is requested but not recorded
        var between = (epsilon * real).Add(epsilon.SubFrom(1) * fake).detach().requires_grad_(true);
        var output = discriminator.call(between);
        var gradient = autograd.grad([output], [between], [ones_like(output)], retain_graph: true, create_graph: true)[0];
        // Where the gradient is 0, the derivative of the norm is undefined; libtorch returns 0 there.
        return gradient.norm(1, p: 2f).Sub(1).Square().mean().MoveToOuterDisposeScope();
    }
}
