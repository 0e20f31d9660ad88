using Mdf.Kernels;

namespace Mdf.Training.Adversarial;

/// <summary>Chooses what trains a scale: our kernels, or libtorch's tensors.</summary>
internal static class ScaleTrainers
{
    /// <summary>Starts the training of a scale, with our kernels if the device supports them. The caller keeps ownership of all arguments.</summary>
    /// <param name="networks">D_k and G_k, trained in place.</param>
    /// <param name="images">The photographs. The iterations use them in turn, one per iteration.</param>
    /// <param name="schedule">The constants of the training.</param>
    /// <param name="engine">The engine that computes the training.</param>
    public static ScaleTrainer Create(ScaleNetworks networks, IReadOnlyList<ScaleImage> images, ScaleSchedule schedule, TrainingEngine engine) =>
        (schedule.Recipe.IsRanking ? TrainingEngine.Tensors : engine.Resolve(images[0].Real.device, networks.Discriminator.Width)) switch
        {
            TrainingEngine.SixteenLanes => new VectorizedScaleTrainer<Lanes16>(networks, images, schedule),
            TrainingEngine.EightLanes => new VectorizedScaleTrainer<Lanes8>(networks, images, schedule),
            _ => new TensorScaleTrainer(networks, images, schedule),
        };
}
