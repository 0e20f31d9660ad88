using Mdf.Discriminators;
using Mdf.Distortions;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Training.Adversarial;

/// <summary>
/// The source of a scale's distorted image: u_k = distort(up(y)) + σ n. y is the photograph of the scale below, or the output of its generator
/// (<see cref="LossRecipe.IsChained"/>). At the coarsest scale, y may be mid-grey and σ above 0. n is Gaussian noise of variance 1, newly drawn
/// for every step.
/// </summary>
internal sealed class DistortedSource : IDisposable
{
    private readonly Distortion _distortion;
    private readonly double _noise;
    private readonly bool _isGrey;
    private readonly Tensor _upscaled;
    private readonly Tensor? _distorted;

    /// <summary>Creates the source.</summary>
    /// <param name="upscaled">up(y), shape <c>(1, 3, H, W)</c>, approximately in [−1, 1]. The caller keeps ownership.</param>
    /// <param name="distortion">The task's distortion.</param>
    /// <param name="noise">σ, in the range [−1, 1].</param>
    /// <param name="isGrey">Whether the photograph is grey. A grey photograph is distorted as one channel.</param>
    public DistortedSource(Tensor upscaled, Distortion distortion, double noise, bool isGrey = false)
    {
        (_distortion, _noise, _isGrey) = (distortion, noise, isGrey);
        _upscaled = upscaled.alias().DetachFromDisposeScope();
        if (!distortion.IsRandom)
            _distorted = Distort(random: null).DetachFromDisposeScope();
    }

    /// <summary>Whether every call of <see cref="Draw"/> gives the same result.</summary>
    public bool IsFixed => _distorted is not null && _noise == 0;

    /// <summary>Computes u_k. With noise or a random distortion, every call gives a new result.</summary>
    /// <param name="random">The source of random numbers: first for the distortion if it is random, then for the noise.</param>
    public Tensor Draw(Generator random)
    {
        if (IsFixed)
            return _distorted!.alias();
        using var scope = NewDisposeScope();
        var distorted = _distorted ?? Distort(random);
        if (_noise == 0)
            return distorted.MoveToOuterDisposeScope();
        var noise = randn(distorted.shape, distorted.dtype, random.device, generator: random).to(distorted.device);
        return noise.Mul_(_noise).Add_(distorted).MoveToOuterDisposeScope();
    }

    /// <summary>Frees the images.</summary>
    public void Dispose()
    {
        _upscaled.Dispose();
        _distorted?.Dispose();
    }

    private Tensor Distort(Generator? random)
    {
        using var scope = NewDisposeScope();
        var reference = InputRange.Symmetric.ToUnit(_upscaled);
        var distorted = _isGrey ? DistortGrey(reference, random) : _distortion.Apply(reference, random);
        return InputRange.Symmetric.FromUnit(distorted).MoveToOuterDisposeScope();
    }

    /// <summary>Distorts a grey photograph. The output of a coarser generator may have some colour, so the distortion error of its grey part is added to all channels.</summary>
    private Tensor DistortGrey(Tensor reference, Generator? random)
    {
        var grey = reference.mean([1], keepdim: true);
        return reference.Add(_distortion.Apply(grey, random) - grey);
    }
}
