using System.Reflection;
using Mdf.Discriminators;
using Mdf.Imaging;
using Mdf.Runtime;
using Mdf.Training.Adversarial;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Training;

/// <summary>
/// Phase 1: trains the discriminator stack of a task from one photograph, scale by scale, coarse to fine.
/// </summary>
/// <remarks>
/// Built on SinGAN (Rott Shaham, Dekel and Michaeli, ICCV 2019) as the first figure of "Training a Task-Specific Image
/// Reconstruction Loss" (WACV 2022) changes it; <c>docs/numerics.md</c> says which line is whose.
/// </remarks>
public static class LossTraining
{
    /// <summary>The version of this library, as a stack file records it.</summary>
    internal static string ProgramVersion { get; } =
        typeof(LossTraining).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    /// <summary>Checks that a photograph can be trained on, and plans its scales.</summary>
    /// <param name="photo">The photograph's size.</param>
    /// <param name="options">What is asked for.</param>
    /// <returns>The plan of the whole pyramid, and how many of its scales are to be trained.</returns>
    /// <exception cref="InputException">The photograph is too small, or has fewer scales than asked for.</exception>
    public static (PyramidPlan Plan, int Scales) Plan(ImageSize photo, LossTrainingOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        var plan = PyramidPlan.For(photo, options.MaxSize);
        var scales = options.Scales ?? Math.Min(plan.Count, Losses.MdfLoss.DefaultNumScales);
        return scales <= plan.Count
            ? (plan, scales)
            : throw new InputException($"expected at most {plan.Count} scales for a photograph of {photo} (longer side at most {options.MaxSize}), "
                + $"found {scales}: ask for fewer, or use a larger photograph");
    }

    /// <summary>Trains a stack.</summary>
    /// <param name="photo">The photograph, shape <c>(1, 3, H, W)</c> in [0, 1], on the device to train on.</param>
    /// <param name="sourceSha256">The SHA-256 of its file, for the stack's metadata.</param>
    /// <param name="options">What is asked for.</param>
    /// <param name="progress">Told of every iteration.</param>
    /// <param name="cancellation">Ends the training between two iterations.</param>
    /// <returns>The trained stack, frozen, on the photograph's device.</returns>
    /// <exception cref="InputException">The photograph is not one in [0, 1], is too small, or has fewer scales than asked for.</exception>
    /// <exception cref="InvalidOperationException">The training diverged.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static DiscriminatorStack Train(
        Tensor photo,
        string sourceSha256,
        LossTrainingOptions options,
        IProgressSink? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(photo);
        ArgumentNullException.ThrowIfNull(options);
        RequirePhoto(photo);
        var (plan, scales) = Plan(new ImageSize((int)photo.shape[2], (int)photo.shape[3]), options);
        var metadata = new StackMetadata
        {
            Task = options.Distortion.Task,
            InputRange = InputRange.Symmetric,
            ScaleFactor = plan.Factor,
            Sizes = [.. plan.Sizes.Take(scales)],
            MaxSize = options.MaxSize,
            Iterations = options.Iterations,
            Seed = options.Seed,
            Threads = get_num_threads(),
            SourceSha256 = sourceSha256,
            ProgramVersion = ProgramVersion,
        };

        using var random = new Generator((ulong)options.Seed);
        var discriminators = new List<Discriminator>();
        ScaleGenerator? generator = null;
        try
        {
            using var scope = NewDisposeScope();
            using var _ = enable_grad();
            var finest = InputRange.Symmetric.FromUnit(Resize(photo, plan.Sizes[^1]));
            var restored = Resize(finest, plan.Start);
            for (var k = 0; k < scales; k++)
            {
                var width = PyramidPlan.WidthOf(k);
                discriminators.Add(Next(discriminators.LastOrDefault(), new Discriminator(width), random, photo.device));
                var previous = generator;
                generator = Next(previous, new ScaleGenerator(width), random, photo.device);
                previous?.Dispose();

                using var input = new GeneratorInput(Resize(restored, plan.Sizes[k]), options.Distortion, random);
                TrainScale(discriminators[k], generator, Resize(finest, plan.Sizes[k]), input, random, options.Iterations, options.Engine,
                    new ProgressMeter(progress ?? IProgressSink.None, $"scale {k} ({k + 1} of {scales}, {plan.Sizes[k]})", options.Iterations),
                    cancellation);
                using (no_grad())
                    restored = generator.call(input.Draw());
            }

            return new DiscriminatorStack(discriminators, InputRange.Symmetric, metadata);
        }
        catch
        {
            discriminators.ForEach(discriminator => discriminator.Dispose());
            throw;
        }
        finally
        {
            generator?.Dispose();
        }
    }

    private static void RequirePhoto(Tensor photo)
    {
        if (photo.shape is not [1, 3, _, _] || photo.dtype != ScalarType.Float32)
            throw new InputException($"expected one photograph of shape (1, 3, H, W) in float32, found {photo.dtype} ({string.Join(", ", photo.shape)})");
        using var scope = NewDisposeScope();
        var (low, high) = (photo.min().item<float>(), photo.max().item<float>());
        if (!(low >= 0 && high <= 1))
            throw new InputException($"expected a photograph in [0, 1], found values from {low} to {high}: divide it by its maximum");
    }

    private static void TrainScale(
        Discriminator discriminator,
        ScaleGenerator generator,
        Tensor real,
        GeneratorInput input,
        Generator random,
        int iterations,
        TrainingEngine engine,
        ProgressMeter progress,
        CancellationToken cancellation)
    {
        using var trainer = ScaleTrainer.Create(discriminator, generator, real, input, random, iterations, engine);
        for (var iteration = 0; iteration < iterations; iteration++)
        {
            cancellation.ThrowIfCancellationRequested();
            var losses = trainer.Step(iteration);
            if (!double.IsFinite(losses.Real + losses.Fake + losses.Penalty + losses.Reconstruction))
                throw new InvalidOperationException($"the training diverged at iteration {iteration} of a scale of {real.shape[3]}×{real.shape[2]} pixels: try another seed");
            progress.Report(iteration + 1,
                new ProgressValue("D(real)", -losses.Real),
                new ProgressValue("D(fake)", losses.Fake),
                new ProgressValue("penalty", losses.Penalty),
                new ProgressValue("mse", losses.Reconstruction));
        }

        trainer.Store();
        discriminator.Freeze();
        generator.Freeze();
    }

    /// <summary>A scale starts from the one before where the width is the same, otherwise from fresh weights.</summary>
    private static T Next<T>(T? previous, T fresh, Generator random, Device device)
        where T : ScaleNetwork
    {
        try
        {
            if (previous?.Width == fresh.Width)
                fresh.CopyFrom(previous);
            else
                fresh.Initialize(random);
            fresh.to(device);
            return fresh;
        }
        catch
        {
            fresh.Dispose();
            throw;
        }
    }

    private static Tensor Resize(Tensor image, ImageSize size) => Resampler.Bicubic(image, size.Height, size.Width);
}
