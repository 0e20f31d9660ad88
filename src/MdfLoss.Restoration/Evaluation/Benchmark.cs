using System.Diagnostics;
using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>The result of one model on one image.</summary>
/// <param name="Model">The model's name.</param>
/// <param name="Image">The image's name.</param>
/// <param name="Scores">The values of the measures.</param>
/// <param name="Losses">The value of each loss for the restored image, neither clamped nor rounded.</param>
/// <param name="Seconds">The time of the restoration in seconds, without reading and scoring.</param>
public sealed record BenchmarkResult(string Model, string Image, BenchmarkScores Scores, IReadOnlyList<double> Losses, double Seconds);

/// <summary>
/// Restores the images of a benchmark with one model after another, and measures the results. Only one image at a time is in memory. It is restored in tiles and
/// measured in strips.
/// </summary>
public static class Benchmark
{
    /// <summary>Runs models on images.</summary>
    /// <param name="models">The restorers, for the task of the images.</param>
    /// <param name="images">The images.</param>
    /// <param name="measures">The measures, on <paramref name="device"/>. They follow the rules of the benchmark (<see cref="BenchmarkImages.Protocol"/>).</param>
    /// <param name="losses">The losses to compute in addition, on <paramref name="device"/>, as in training: of the whole images, neither clamped nor rounded.</param>
    /// <param name="device">The device to compute on.</param>
    /// <param name="restored">Takes every restored image: the model, the image's name, and the tensor <c>(1, 3, H, W)</c> in [0, 1], which it must not keep.</param>
    /// <param name="progress">Takes a report for every image.</param>
    /// <param name="cancellationToken">Stops the work between two tiles or strips of an image, or while an image is read.</param>
    /// <returns>One result for each model and image: first all images of the first model, then all images of the next.</returns>
    /// <exception cref="InputException">A file is not an image, a pair does not belong together, a restorer fails, or an image is too small for a loss.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static IReadOnlyList<BenchmarkResult> Run(
        IReadOnlyList<IRestorer> models,
        BenchmarkImages images,
        MeasureSet measures,
        IReadOnlyList<ReconstructionLoss> losses,
        Device device,
        Action<IRestorer, string, Tensor>? restored = null,
        IProgress<ProgressUpdate>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(models);
        ArgumentNullException.ThrowIfNull(images);
        ArgumentNullException.ThrowIfNull(measures);
        ArgumentNullException.ThrowIfNull(losses);
        ArgumentNullException.ThrowIfNull(device);
        var meter = new ProgressMeter(progress, "evaluating", models.Count * images.Count);
        var results = new BenchmarkResult[models.Count, images.Count];
        for (var image = 0; image < images.Count; image++)
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            var (reference, distorted) = images.Read(image, cancellationToken);
            (reference, distorted) = (reference.to(device), distorted.to(device));
            for (var model = 0; model < models.Count; model++)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using var step = NewDisposeScope();
                var started = Stopwatch.GetTimestamp();
                var found = Restorers.Restore(models[model], distorted, new RestorationRequest { Image = images.NameOf(image), CancellationToken = cancellationToken });
                var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
                FreedMemory.Return();
                results[model, image] = new BenchmarkResult(
                    models[model].Name, images.NameOf(image),
                    measures.Score(found, reference, images.Border, cancellationToken),
                    [.. losses.Select(loss => loss.Measure(found, reference, cancellationToken))],
                    seconds);
                restored?.Invoke(models[model], images.NameOf(image), found.Clamp(0, 1));
                meter.Report((long)image * models.Count + model + 1);
            }
        }

        return [.. results.Cast<BenchmarkResult>()];
    }

    /// <summary>Computes the mean over images. If an image is too small for a measure, the mean of this measure does not include it.</summary>
    /// <param name="results">The results of one model; at least one.</param>
    public static BenchmarkResult Mean(IReadOnlyList<BenchmarkResult> results)
    {
        ArgumentNullException.ThrowIfNull(results);
        ArgumentOutOfRangeException.ThrowIfZero(results.Count);
        return new BenchmarkResult(
            results[0].Model, "mean",
            BenchmarkScores.Mean([.. results.Select(result => result.Scores)]),
            [.. results[0].Losses.Select((_, i) => results.Average(result => result.Losses[i]))],
            results.Average(result => result.Seconds));
    }
}
