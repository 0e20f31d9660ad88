using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Runtime;
using Mdf.Training;

namespace Mdf.Experiments;

/// <summary>Finds and reads the images of an experiment: the training images, the validation images and their distorted versions.</summary>
internal static class ExperimentImages
{
    /// <summary>Finds the validation images. Does not read them.</summary>
    /// <param name="experiment">The experiment.</param>
    /// <param name="distortion">The distortion that the network undoes.</param>
    /// <exception cref="InputException">A folder is missing or has no image, an image has no counterpart, or the task needs distorted files that are not given; the message has the line.</exception>
    public static BenchmarkImages OfValidation(Experiment experiment, Distortion distortion)
    {
        var (sampling, seed) = (experiment.Training.Sampling, experiment.Training.Seed);
        return experiment switch
        {
            { ValidationFolder: { } folder, ValidationDistortedFolder: { } distorted } =>
                experiment.Resolve("data.validation_distorted", () => new BenchmarkImages(folder, distortion, distorted)),
            { ValidationFolder: { } folder } => experiment.Resolve("data.validation", () => new BenchmarkImages(folder, distortion, seed: seed)),
            { DistortedFolders: { } distorted } =>
                experiment.Resolve("data.distorted", () => new BenchmarkImages(TrainingImages.Pairs(experiment.TrainingFolders, distorted, sampling, areHeldOut: true), distortion)),
            _ => experiment.Resolve("data.train", () => new BenchmarkImages(TrainingImages.HeldOut(experiment.TrainingFolders, sampling), distortion, seed: seed, reduce: sampling.Reduce)),
        };
    }

    /// <summary>Reads the training images. If the distortion is a program, it also creates the distorted versions of the training and the validation images.</summary>
    /// <param name="experiment">The experiment.</param>
    /// <param name="distortion">The distortion that the network undoes.</param>
    /// <param name="validation">The validation images.</param>
    /// <param name="progress">Takes a report for every image.</param>
    /// <param name="cancellationToken">Stops the work between two images.</param>
    /// <returns>The images, and the artefact that the network undoes.</returns>
    /// <exception cref="InputException">An image cannot be used, or the distortion changes nothing; the message has the line.</exception>
    public static (TrainingImages Images, TaskArtefact Artefact) OfTraining(
        Experiment experiment, Distortion distortion, BenchmarkImages validation, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        var sampling = experiment.Training.Sampling;
        var images = experiment.DistortedFolders is { } distorted
            ? experiment.Resolve("data.distorted", () => TrainingImages.LoadPairs(experiment.TrainingFolders, distorted, distortion.Factor, sampling, progress, cancellationToken))
            : experiment.Resolve("data.train", () => TrainingImages.Load(experiment.TrainingFolders, sampling, progress, cancellationToken));
        var artefact = experiment.Resolve(experiment.DistortedFolders is null ? "task" : "data.distorted", () => TaskArtefact.OfNetwork(images, distortion, experiment.Training.Seed));
        if (distortion is not CachedDistortion)
            return (images, artefact);
        images = experiment.Resolve("task", () => images.Distort(distortion, progress, cancellationToken));
        Keep(validation, progress, cancellationToken);
        return (images, artefact);
    }

    /// <summary>Lets a program create all validation images before the training, so that a failing program does not stop the training.</summary>
    private static void Keep(BenchmarkImages validation, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        var meter = new ProgressMeter(progress, "distorting for validation", validation.Count);
        for (var i = 0; i < validation.Count; i++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = TorchSharp.torch.NewDisposeScope();
            validation.Read(i, cancellationToken);
            meter.Report(i + 1);
        }
    }
}
