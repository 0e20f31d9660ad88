using Mdf.Discriminators;
using Mdf.Distortions;
using static TorchSharp.torch;

namespace Mdf.Training.Adversarial;

/// <summary>
/// Where the input of a generator comes from: u_k = distort(up(y)), with y the photograph of the scale below, or what its generator made
/// (<see cref="LossTrainingOptions.IsChained"/>); at the coarsest scale y may be mid-grey.
/// </summary>
internal sealed class GeneratorInput : IDisposable
{
    private readonly Distortion _distortion;
    private readonly Tensor _upscaled;
    private readonly Tensor? _fixed;

    /// <summary>Creates the source.</summary>
    /// <param name="upscaled">up(y), shape <c>(1, 3, H, W)</c>, about [−1, 1]; it stays its owner's.</param>
    /// <param name="distortion">The task's distortion.</param>
    public GeneratorInput(Tensor upscaled, Distortion distortion)
    {
        _distortion = distortion;
        _upscaled = upscaled.alias().DetachFromDisposeScope();
        if (!distortion.IsRandom)
            _fixed = Distort(random: null).DetachFromDisposeScope();
    }

    /// <summary>Whether every draw is the same.</summary>
    public bool IsFixed => _fixed is not null;

    /// <summary>u_k, drawn anew at every call where the distortion is random.</summary>
    /// <param name="random">Draws the distortion, where it is random.</param>
    public Tensor Draw(Generator random) => _fixed?.alias() ?? Distort(random);

    /// <summary>Frees the image.</summary>
    public void Dispose()
    {
        _upscaled.Dispose();
        _fixed?.Dispose();
    }

    private Tensor Distort(Generator? random)
    {
        using var scope = NewDisposeScope();
        var distorted = _distortion.Apply(InputRange.Symmetric.ToUnit(_upscaled), random);
        return InputRange.Symmetric.FromUnit(distorted).MoveToOuterDisposeScope();
    }
}
