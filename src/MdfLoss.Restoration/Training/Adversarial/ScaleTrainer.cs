using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Training.Adversarial;

/// <summary>A photograph at one scale.</summary>
/// <param name="Real">x_k, shape <c>(1, 3, H, W)</c> in [−1, 1].</param>
/// <param name="Source">The source of u_k, the distorted image.</param>
internal sealed record ScaleImage(Tensor Real, DistortedSource Source);

/// <summary>The constants of a scale's training.</summary>
internal sealed record ScaleSchedule
{
    /// <summary>The weight of the reconstruction error in the generator's loss.</summary>
    public double ReconstructionWeight { get; init; } = LossTrainingOptions.DefaultReconstructionWeight;

    /// <summary>The number of iterations of the learning-rate schedule. All later iterations keep its last learning rate.</summary>
    public int Iterations { get; init; } = int.MaxValue;
}

/// <summary>
/// Trains the discriminator and the generator of one scale against each other: the inner loop of phase 1.
/// </summary>
/// <remarks>
/// The training is the training of SinGAN (ICCV 2019) with its constants, except for the generator's input and objective. The input is the upscaled
/// image of the scale below with the task's distortion. There is only one generated image; it is both the discriminator's fake and the reconstruction.
/// </remarks>
internal abstract class ScaleTrainer : IDisposable
{
    protected const int DiscriminatorSteps = 3;
    protected const int GeneratorSteps = 3;
    protected const double LearningRate = 5e-4;
    protected const double Beta1 = 0.5;
    protected const double Beta2 = 0.999;
    protected const double PenaltyWeight = 0.1;

    // SinGAN divides the learning rate by 10 after 1,600 of its 2,000 iterations.
    protected const int Milestone = 1600;
    protected const double FinalFactor = 0.1;

    /// <summary>Creates the trainer.</summary>
    /// <param name="schedule">The constants of the training.</param>
    protected ScaleTrainer(ScaleSchedule schedule) => Schedule = schedule;

    /// <summary>The constants of the training.</summary>
    protected ScaleSchedule Schedule { get; }

    /// <summary>Returns the learning rate of an iteration of this training.</summary>
    protected double RateAt(int iteration) => LearningRateAt(iteration, Schedule.Iterations);

    /// <summary>Computes the learning rate of an iteration.</summary>
    /// <param name="iteration">The iteration, counted from 0.</param>
    /// <param name="scheduled">See <see cref="ScaleSchedule.Iterations"/>.</param>
    public static double LearningRateAt(int iteration, int scheduled) => Math.Min(iteration, scheduled - 1) < Milestone ? LearningRate : LearningRate * FinalFactor;

    /// <summary>Runs one iteration: three steps of the discriminator, then three steps of the generator; without a generator, three updates of the running statistics.</summary>
    /// <param name="iteration">The iteration, counted from 0.</param>
    /// <param name="random">The source of all random numbers of the iteration.</param>
    public abstract ScaleLosses Step(int iteration, Generator random);

    /// <summary>Returns the state of the optimizers, by parameter, in the form of <see cref="AdamState"/>.</summary>
    /// <returns>The state for the parameters of D, and the state for the parameters of G; both are empty without an optimizer.</returns>
    public abstract (IReadOnlyDictionary<string, StoredTensor> Discriminator, IReadOnlyDictionary<string, StoredTensor> Generator) SaveOptimizers();

    /// <summary>Resumes a training. The networks must have received their weights before this trainer was created.</summary>
    /// <param name="discriminator">The saved state for the parameters of D.</param>
    /// <param name="generator">The saved state for the parameters of G.</param>
    /// <param name="where">The source of the state, for messages.</param>
    /// <exception cref="InputException">The state does not match the networks.</exception>
    public abstract void LoadOptimizers(
        IReadOnlyDictionary<string, StoredTensor> discriminator, IReadOnlyDictionary<string, StoredTensor> generator, string where);

    /// <summary>Stores the trained weights and running statistics in the networks.</summary>
    public abstract void Store();

    /// <summary>Frees the memory of the trainer. The networks stay valid.</summary>
    public abstract void Dispose();
}
