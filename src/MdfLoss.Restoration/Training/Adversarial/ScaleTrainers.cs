using Mdf.Discriminators;
using Mdf.Kernels;

namespace Mdf.Training.Adversarial;

/// <summary>Chooses what trains a scale: our kernels, or libtorch's tensors.</summary>
internal static class ScaleTrainers
{
    /// <summary>Starts the training of a scale, with the kernels where they can be used. The caller keeps ownership of all arguments.</summary>
    /// <param name="discriminator">D_k, trained in place.</param>
    /// <param name="generator">G_k, trained in place.</param>
    /// <param name="images">The photographs: one iteration is made with each in turn.</param>
    /// <param name="reconstructionWeight">The reconstruction's weight in the generator's loss.</param>
    /// <param name="engine">What to compute with.</param>
    /// <param name="scheduled">How many iterations the schedule of the learning rate has.</param>
    public static ScaleTrainer Create(
        Discriminator discriminator,
        ScaleGenerator generator,
        IReadOnlyList<ScaleImage> images,
        double reconstructionWeight,
        TrainingEngine engine,
        int scheduled = int.MaxValue) =>
        engine.Resolve(images[0].Real.device, discriminator.Width) switch
        {
            TrainingEngine.SixteenLanes => new VectorizedScaleTrainer<Lanes16>(discriminator, generator, images, reconstructionWeight) { LastScheduled = scheduled - 1 },
            TrainingEngine.EightLanes => new VectorizedScaleTrainer<Lanes8>(discriminator, generator, images, reconstructionWeight) { LastScheduled = scheduled - 1 },
            _ => new TensorScaleTrainer(discriminator, generator, images, reconstructionWeight) { LastScheduled = scheduled - 1 },
        };
}
