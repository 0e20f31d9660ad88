using Mdf.Discriminators;
using Mdf.Kernels;

namespace Mdf.Training.Adversarial;

/// <summary>Chooses what trains a scale: our kernels, or libtorch's tensors.</summary>
internal static class ScaleTrainers
{
    /// <summary>Starts the training of a scale, with our kernels if the device supports them. The caller keeps ownership of all arguments.</summary>
    /// <param name="discriminator">D_k, trained in place.</param>
    /// <param name="generator">G_k, trained in place; null for a recipe without generators, whose discriminators only learn their statistics.</param>
    /// <param name="images">The photographs. The iterations use them in turn, one per iteration.</param>
    /// <param name="schedule">The constants of the training.</param>
    /// <param name="engine">The engine that computes the training.</param>
    public static ScaleTrainer Create(Discriminator discriminator, ScaleGenerator? generator, IReadOnlyList<ScaleImage> images, ScaleSchedule schedule, TrainingEngine engine) =>
        generator is null ? new StatisticsScaleTrainer(discriminator, images, schedule) : engine.Resolve(images[0].Real.device, discriminator.Width) switch
        {
            TrainingEngine.SixteenLanes => new VectorizedScaleTrainer<Lanes16>(discriminator, generator, images, schedule),
            TrainingEngine.EightLanes => new VectorizedScaleTrainer<Lanes8>(discriminator, generator, images, schedule),
            _ => new TensorScaleTrainer(discriminator, generator, images, schedule),
        };
}
