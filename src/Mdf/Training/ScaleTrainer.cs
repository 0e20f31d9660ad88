using Mdf.Discriminators;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Training;

/// <summary>The losses of one iteration of phase 1.</summary>
/// <param name="Real">−D(x): how real the photograph looks to the critic.</param>
/// <param name="Fake">D(x̃): how real the generator's image looks to it.</param>
/// <param name="Penalty">The weighted gradient penalty.</param>
/// <param name="Reconstruction">MSE(x̃, x), unweighted.</param>
public readonly record struct ScaleLosses(double Real, double Fake, double Penalty, double Reconstruction);

/// <summary>
/// Trains the discriminator and the generator of one scale against each other: the inner loop of phase 1.
/// </summary>
/// <remarks>
/// The training of SinGAN (ICCV 2019) with its constants, but for the generator's input and objective: the input is the upscaled
/// result of the scale before with the task's distortion, and there is one image, which is both critic's fake and reconstruction.
/// </remarks>
internal sealed class ScaleTrainer : IDisposable
{
    private const int DiscriminatorSteps = 3;
    private const int GeneratorSteps = 3;
    private const double LearningRate = 5e-4;
    private const double Beta1 = 0.5;
    private const double Beta2 = 0.999;
    private const double PenaltyWeight = 0.1;
    private const double ReconstructionWeight = 10;

    // SinGAN divides the rate by 10 at 1,600 of 2,000 iterations.
    private const double FinalPhase = 0.8;
    private const double FinalFactor = 0.1;

    private readonly Discriminator _discriminator;
    private readonly ScaleGenerator _generator;
    private readonly Tensor _real;
    private readonly GeneratorInput _input;
    private readonly Generator _random;
    private readonly int _iterations;
    private readonly optim.Optimizer _discriminatorOptimizer;
    private readonly optim.Optimizer _generatorOptimizer;

    /// <summary>Starts the training of a scale. Everything given stays its owner's.</summary>
    /// <param name="discriminator">D_k, trained in place.</param>
    /// <param name="generator">G_k, trained in place.</param>
    /// <param name="real">x_k, shape <c>(1, 3, H, W)</c> in [−1, 1].</param>
    /// <param name="input">Where G_k's input comes from.</param>
    /// <param name="random">Draws the gradient penalty's ε.</param>
    /// <param name="iterations">How many iterations the scale is trained for: decides the learning rate's schedule.</param>
    public ScaleTrainer(
        Discriminator discriminator, ScaleGenerator generator, Tensor real, GeneratorInput input, Generator random, int iterations)
    {
        (_discriminator, _generator, _real, _input, _random, _iterations) =
            (discriminator, generator, real, input, random, iterations);
        discriminator.train();
        generator.train();
        _discriminatorOptimizer = optim.Adam(discriminator.parameters(), LearningRate, Beta1, Beta2);
        _generatorOptimizer = optim.Adam(generator.parameters(), LearningRate, Beta1, Beta2);
    }

    /// <summary>The learning rate of an iteration.</summary>
    /// <param name="iteration">Counted from 0.</param>
    /// <param name="iterations">How many there are.</param>
    public static double LearningRateAt(int iteration, int iterations) =>
        iteration < FinalPhase * iterations ? LearningRate : LearningRate * FinalFactor;

    /// <summary>One iteration: three steps of the discriminator, then three of the generator.</summary>
    /// <param name="iteration">Counted from 0.</param>
    public ScaleLosses Step(int iteration)
    {
        using var scope = NewDisposeScope();
        var rate = LearningRateAt(iteration, _iterations);
        SetLearningRate(_discriminatorOptimizer, rate);
        SetLearningRate(_generatorOptimizer, rate);

        var critic = (Real: 0.0, Fake: 0.0, Penalty: 0.0);
        for (var step = 0; step < DiscriminatorSteps; step++)
        {
            using var stepScope = NewDisposeScope();
            Tensor fake;
            using (no_grad())
                fake = _generator.call(_input.Draw());
            // On the CPU for any device, so that a seed means the same everywhere.
            var epsilon = rand([1], generator: _random).to(_real.device);
            critic = StepDiscriminator(_discriminator, _discriminatorOptimizer, _real, fake, epsilon);
        }

        var reconstruction = 0.0;
        SetRequiresGrad(_discriminator, false);
        for (var step = 0; step < GeneratorSteps; step++)
        {
            using var stepScope = NewDisposeScope();
            reconstruction = StepGenerator();
        }

        SetRequiresGrad(_discriminator, true);
        return new ScaleLosses(critic.Real, critic.Fake, critic.Penalty, reconstruction);
    }

    /// <summary>One step of the discriminator: −D(x) + D(x̃) + 0.1 · gradient penalty.</summary>
    /// <returns>The three losses before the step; the penalty weighted.</returns>
    internal static (double Real, double Fake, double Penalty) StepDiscriminator(
        Discriminator discriminator, optim.Optimizer optimizer, Tensor real, Tensor fake, Tensor epsilon)
    {
        optimizer.zero_grad();
        // Real, fake, penalty: the order in which batch norm's running statistics see them is SinGAN's.
        var realLoss = -discriminator.call(real).mean();
        realLoss.backward();
        var fakeLoss = discriminator.call(fake).mean();
        fakeLoss.backward();
        var penalty = PenaltyWeight * GradientPenalty.Of(discriminator, real, fake, epsilon);
        penalty.backward();
        optimizer.step();
        return (realLoss.ToDouble(), fakeLoss.ToDouble(), penalty.ToDouble());
    }

    /// <summary>One step of the generator: −D(x̃) + 10 · MSE(x̃, x).</summary>
    /// <returns>The MSE before the step.</returns>
    private double StepGenerator()
    {
        _generatorOptimizer.zero_grad();
        var fake = _generator.call(_input.Draw());
        var reconstruction = (fake - _real).square().mean();
        var loss = ReconstructionWeight * reconstruction - _discriminator.call(fake).mean();
        loss.backward();
        _generatorOptimizer.step();
        return reconstruction.ToDouble();
    }

    /// <summary>Frees the optimizers; the networks stay.</summary>
    public void Dispose()
    {
        _discriminatorOptimizer.Dispose();
        _generatorOptimizer.Dispose();
    }

    private static void SetLearningRate(optim.Optimizer optimizer, double rate)
    {
        foreach (var group in optimizer.ParamGroups)
            group.LearningRate = rate;
    }

    private static void SetRequiresGrad(nn.Module module, bool value)
    {
        foreach (var parameter in module.parameters())
            parameter.requires_grad = value;
    }
}
