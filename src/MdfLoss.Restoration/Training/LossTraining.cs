using Mdf.Discriminators;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Training;

/// <summary>Phase 1 in one call: trains the discriminator stack of a task from one photograph or several.</summary>
/// <remarks><see cref="LossTrainer"/> does the same iteration by iteration.</remarks>
public static class LossTraining
{
    /// <summary>Trains a stack.</summary>
    /// <param name="photo">The photograph, shape <c>(1, 3, H, W)</c> in [0, 1], on the device to train on.</param>
    /// <param name="sourceSha256">The SHA-256 of its file, for the stack's metadata.</param>
    /// <param name="options">What is asked for.</param>
    /// <param name="progress">Told of every iteration.</param>
    /// <param name="cancellation">Ends the training between two iterations.</param>
    /// <returns>The trained stack, frozen, on the photograph's device.</returns>
    /// <exception cref="InputException">The photograph is not one in [0, 1], is too small, has fewer scales than asked for, or is all one colour.</exception>
    /// <exception cref="DivergedException">The training diverged.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static DiscriminatorStack Train(
        Tensor photo,
        string sourceSha256,
        LossTrainingOptions options,
        IProgressSink? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(photo);
        using var trainer = new LossTrainer([photo], options);
        Run(trainer, progress ?? IProgressSink.None, stepped: static _ => { }, finished: static _ => { }, cancellation);
        return trainer.Finish([sourceSha256]);
    }

    /// <summary>Makes all iterations that are left of a training: the one loop of phase 1.</summary>
    /// <param name="trainer">The training, at any iteration of any scale; finished afterwards.</param>
    /// <param name="progress">Told of every iteration.</param>
    /// <param name="stepped">Called after every iteration with its losses.</param>
    /// <param name="finished">Called after every scale with its number; the next one has begun then.</param>
    /// <param name="cancellation">Ends it between two iterations.</param>
    internal static void Run(LossTrainer trainer, IProgressSink progress, Action<ScaleLosses> stepped, Action<int> finished, CancellationToken cancellation)
    {
        while (!trainer.IsFinished)
        {
            var scale = trainer.Scale;
            var iterations = trainer.IterationsOf(scale);
            var later = Enumerable.Range(scale + 1, trainer.Scales - scale - 1).Sum(other => trainer.CostOf(other) * trainer.IterationsOf(other)) / trainer.CostOf(scale);
            var meter = new ProgressMeter(
                progress, $"scale {scale} ({scale + 1} of {trainer.Scales}, {trainer.Sizes[scale]})", iterations, trainer.Iteration, later: later);
            while (!trainer.IsScaleFinished)
            {
                cancellation.ThrowIfCancellationRequested();
                var losses = trainer.Step();
                meter.Report(trainer.Iteration,
                    new ProgressValue("D(real)", -losses.Real),
                    new ProgressValue("D(fake)", losses.Fake),
                    new ProgressValue("penalty", losses.Penalty),
                    new ProgressValue("mse", losses.Reconstruction));
                stepped(losses);
            }

            trainer.FinishScale();
            finished(scale);
        }
    }
}
