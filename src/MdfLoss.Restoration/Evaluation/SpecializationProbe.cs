using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>The values of the losses of a probe for one distortion.</summary>
/// <param name="Name">The distortion.</param>
/// <param name="IsOwn">For each loss, whether its stack was trained for this distortion.</param>
/// <param name="Specialization">For each loss, S: its value for this distortion, divided by the geometric mean of its values for all distortions except the controls.</param>
/// <param name="Values">For each loss, its geometric mean over the images.</param>
/// <param name="IsControl">Whether this is a control: an artificial error that shows the cause of S, and that does not count in the mean.</param>
internal sealed record ProbedDistortion(
    string Name, IReadOnlyList<bool> IsOwn, IReadOnlyList<double> Specialization, IReadOnlyList<double> Values, bool IsControl = false);

/// <summary>
/// Shows the distortions in which a loss is specialized: all have the same MSE, but the loss gives some of them larger values. The paper claims that a loss trained
/// for a task gives the largest values to the artefacts of this task.
/// </summary>
/// <remarks>
/// <para>In every image x, the error of each distortion d is scaled to the MSE of JPEG at quality 10: x + α (d(x) − x). L(d) is the geometric mean of the loss
/// over the images. S(loss, d) is L(d), divided by the geometric mean of L(d′) over all d′ except the controls. S can compare losses of different scales; 1 is
/// the average.</para>
/// <para>Controls show the cause of S. The error of a distortion with random phases has the same spectrum and colours, but not its structure and its position in the
/// image. If S is the same for it, spectrum and colours explain S. Noise in grey only, in colours only, or of one octave shows which of these a loss
/// penalizes.</para>
/// </remarks>
internal static class SpecializationProbe
{
    private const int ReferenceQuality = 10;
    private const double Blur = 1.5;
    private const double Brightness = 0.1;
    private const int Factor = 4;

    // An image of this side has no frequency below 1/32 of a cycle per pixel.
    private const int LargestWithoutLowestOctave = 32;

    // In cycles per pixel. Only diagonal waves have frequencies above 1/2.
    private static readonly (string Name, double Low, double High)[] s_octaves =
    [
        ("below 1/32", 0, 1 / 32.0), ("from 1/32", 1 / 32.0, 1 / 16.0), ("from 1/16", 1 / 16.0, 1 / 8.0), ("from 1/8", 1 / 8.0, 1 / 4.0), ("above 1/4", 1 / 4.0, 1),
    ];

    // The command of a program may be of any length.
    private const int LongestName = 40;

    // The largest side of an image: stacks were trained at this size, and it is fast.
    private const int LargestSide = 256;

    /// <summary>Probes losses.</summary>
    /// <param name="losses">Losses of discriminator stacks. A stack whose task is unknown has no own distortion.</param>
    /// <param name="pictures">Clean images, each of shape <c>(1, 3, H, W)</c> in [0, 1]. Larger images are scaled down to 256 pixels.</param>
    /// <param name="seed">The seed of the noise.</param>
    /// <param name="withControls">Whether to probe also with controls.</param>
    /// <param name="own">Further distortions to probe with, which may be programs.</param>
    /// <param name="progress">Takes a report for every image.</param>
    /// <param name="cancellationToken">Stops the work between two images.</param>
    /// <returns>The distortions, including the tasks of the stacks, followed by the controls.</returns>
    /// <exception cref="InputException">An image has only one colour, or is too small for a loss or for controls, or a distortion of <paramref name="own"/> changes nothing.</exception>
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
                    throw new InputException($"cannot probe with picture {p + 1}: {probes[d].Name} does not change it; use a picture with detail");
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

    /// <summary>Returns the distortion that a loss's stack was trained to undo; null if it is unknown, or if it would start a program.</summary>
    private static Distortion? OwnTask(MdfLoss loss)
    {
        if (loss.Stack.Metadata?.Task is not { } task)
            return null;
        try
        {
            return Tasks.ParseForLoss(task);
        }
        catch (InputException)
        {
            return null; // a program, or a distortion of the user's own
        }
    }

    /// <summary>Returns the task of a distortion, short enough for a table.</summary>
    private static string NameOf(Distortion distortion) => distortion.Task.Length <= LongestName ? distortion.Task : distortion.Task[..LongestName] + "…";

    /// <summary>Returns the usual distortions, followed by further distortions from the stacks' tasks and from the caller.</summary>
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
            // Noise that is scaled to an MSE is the same at any strength, so it is not probed twice.
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

    /// <summary>Returns the errors of the distortions without structure, and noise of known colours and frequencies.</summary>
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

    /// <summary>An error to probe with. Its strength is arbitrary, because it is scaled.</summary>
    private sealed record Probe(string Name, Func<Tensor, Generator, Tensor> Error)
    {
        /// <summary>The tasks that undo it.</summary>
        public List<string> Tasks { get; } = [];

        /// <summary>Whether the error depends on the image, so that random phases change it.</summary>
        public bool HasStructure { get; init; }
    }
}
