using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>What the losses of a probe make of one distortion.</summary>
/// <param name="Name">The distortion.</param>
/// <param name="IsOwn">For each loss, whether its stack was trained to undo this.</param>
/// <param name="Specialization">For each loss, S: its value for this distortion over the geometric mean of its values for all that are no controls.</param>
/// <param name="Values">For each loss, its geometric mean over the pictures.</param>
/// <param name="IsControl">Whether it is an error that no restoration leaves, which tells what S comes from and does not count in the mean.</param>
internal sealed record ProbedDistortion(
    string Name, IReadOnlyList<bool> IsOwn, IReadOnlyList<double> Specialization, IReadOnlyList<double> Values, bool IsControl = false);

/// <summary>
/// Shows what a loss is specialized in: distortions of equal MSE, of which each loss finds some worse than others. The paper's claim is that a loss trained
/// for a task finds that task's artefacts worst.
/// </summary>
/// <remarks>
/// <para>In every picture each distortion's error is scaled to the MSE of JPEG at quality 10: d ↦ x + α (d(x) − x). With L the loss and means over the pictures
/// geometric, S(loss, d) = L(d) / geometric mean of L(d′) over all d′ but controls. S compares losses of different scale, and 1 is neither worse nor better than usual.</para>
/// <para>Controls tell what S comes from. A distortion's error with random phases has the same spectrum and colours, and neither its structure nor its place in
/// the picture: where S is the same, spectrum and colours account for it. Noise in grey or colours alone, and of one octave, shows which of these a loss minds.</para>
/// </remarks>
internal static class SpecializationProbe
{
    private const int ReferenceQuality = 10;
    private const double Blur = 1.5;
    private const double Brightness = 0.1;
    private const int Factor = 4;

    // A picture of this side has no wave of less than 1/32 of a cycle per pixel.
    private const int LargestWithoutLowestOctave = 32;

    // In cycles per pixel; beyond 1/2 is what only a diagonal can hold.
    private static readonly (string Name, double Low, double High)[] s_octaves =
    [
        ("below 1/32", 0, 1 / 32.0), ("from 1/32", 1 / 32.0, 1 / 16.0), ("from 1/16", 1 / 16.0, 1 / 8.0), ("from 1/8", 1 / 8.0, 1 / 4.0), ("above 1/4", 1 / 4.0, 1),
    ];

    // A program's command may be of any length.
    private const int LongestName = 40;

    // The side of a picture is at most this: what a stack has seen, and quick.
    private const int LargestSide = 256;

    /// <summary>Probes losses.</summary>
    /// <param name="losses">Losses of discriminator stacks; a stack of which nothing is known has no distortion of its own.</param>
    /// <param name="pictures">Clean pictures, each of shape <c>(1, 3, H, W)</c> in [0, 1]; larger ones are scaled down to 256 pixels.</param>
    /// <param name="seed">The seed of the noise.</param>
    /// <param name="withControls">Whether to probe with errors without structure, too.</param>
    /// <param name="own">Distortions to probe with besides the usual ones, also programs.</param>
    /// <param name="progress">Told of every picture.</param>
    /// <param name="cancellationToken">Ends it between two pictures.</param>
    /// <returns>The distortions, those of the stacks' own tasks among them; after them the controls.</returns>
    /// <exception cref="InputException">A picture is all one colour, or too small for a loss or for controls, or a distortion of <paramref name="own"/> damages nothing.</exception>
    public static IReadOnlyList<ProbedDistortion> Run(
        IReadOnlyList<MdfLoss> losses, IReadOnlyList<Tensor> pictures, long seed, bool withControls = false, IReadOnlyList<Distortion>? own = null, IProgress<ProgressUpdate>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(losses);
        ArgumentNullException.ThrowIfNull(pictures);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        foreach (var distortion in own ?? [])
        {
            using var ofTrial = NewDisposeScope();
            DistortionTrial.Run(distortion, pictures.Select(Prepare), seed);
        }

        var tasks = losses.Select(OwnTask).ToArray();
        var distortions = Distortions([.. tasks.OfType<Distortion>(), .. own ?? []]);
        Probe[] probes = withControls ? [.. distortions, .. Controls(distortions)] : [.. distortions];
        var logs = new double[probes.Length, losses.Count];
        var meter = new ProgressMeter(progress, "probing", pictures.Count);
        for (var p = 0; p < pictures.Count; p++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var ofPicture = NewDisposeScope();
            using var random = new Generator(Seeds.Derive(seed, p));
            var picture = Prepare(pictures[p]);
            var wanted = MeanSquare(new JpegDistortion(ReferenceQuality).ApplyToPicture(picture) - picture);
            if (withControls && Math.Max(picture.shape[2], picture.shape[3]) <= LargestWithoutLowestOctave)
                throw new InputException($"cannot probe with picture {p + 1} and controls: expected more than {LargestWithoutLowestOctave} pixels at its longer side, found {picture.shape[3]}×{picture.shape[2]}; leave the controls out, or use a larger one");
            for (var d = 0; d < probes.Length; d++)
            {
                using var ofProbe = NewDisposeScope();
                var error = probes[d].Error(picture, random);
                var found = MeanSquare(error);
                if (!(found > 0 && wanted > 0))
                    throw new InputException($"cannot probe with picture {p + 1}: {probes[d].Name} leaves it as it is; use a picture with detail");
                var distorted = picture.Add(error.Mul(Math.Sqrt(wanted / found)));
                for (var l = 0; l < losses.Count; l++)
                    logs[d, l] += Math.Log(losses[l].call(distorted, picture).item<float>()) / pictures.Count;
            }

            meter.Report(p + 1);
        }

        return [.. probes.Select((probe, d) => new ProbedDistortion(
            probe.Name,
            [.. losses.Select((loss, l) => (tasks[l]?.Task ?? loss.Stack.Metadata?.Task) is { } task && probe.Tasks.Contains(task))],
            [.. losses.Select((_, l) => Math.Exp(logs[d, l] - Enumerable.Range(0, distortions.Count).Average(other => logs[other, l])))],
            [.. losses.Select((_, l) => Math.Exp(logs[d, l]))],
            IsControl: d >= distortions.Count))];
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

    /// <summary>A distortion's task, short enough for a table.</summary>
    private static string NameOf(Distortion distortion) => distortion.Task.Length <= LongestName ? distortion.Task : distortion.Task[..LongestName] + "…";

    /// <summary>The usual distortions, and those of the stacks' tasks and of the caller that are not among them.</summary>
    private static List<Probe> Distortions(IEnumerable<Distortion> tasks)
    {
        var probes = new List<Probe>
        {
            Structured("JPEG 10", "jpeg:10", (x, _) => new JpegDistortion(ReferenceQuality).ApplyToPicture(x)),
            new("noise", (x, random) => GreyPicture.ToRgb(ErrorSpectrum.Noise(GreyPicture.Channels(x), random))),
            Structured("down and up by 4", "sisr", (x, _) =>
                Resampler.Bicubic(Resampler.Bicubic(x, (x.shape[2] + Factor - 1) / Factor, (x.shape[3] + Factor - 1) / Factor), x.shape[2], x.shape[3])),
            Structured("blur", null, (x, _) => GaussianBlur.Blur(x, Blur)),
            new("brightness", (x, _) => zeros_like(x).Fill_(Brightness)),
            Structured("shift by a pixel", null, (x, _) => cat([x.narrow(3, 0, 1), x.narrow(3, 0, x.shape[3] - 1)], 3)),
        };
        foreach (var task in tasks)
        {
            // Noise scaled to an MSE is the same at any strength, and so is not probed twice.
            if (task is GaussianNoise)
                probes[1].Tasks.Add(task.Task);
            else if (!probes.Any(probe => probe.Tasks.Contains(task.Task)))
                probes.Add(Structured(NameOf(task), task.Task, task.ApplyToPicture));
        }

        return probes;

        static Probe Structured(string name, string? task, Func<Tensor, Generator, Tensor> distort)
        {
            var probe = new Probe(name, (x, random) => distort(x, random) - x) { HasStructure = true };
            if (task is not null)
                probe.Tasks.Add(task);
            return probe;
        }
    }

    /// <summary>The distortions' errors without structure, and noise of known colours and frequencies.</summary>
    private static IEnumerable<Probe> Controls(IEnumerable<Probe> distortions) =>
    [
        .. distortions.Where(probe => probe.HasStructure).Select(probe =>
            new Probe($"{probe.Name}, random phases", (x, random) => ErrorSpectrum.WithoutStructure(probe.Error(x, random), random))),
        new("noise in grey", (x, random) => ErrorSpectrum.Grey(ErrorSpectrum.Noise(x, random))),
        new("noise in colours", (x, random) => ErrorSpectrum.Colour(ErrorSpectrum.Noise(x, random))),
        .. s_octaves.Select(octave =>
            new Probe($"grey noise {octave.Name}", (x, random) => ErrorSpectrum.Band(ErrorSpectrum.Grey(ErrorSpectrum.Noise(x, random)), octave.Low, octave.High))),
    ];

    private static Tensor Prepare(Tensor picture)
    {
        var (height, width) = (picture.shape[2], picture.shape[3]);
        var factor = Math.Min(1, LargestSide / (double)Math.Max(height, width));
        return factor < 1 ? Resampler.Bicubic(picture, (long)Math.Round(height * factor), (long)Math.Round(width * factor)).Clamp(0, 1) : picture;
    }

    private static double MeanSquare(Tensor difference) => difference.to(float64).Square().mean().item<double>();

    /// <summary>An error to probe with, of any strength.</summary>
    private sealed record Probe(string Name, Func<Tensor, Generator, Tensor> Error)
    {
        /// <summary>The tasks that undo it.</summary>
        public List<string> Tasks { get; } = [];

        /// <summary>Whether it follows the picture, so that random phases make another error of it.</summary>
        public bool HasStructure { get; init; }
    }
}
