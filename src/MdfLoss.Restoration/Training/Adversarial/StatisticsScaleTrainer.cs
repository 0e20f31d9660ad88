using Mdf.Discriminators;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Training.Adversarial;

/// <summary>
/// Learns only the running statistics of a discriminator, from x and u in turn, with six updates in an iteration (a training has twelve). The weights stay
/// random. It is the control of every trained stack: a stack of random weights whose features have the scale of a trained one's.
/// </summary>
/// <param name="discriminator">D_k. The caller keeps ownership.</param>
/// <param name="images">The photographs. The iterations use them in turn, one per iteration.</param>
/// <param name="schedule">The constants of the training.</param>
internal sealed class StatisticsScaleTrainer(Discriminator discriminator, IReadOnlyList<ScaleImage> images, ScaleSchedule schedule) : ScaleTrainer(schedule)
{
    private static readonly IReadOnlyDictionary<string, StoredTensor> s_nothing = new Dictionary<string, StoredTensor>();

    /// <inheritdoc/>
    public override ScaleLosses Step(int iteration, Generator random)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        discriminator.train();
        var (real, source) = images[iteration % images.Count];
        var (ofReal, ofDistorted) = (0.0, 0.0);
        for (var step = 0; step < DiscriminatorSteps; step++)
        {
            using var stepScope = NewDisposeScope();
            ofReal = discriminator.call(real).mean().Number();
            ofDistorted = discriminator.call(source.Draw(random)).mean().Number();
        }

        return new ScaleLosses(-ofReal, ofDistorted, Penalty: 0, Reconstruction: null);
    }

    /// <inheritdoc/>
    public override (IReadOnlyDictionary<string, StoredTensor> Discriminator, IReadOnlyDictionary<string, StoredTensor> Generator) SaveOptimizers() => (s_nothing, s_nothing);

    /// <inheritdoc/>
    public override void LoadOptimizers(
        IReadOnlyDictionary<string, StoredTensor> discriminator, IReadOnlyDictionary<string, StoredTensor> generator, string where)
    {
        // There are no optimizers.
    }

    /// <inheritdoc/>
    public override void Store()
    {
        // Nothing to store: the network itself learns its statistics.
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        // It owns nothing.
    }
}
