using Mdf.Discriminators;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Training.Adversarial;

/// <summary>The inner loop of phase 1 with libtorch's operations and autograd, on any device. It is short, and the tests compare our kernels with it.</summary>
internal sealed class TensorScaleTrainer : ScaleTrainer
{
    private readonly Discriminator _discriminator;
    private readonly ScaleGenerator? _generator;
    private readonly IReadOnlyList<ScaleImage> _images;
    private readonly Adam _discriminatorOptimizer;
    private readonly Adam? _generatorOptimizer;

    /// <inheritdoc cref="ScaleTrainers.Create"/>
    public TensorScaleTrainer(ScaleNetworks networks, IReadOnlyList<ScaleImage> images, ScaleSchedule schedule)
        : base(schedule)
    {
        ((_discriminator, _generator), _images) = (networks, images);
        _discriminator.train();
        _generator?.train();
        _discriminatorOptimizer = new Adam(_discriminator.named_parameters(), beta1: Beta1, beta2: Beta2);
        _generatorOptimizer = _generator is null ? null : new Adam(_generator.named_parameters(), beta1: Beta1, beta2: Beta2);
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
            if (Schedule.Recipe.IsRanking)
            {
                losses = StepRanking(rate, real, source.Draw(random), DrawStrength(random), DrawStrength(random));
                continue;
            }

            var fake = DrawFake(real, source, random);
            // Always on the CPU, so that a seed gives the same random numbers on every device.
            var epsilon = rand([1], generator: random).to(real.device);
            losses = StepDiscriminator(_discriminator, _discriminatorOptimizer, rate, real, fake, epsilon);
        }

        if (_generator is null)
            return new ScaleLosses(losses.Real, losses.Fake, losses.Penalty, Reconstruction: null);
        var reconstruction = 0.0;
        SetRequiresGrad(_discriminator, false);
        for (var step = 0; step < GeneratorSteps; step++)
        {
            using var stepScope = NewDisposeScope();
            reconstruction = StepGenerator(_generator, _generatorOptimizer!, rate, real, source.Draw(random));
        }

        SetRequiresGrad(_discriminator, true);
        return new ScaleLosses(losses.Real, losses.Fake, losses.Penalty, reconstruction);
    }

    /// <summary>Computes the discriminator's fake: clean + α (u − clean). "Clean" is x̃, or x without a generator; α is 0 without strengths.</summary>
    private Tensor DrawFake(Tensor real, DistortedSource source, Generator random)
    {
        using var _ = no_grad();
        var distorted = source.Draw(random);
        var clean = _generator?.call(distorted) ?? real;
        return Schedule.Recipe.HasStrengths ? clean.Add(distorted - clean, DrawStrength(random)) : clean;
    }

    /// <summary>Runs one step of the discriminator on max(0, s − (D(x) − D(x_s))) + max(0, s′ − s − (D(x_s) − D(x_s′))), where s is the smaller of two strengths.</summary>
    private (double Real, double Fake, double Penalty) StepRanking(double learningRate, Tensor real, Tensor distorted, double one, double other)
    {
        _discriminatorOptimizer.ZeroGrad();
        var (weak, strong) = (Math.Min(one, other), Math.Max(one, other));
        var (best, middle, worst) = (Score(0), Score(weak), Score(strong));
        var loss = (middle - best).Add(weak).ClampMin(0).Add((worst - middle).Add(strong - weak).ClampMin(0));
        loss.backward();
        _discriminatorOptimizer.LearningRate = learningRate;
        _discriminatorOptimizer.Step();
        return (-best.Number(), worst.Number(), loss.Number());

        Tensor Score(double strength) => _discriminator.call(real.Add(distorted - real, strength)).mean();
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
    private double StepGenerator(ScaleGenerator generator, Adam optimizer, double learningRate, Tensor real, Tensor distorted)
    {
        optimizer.ZeroGrad();
        var fake = generator.call(distorted);
        var reconstruction = (fake - real).Square().mean();
        var loss = reconstruction.Mul(Schedule.ReconstructionWeight) - _discriminator.call(fake).mean();
        loss.backward();
        optimizer.LearningRate = learningRate;
        optimizer.Step();
        return reconstruction.Number();
    }

    /// <inheritdoc/>
    public override (IReadOnlyDictionary<string, StoredTensor> Discriminator, IReadOnlyDictionary<string, StoredTensor> Generator) SaveOptimizers() =>
        (AdamState.Save(_discriminatorOptimizer), _generatorOptimizer is null ? new Dictionary<string, StoredTensor>() : AdamState.Save(_generatorOptimizer));

    /// <inheritdoc/>
    public override void LoadOptimizers(
        IReadOnlyDictionary<string, StoredTensor> discriminator, IReadOnlyDictionary<string, StoredTensor> generator, string where)
    {
        AdamState.Load(_discriminatorOptimizer, discriminator, where);
        if (_generatorOptimizer is not null)
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
        _generatorOptimizer?.Dispose();
    }

    private static void SetRequiresGrad(nn.Module module, bool value)
    {
        foreach (var parameter in module.parameters())
            parameter.requires_grad = value;
    }
}
