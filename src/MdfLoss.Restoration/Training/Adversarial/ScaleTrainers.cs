using Mdf.Discriminators;
using Mdf.Kernels;

namespace Mdf.Training.Adversarial;

/// <summary>Chooses what trains a scale: our kernels, or libtorch's tensors.</summary>
internal static class ScaleTrainers
{
    /// <summary>Starts the training of a scale, with our kernels if the device supports them. The caller keeps ownership of all arguments.</summary>
    /// <param name="discriminator">D_k, trained in place.</param>
    /// <param name="generator">G_k, trained in place.</param>
    /// <param name="images">The photographs. The iterations use them in turn, one per iteration.</param>
    /// <param name="reconstructionWeight">The weight of the reconstruction error in the generator's loss.</param>
    /// <param name="engine">The engine that computes the training.</param>
    /// <param name="scheduled">The number of iterations of the learning-rate schedule.</param>
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
