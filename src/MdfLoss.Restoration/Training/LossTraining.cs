using Mdf.Discriminators;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Training;

/// <summary>Trains the discriminator stack of a task from a photograph: phase 1 in one call.</summary>
/// <remarks><see cref="LossTrainer"/> does the same, iteration by iteration, with one or more photographs.</remarks>
public static class LossTraining
{
    /// <summary>Trains a stack.</summary>
    /// <param name="photo">The photograph, shape <c>(1, 3, H, W)</c> in [0, 1], on the device to train on.</param>
    /// <param name="sourceSha256">The SHA-256 of the photograph's file, for the stack's metadata.</param>
    /// <param name="options">The options of the training.</param>
    /// <param name="progress">Receives a report for every iteration.</param>
    /// <param name="cancellationToken">Cancels the training between two iterations.</param>
    /// <returns>The trained stack, frozen, on the photograph's device.</returns>
    /// <exception cref="ArgumentException">The tensor is not one photograph in float32, or is not in [0, 1].</exception>
    /// <exception cref="InputException">The photograph is too small, has fewer scales than requested, or has only one colour.</exception>
    /// <exception cref="DivergedException">The training diverged.</exception>
    /// <exception cref="OperationCanceledException">The training was cancelled.</exception>
    public static DiscriminatorStack Train(
        Tensor photo,
        string sourceSha256,
        LossTrainingOptions options,
        IProgress<ProgressUpdate>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(photo);
        ArgumentNullException.ThrowIfNull(sourceSha256);
        using var trainer = new LossTrainer([photo], options);
        Run(trainer, progress, stepped: static _ => { }, finished: static _ => { }, cancellationToken);
        return trainer.Finish([sourceSha256]);
    }

    /// <summary>Runs all remaining iterations of a training. This is the only loop of phase 1.</summary>
    /// <param name="trainer">The training, at any iteration of any scale. It is finished after this call.</param>
    /// <param name="progress">Receives a report for every iteration.</param>
    /// <param name="stepped">Called after every iteration, with its losses.</param>
    /// <param name="finished">Called after every scale, with its index. The next scale has already started.</param>
    /// <param name="cancellationToken">Cancels between two iterations.</param>
    internal static void Run(LossTrainer trainer, IProgress<ProgressUpdate>? progress, Action<ScaleLosses> stepped, Action<int> finished, CancellationToken cancellationToken)
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
                cancellationToken.ThrowIfCancellationRequested();
                var losses = trainer.Step();
                ProgressValue[] scores = [new("D(real)", -losses.Real), new("D(fake)", losses.Fake), new("penalty", losses.Penalty)];
                meter.Report(trainer.Iteration, losses.Reconstruction is { } error ? [.. scores, new ProgressValue("mse", error)] : scores);
                stepped(losses);
            }

            trainer.FinishScale();
            finished(scale);
        }
    }
}
