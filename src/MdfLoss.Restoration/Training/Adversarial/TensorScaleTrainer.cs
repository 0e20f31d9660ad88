using Mdf.Discriminators;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Training.Adversarial;

/// <summary>The inner loop of phase 1 with libtorch's operations and autograd, on any device. It is short, and the tests compare our kernels with it.</summary>
internal sealed class TensorScaleTrainer : ScaleTrainer
{
    private readonly Discriminator _discriminator;
    private readonly ScaleGenerator _generator;
    private readonly IReadOnlyList<ScaleImage> _images;
    private readonly Adam _discriminatorOptimizer;
    private readonly Adam _generatorOptimizer;

    /// <inheritdoc cref="ScaleTrainers.Create"/>
    public TensorScaleTrainer(Discriminator discriminator, ScaleGenerator generator, IReadOnlyList<ScaleImage> images, ScaleSchedule schedule)
        : base(schedule)
    {
        (_discriminator, _generator, _images) = (discriminator, generator, images);
        _discriminator.train();
        _generator.train();
        _discriminatorOptimizer = new Adam(_discriminator.named_parameters(), beta1: Beta1, beta2: Beta2);
        _generatorOptimizer = new Adam(_generator.named_parameters(), beta1: Beta1, beta2: Beta2);
    }

    /// <inheritdoc/>
    public override ScaleLosses Step(int iteration, Generator random)
    {
        using var scope = NewDisposeScope();
        using var _ = enable_grad();
        var (real, source) = _images[iteration % _images.Count];
        var rate = RateAt(iteration);

        var losses = (Real: 0.0, Fake: 0.0, Penalty: 0.0);
        for (var step = 0; step < DiscriminatorSteps; step++)
        {
            using var stepScope = NewDisposeScope();
            Tensor fake;
            using (no_grad())
                fake = _generator.call(source.Draw(random));
            // Always on the CPU, so that a seed gives the same random numbers on every device.
            var epsilon = rand([1], generator: random).to(real.device);
            losses = StepDiscriminator(_discriminator, _discriminatorOptimizer, rate, real, fake, epsilon);
        }

        var reconstruction = 0.0;
        SetRequiresGrad(_discriminator, false);
        for (var step = 0; step < GeneratorSteps; step++)
        {
            using var stepScope = NewDisposeScope();
            reconstruction = StepGenerator(rate, real, source.Draw(random));
        }

        SetRequiresGrad(_discriminator, true);
        return new ScaleLosses(losses.Real, losses.Fake, losses.Penalty, reconstruction);
    }

    /// <summary>Runs one step of the discriminator on −D(x) + D(x̃) + 0.1 · gradient penalty.</summary>
    /// <returns>The three losses before the step. The penalty is weighted.</returns>
    internal static (double Real, double Fake, double Penalty) StepDiscriminator(
        Discriminator discriminator, Adam optimizer, double learningRate, Tensor real, Tensor fake, Tensor epsilon)
    {
        optimizer.ZeroGrad();
        // Real, fake, penalty: the running statistics of batch norm are updated in the same order as in SinGAN.
        var realLoss = -discriminator.call(real).mean();
        realLoss.backward();
        var fakeLoss = discriminator.call(fake).mean();
        fakeLoss.backward();
        var penalty = GradientPenalty.Compute(discriminator, real, fake, epsilon).Mul(PenaltyWeight);
        penalty.backward();
        optimizer.LearningRate = learningRate;
        optimizer.Step();
        return (realLoss.Number(), fakeLoss.Number(), penalty.Number());
    }

    /// <summary>Runs one step of the generator on −D(x̃) + 10 · MSE(x̃, x).</summary>
    /// <returns>The MSE before the step.</returns>
    private double StepGenerator(double learningRate, Tensor real, Tensor distorted)
    {
        _generatorOptimizer.ZeroGrad();
        var fake = _generator.call(distorted);
        var reconstruction = (fake - real).Square().mean();
        var loss = reconstruction.Mul(Schedule.ReconstructionWeight) - _discriminator.call(fake).mean();
        loss.backward();
        _generatorOptimizer.LearningRate = learningRate;
        _generatorOptimizer.Step();
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
        // Nothing to store: the networks themselves are trained.
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
