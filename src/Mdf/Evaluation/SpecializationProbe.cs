using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Kernels;
using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>What the losses of a probe make of one distortion.</summary>
/// <param name="Name">The distortion.</param>
/// <param name="IsOwn">For each loss, whether its stack was trained to undo this.</param>
/// <param name="Specialization">For each loss, S: its value for this distortion over the geometric mean of its values for all.</param>
/// <param name="Values">For each loss, its geometric mean over the pictures.</param>
public sealed record ProbedDistortion(string Name, IReadOnlyList<bool> IsOwn, IReadOnlyList<double> Specialization, IReadOnlyList<double> Values);

/// <summary>
/// Shows what a loss is specialized in: distortions of equal MSE, of which each loss finds some worse than others. The paper's claim is that a loss trained
/// for a task finds that task's artefacts worst.
/// </summary>
/// <remarks>
/// In every picture each distortion's error is scaled to the MSE of JPEG at quality 10: d ↦ x + α (d(x) − x). With L the loss and means over the pictures
/// geometric, S(loss, d) = L(d) / geometric mean over all d′ of L(d′). S compares losses of different scale, and 1 is neither worse nor better than usual.
/// </remarks>
public static class SpecializationProbe
{
    private const int ReferenceQuality = 10;
    private const double Blur = 1.5;
    private const double Brightness = 0.1;
    private const int Factor = 4;

    // The side of a picture is at most this: what a stack has seen, and quick.
    private const int LargestSide = 256;

    /// <summary>Probes losses.</summary>
    /// <param name="losses">Losses of discriminator stacks; a stack of which nothing is known has no distortion of its own.</param>
    /// <param name="pictures">Clean pictures, each of shape <c>(1, 3, H, W)</c> in [0, 1]; larger ones are scaled down to 256 pixels.</param>
    /// <param name="seed">The seed of the noise.</param>
    /// <param name="progress">Told of every picture.</param>
    /// <param name="cancellation">Ends it between two pictures.</param>
    /// <returns>The distortions, those of the stacks' own tasks among them.</returns>
    /// <exception cref="InputException">A picture is all one colour, or too small for a loss.</exception>
    public static IReadOnlyList<ProbedDistortion> Run(
        IReadOnlyList<MdfLoss> losses, IReadOnlyList<Tensor> pictures, long seed, IProgressSink? progress = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(losses);
        ArgumentNullException.ThrowIfNull(pictures);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var tasks = losses.Select(OwnTask).ToArray();
        var distortions = Distortions(tasks);
        var logs = new double[distortions.Count, losses.Count];
        var meter = new ProgressMeter(progress ?? IProgressSink.None, "probing", pictures.Count);
        for (var p = 0; p < pictures.Count; p++)
        {
            cancellation.ThrowIfCancellationRequested();
            using var ofPicture = NewDisposeScope();
            using var random = new Generator(Seeds.Of(seed, p));
            var picture = Prepare(pictures[p]);
            var error = MeanSquare(new JpegDistortion(ReferenceQuality).Apply(picture) - picture);
            for (var d = 0; d < distortions.Count; d++)
            {
                var difference = distortions[d].Distort(picture, random) - picture;
                var found = MeanSquare(difference);
                if (!(found > 0 && error > 0))
                    throw new InputException($"cannot probe with picture {p + 1}: {distortions[d].Name} leaves it as it is; use a picture with detail");
                var distorted = picture.Add(difference.Mul(Math.Sqrt(error / found)));
                for (var l = 0; l < losses.Count; l++)
                    logs[d, l] += Math.Log(losses[l].call(distorted, picture).item<float>()) / pictures.Count;
            }

            meter.Report(p + 1);
        }

        return [.. distortions.Select((distortion, d) => new ProbedDistortion(
            distortion.Name,
            [.. tasks.Select(task => task is not null && distortion.Tasks.Contains(task.Task))],
            [.. losses.Select((_, l) => Math.Exp(logs[d, l] - Enumerable.Range(0, distortions.Count).Average(other => logs[other, l])))],
            [.. losses.Select((_, l) => Math.Exp(logs[d, l]))]))];
    }

    /// <summary>What a loss's stack was trained to undo; null where that is not known, or would start a program.</summary>
    private static Distortion? OwnTask(MdfLoss loss)
    {
        if (loss.Stack.Metadata?.Task is not { } task)
            return null;
        try
        {
            return Distortion.ParseForLoss(task);
        }
        catch (InputException)
        {
            return null; // a program, or a distortion of the user's own
        }
    }

    /// <summary>The usual distortions, and those of the stacks' tasks that are not among them.</summary>
    private static List<Probe> Distortions(IEnumerable<Distortion?> tasks)
    {
        var probes = new List<Probe>
        {
            new("JPEG 10", ["jpeg:10"], (x, _) => new JpegDistortion(ReferenceQuality).Apply(x)),
            new("noise", [], (x, random) => x.Add(randn(x.shape, generator: random).to(x.device))),
            new("down and up by 4", ["sisr"], (x, _) =>
                Resampler.Bicubic(Resampler.Bicubic(x, (x.shape[2] + Factor - 1) / Factor, (x.shape[3] + Factor - 1) / Factor), x.shape[2], x.shape[3])),
            new("blur", [], (x, _) => GaussianBlur.Of(x, Blur)),
            new("brightness", [], (x, _) => x.Add(Brightness)),
            new("shift by a pixel", [], (x, _) => cat([x.narrow(3, 0, 1), x.narrow(3, 0, x.shape[3] - 1)], 3)),
        };
        foreach (var task in tasks.OfType<Distortion>())
        {
            // Noise scaled to an MSE is the same at any strength, and so is not probed twice.
            if (task is GaussianNoise)
                probes[1].Tasks.Add(task.Task);
            else if (!probes.Any(probe => probe.Tasks.Contains(task.Task)))
                probes.Add(new Probe(task.Task, [task.Task], (x, random) => task.Apply(x, random)));
        }

        return probes;
    }

    private static Tensor Prepare(Tensor picture)
    {
        var (height, width) = (picture.shape[2], picture.shape[3]);
        var factor = Math.Min(1, LargestSide / (double)Math.Max(height, width));
        return factor < 1 ? Resampler.Bicubic(picture, (long)Math.Round(height * factor), (long)Math.Round(width * factor)).Clamp(0, 1) : picture;
    }

    private static double MeanSquare(Tensor difference) => difference.to(float64).Square().mean().item<double>();

    private sealed record Probe(string Name, List<string> Tasks, Func<Tensor, Generator, Tensor> Distort);
}
