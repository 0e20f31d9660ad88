using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Training.Adversarial;

/// <summary>A photograph at one scale.</summary>
/// <param name="Real">x_k, shape <c>(1, 3, H, W)</c> in [−1, 1].</param>
/// <param name="Input">Where G_k's input comes from.</param>
internal sealed record ScaleImage(Tensor Real, GeneratorInput Input);

/// <summary>
/// Trains the discriminator and the generator of one scale against each other: the inner loop of phase 1.
/// </summary>
/// <remarks>
/// The training of SinGAN (ICCV 2019) with its constants, but for the generator's input and objective: the input is the upscaled
/// image of the scale below with the task's distortion, and there is one image, which is both critic's fake and reconstruction.
/// </remarks>
internal abstract class ScaleTrainer : IDisposable
{
    protected const int DiscriminatorSteps = 3;
    protected const int GeneratorSteps = 3;
    protected const double LearningRate = 5e-4;
    protected const double Beta1 = 0.5;
    protected const double Beta2 = 0.999;
    protected const double PenaltyWeight = 0.1;

    // SinGAN divides the rate by 10 after 1,600 of its 2,000 iterations.
    protected const int Milestone = 1600;
    protected const double FinalFactor = 0.1;

    /// <summary>The last iteration that has a learning rate of its own, counted from 0: all after it keep that rate.</summary>
    public int LastScheduled { get; init; } = int.MaxValue;

    /// <summary>The learning rate of an iteration.</summary>
    /// <param name="iteration">Counted from 0.</param>
    /// <param name="lastScheduled">See <see cref="LastScheduled"/>.</param>
    public static double LearningRateAt(int iteration, int lastScheduled) => Math.Min(iteration, lastScheduled) < Milestone ? LearningRate : LearningRate * FinalFactor;

    /// <summary>One iteration: three steps of the discriminator, then three of the generator.</summary>
    /// <param name="iteration">Counted from 0.</param>
    /// <param name="random">Draws all that is random in it.</param>
    public abstract ScaleLosses Step(int iteration, Generator random);

    /// <summary>What the optimizers remember, by parameter, as <see cref="AdamState"/> writes it.</summary>
    /// <returns>That of D's parameters, and that of G's.</returns>
    public abstract (IReadOnlyDictionary<string, StoredTensor> Discriminator, IReadOnlyDictionary<string, StoredTensor> Generator) SaveOptimizers();

    /// <summary>Goes on where another training was; the networks must have been given their weights before this was made.</summary>
    /// <param name="discriminator">What was remembered of D's parameters.</param>
    /// <param name="generator">What was remembered of G's.</param>
    /// <param name="where">Where they come from, for messages.</param>
    /// <exception cref="InputException">They do not fit.</exception>
    public abstract void LoadOptimizers(
        IReadOnlyDictionary<string, StoredTensor> discriminator, IReadOnlyDictionary<string, StoredTensor> generator, string where);

    /// <summary>Sees to it that the networks have the weights and running statistics that have been trained.</summary>
    public abstract void Store();

    /// <summary>Frees what the trainer has made; the networks stay.</summary>
    public abstract void Dispose();
}
