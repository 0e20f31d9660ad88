using Mdf.Discriminators;
using Mdf.Imaging;
using Mdf.Training;
using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>
/// The yardstick of phase 1: an iteration as SinGAN's published training makes it (Rott Shaham, Dekel and Michaeli, ICCV 2019), with our
/// distortion in the place of its noise (and our noise at the coarsest scale, drawn anew for every pass), by libtorch and its autograd.
/// </summary>
/// <remarks>
/// Every step of D draws its input through all lower generators anew; the adversarial and the reconstruction term have passes of their own; the steps of
/// G go back through the graph of the last fake, and compute the gradient of D's weights, too.
/// </remarks>
internal sealed class SinganSchedule : IDisposable
{
    private const int Steps = 3;

    private readonly Discriminator _d;
    private readonly ScaleGenerator _g;
    private readonly Tensor _real;
    private readonly Tensor _upscaled;
    private readonly Tensor _start;
    private readonly IReadOnlyList<ScaleGenerator> _below;
    private readonly LossTrainingOptions _options;
    private readonly optim.Optimizer _optimizerD;
    private readonly optim.Optimizer _optimizerG;

    /// <summary>Begins a scale.</summary>
    /// <param name="d">D_k.</param>
    /// <param name="g">G_k.</param>
    /// <param name="real">x_k in [−1, 1].</param>
    /// <param name="upscaled">The reconstruction's input, before distortion and noise; SinGAN makes it once.</param>
    /// <param name="start">The image from which the generation starts.</param>
    /// <param name="below">The generators of the lower scales, frozen.</param>
    /// <param name="options">The task's distortion, the noise at the coarsest scale, the weight of the reconstruction.</param>
    public SinganSchedule(
        Discriminator d, ScaleGenerator g, Tensor real, Tensor upscaled, Tensor start, IReadOnlyList<ScaleGenerator> below, LossTrainingOptions options)
    {
        (_d, _g, _real, _upscaled, _start, _below, _options) = (d, g, real, upscaled, start, [.. below], options);
        (_optimizerD, _optimizerG) = (optim.Adam(d.parameters(), 5e-4, 0.5, 0.999), optim.Adam(g.parameters(), 5e-4, 0.5, 0.999));
        d.train();
        g.train();
    }

    /// <summary>One iteration.</summary>
    public void Step(Generator random)
    {
        var fake = _real;
        for (var step = 0; step < Steps; step++)
        {
            _optimizerD.zero_grad();
            (-_d.call(_real).mean()).backward();
            fake = _g.call(Draw(random));
            _d.call(fake.detach()).mean().backward();
            (0.1 * GradientPenalty.Compute(_d, _real, fake.detach(), rand([1], generator: random))).backward();
            _optimizerD.step();
        }

        for (var step = 0; step < Steps; step++)
        {
            using var scope = NewDisposeScope();
            // SinGAN goes back through the graph of a G that has been stepped since; libtorch refuses that now, so the pass is made again.
            if (step > 0)
                fake = _g.call(Distort(_upscaled, _below.Count, random));
            _optimizerG.zero_grad();
            (-_d.call(fake).mean()).backward();
            (_options.ReconstructionWeight * (_g.call(Distort(_upscaled, _below.Count, random)) - _real).square().mean()).backward();
            _optimizerG.step();
        }
    }

    public void Dispose()
    {
        _optimizerD.Dispose();
        _optimizerG.Dispose();
    }

    /// <summary>u_k through all lower generators.</summary>
    private Tensor Draw(Generator random)
    {
        using var _ = no_grad();
        using var scope = NewDisposeScope();
        var image = _start;
        foreach (var (scale, size) in PyramidPlan.For(new ImageSize(168, 250)).Sizes.Take(_below.Count).Index())
            image = _below[scale].call(Distort(Resampler.Bicubic(image, size.Height, size.Width), scale, random));
        return Distort(Resampler.Bicubic(image, _real.shape[2], _real.shape[3]), _below.Count, random).MoveToOuterDisposeScope();
    }

    private Tensor Distort(Tensor image, int scale, Generator random)
    {
        var distorted = 2 * _options.Distortion.Apply((image + 1) / 2, random) - 1;
        return _options.NoiseAt(scale) is > 0 and var noise ? distorted + noise * randn(image.shape, generator: random) : distorted;
    }
}
