using Mdf.Discriminators;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Training.Adversarial;

/// <summary>The inner loop of phase 1 by libtorch's operations and its autograd, on any device: short, and what the kernels are proved against.</summary>
internal sealed class TensorScaleTrainer : ScaleTrainer
{
    private readonly Discriminator _discriminator;
    private readonly ScaleGenerator _generator;
    private readonly IReadOnlyList<ScaleImage> _images;
    private readonly double _reconstructionWeight;
    private readonly TensorAdam _discriminatorOptimizer;
    private readonly TensorAdam _generatorOptimizer;

    /// <inheritdoc cref="ScaleTrainers.Create"/>
    public TensorScaleTrainer(
        Discriminator discriminator, ScaleGenerator generator, IReadOnlyList<ScaleImage> images, double reconstructionWeight)
    {
        (_discriminator, _generator, _images, _reconstructionWeight) = (discriminator, generator, images, reconstructionWeight);
        discriminator.train();
        generator.train();
        _discriminatorOptimizer = new TensorAdam(discriminator.named_parameters(), Beta1, Beta2);
        _generatorOptimizer = new TensorAdam(generator.named_parameters(), Beta1, Beta2);
    }

    /// <inheritdoc/>
    public override ScaleLosses Step(int iteration, Generator random)
    {
        using var scope = NewDisposeScope();
        using var _ = enable_grad();
        var (real, input) = _images[iteration % _images.Count];
        var rate = LearningRateAt(iteration, LastScheduled);

        var critic = (Real: 0.0, Fake: 0.0, Penalty: 0.0);
        for (var step = 0; step < DiscriminatorSteps; step++)
        {
            using var stepScope = NewDisposeScope();
            Tensor fake;
            using (no_grad())
                fake = _generator.call(input.Draw(random));
            // On the CPU for any device, so that a seed means the same everywhere.
            var epsilon = rand([1], generator: random).to(real.device);
            critic = StepDiscriminator(_discriminator, _discriminatorOptimizer, rate, real, fake, epsilon);
        }

        var reconstruction = 0.0;
        SetRequiresGrad(_discriminator, false);
        for (var step = 0; step < GeneratorSteps; step++)
        {
            using var stepScope = NewDisposeScope();
            reconstruction = StepGenerator(rate, real, input.Draw(random));
        }

        SetRequiresGrad(_discriminator, true);
        return new ScaleLosses(critic.Real, critic.Fake, critic.Penalty, reconstruction);
    }

    /// <summary>One step of the discriminator: −D(x) + D(x̃) + 0.1 · gradient penalty.</summary>
    /// <returns>The three losses before the step; the penalty weighted.</returns>
    internal static (double Real, double Fake, double Penalty) StepDiscriminator(
        Discriminator discriminator, TensorAdam optimizer, double learningRate, Tensor real, Tensor fake, Tensor epsilon)
    {
        optimizer.ClearGradients();
        // Real, fake, penalty: the order in which batch norm's running statistics see them is SinGAN's.
        var realLoss = -discriminator.call(real).mean();
        realLoss.backward();
        var fakeLoss = discriminator.call(fake).mean();
        fakeLoss.backward();
        var penalty = GradientPenalty.Of(discriminator, real, fake, epsilon).Mul(PenaltyWeight);
        penalty.backward();
        optimizer.Step(learningRate);
        return (realLoss.Number(), fakeLoss.Number(), penalty.Number());
    }

    /// <summary>One step of the generator: −D(x̃) + 10 · MSE(x̃, x).</summary>
    /// <returns>The MSE before the step.</returns>
    private double StepGenerator(double learningRate, Tensor real, Tensor input)
    {
        _generatorOptimizer.ClearGradients();
        var fake = _generator.call(input);
        var reconstruction = (fake - real).Square().mean();
        var loss = reconstruction.Mul(_reconstructionWeight) - _discriminator.call(fake).mean();
        loss.backward();
        _generatorOptimizer.Step(learningRate);
        return reconstruction.Number();
    }

    /// <inheritdoc/>
    public override (IReadOnlyDictionary<string, StoredTensor> Discriminator, IReadOnlyDictionary<string, StoredTensor> Generator) SaveOptimizers() =>
        (AdamState.Save(_discriminatorOptimizer), AdamState.Save(_generatorOptimizer));

    /// <inheritdoc/>
    public override void LoadOptimizers(
        IReadOnlyDictionary<string, StoredTensor> discriminator, IReadOnlyDictionary<string, StoredTensor> generator, string where)
    {
        AdamState.Load(_discriminatorOptimizer, discriminator, where);
        AdamState.Load(_generatorOptimizer, generator, where);
    }

    /// <inheritdoc/>
    public override void Store()
    {
        // The networks themselves are trained.
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _discriminatorOptimizer.Dispose();
        _generatorOptimizer.Dispose();
    }

    private static void SetRequiresGrad(nn.Module module, bool value)
    {
        foreach (var parameter in module.parameters())
            parameter.requires_grad = value;
    }
}
