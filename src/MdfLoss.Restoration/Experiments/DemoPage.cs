using System.Buffers.Binary;
using System.Globalization;
using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Evaluation.Statistics;
using Mdf.Imaging;
using Mdf.Reports.Site;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Experiments;

/// <summary>The results of the networks that the demonstration has trained.</summary>
/// <param name="ByMse">The photograph, restored by the network trained with MSE.</param>
/// <param name="ByMdf">The photograph, restored by the network trained with the small stack.</param>
/// <param name="Steps">The steps of each network's training.</param>
/// <param name="Overview">The figure of what the stack has learnt, a PNG file.</param>
internal sealed record DemoTrained(Tensor ByMse, Tensor ByMdf, int Steps, byte[] Overview);

/// <summary>The page of the demonstration: a photograph that no network has seen, restored by the networks of the program and by those of the demonstration.</summary>
internal sealed class DemoPage
{
    private const string Photograph = "coffee";
    private const int PictureSize = 400;
    private const string InputName = "Input";

    // In dB: less is no gain that anyone sees.
    private const double LeastGain = 0.1;

    private static readonly (string Id, string Title, Distortion Distortion, string Network)[] s_tasks =
    [
        ("jpeg10", "JPEG artefacts, quality 10", new JpegDistortion(10), "jpeg"),
        ("denoise25", "Gaussian noise, σ 25", Tasks.Parse("denoise:25"), "denoise"),
        ("sisr4", "Super-resolution by 4", Tasks.Parse("sisr:4"), "sisr"),
    ];

    private readonly string _folder;
    private readonly IProgress<ProgressUpdate>? _progress;
    private readonly CancellationToken _cancellation;
    private readonly Tensor _unseen;
    private readonly IReadOnlyList<(Tensor Original, Tensor Distorted, IReadOnlyList<(string Name, Tensor Image)> Restored)> _shipped;

    /// <summary>Restores the photograph with the networks of the program.</summary>
    /// <param name="unseen">The photograph, which no network has seen.</param>
    /// <param name="folder">The folder of the demonstration.</param>
    /// <param name="progress">Takes a report for every image.</param>
    /// <param name="cancellationToken">Stops the work between two images.</param>
    public DemoPage(Tensor unseen, string folder, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        (_unseen, _folder, _progress, _cancellation) = (unseen, folder, progress, cancellationToken);
        var meter = new ProgressMeter(progress, "networks of the program", s_tasks.Length);
        _shipped = [.. s_tasks.Select((task, i) =>
        {
            using var scope = NewDisposeScope();
            using var _ = no_grad();
            using var random = new Generator(1);
            var factor = task.Distortion.Factor;
            var original = unseen.narrow(2, 0, unseen.shape[2] / factor * factor).narrow(3, 0, unseen.shape[3] / factor * factor);
            var distorted = task.Distortion.ApplyToPicture(original.cpu(), random).to(unseen.device);
            var setup = new RestorerSetup { Task = task.Distortion, Device = unseen.device };
            var restored = new[] { factor == 1 ? (InputName, Restorers.Identity) : ("Bicubic", Restorers.Bicubic), ("Shipped network", task.Network) }
                .Select(entry => (entry.Item1, Restore(entry.Item2, setup, distorted))).ToArray();
            meter.Report(i + 1);
            return (original.MoveToOuterDisposeScope(), distorted.MoveToOuterDisposeScope(), (IReadOnlyList<(string, Tensor)>)restored);
        })];
    }

    /// <summary>Writes the page.</summary>
    /// <param name="trained">The trained networks' results; null before the training.</param>
    /// <exception cref="InputException">The folder cannot be written.</exception>
    public void Write(DemoTrained? trained)
    {
        using var _ = no_grad();
        using var measures = MeasureSet.Create([Measures.PsnrY, Measures.PsnrChroma, "ms_ssim", Measures.Flip], device: _unseen.device);
        var site = new SiteModel(
            "A photograph that no network has seen",
            "Restored by the networks of the program, and by those that were trained in these minutes. Press the number keys to flip between the results in place, and space for the original.",
            [.. s_tasks.Select((task, i) => TaskOf(task, _shipped[i], i == 0 ? trained : null, measures))]);
        SiteWriter.Write(_folder, site, measures, _progress, _cancellation);
    }

    private SiteTask TaskOf(
        (string Id, string Title, Distortion Distortion, string Network) task, (Tensor Original, Tensor Distorted, IReadOnlyList<(string Name, Tensor Image)> Restored) shipped, DemoTrained? trained, MeasureSet measures)
    {
        (string Name, Tensor Image)[] rows = [.. shipped.Restored, .. trained is null ? [] : new[] { ("Trained here, MSE", trained.ByMse), ("Trained here, MDF", trained.ByMdf) }];
        var ids = SafeName.Of(rows.Select(row => row.Name));
        var protocol = BenchmarkProtocol.Rules(task.Distortion);
        var scores = rows.Select(row => measures.Score(row.Image, shipped.Original, BenchmarkProtocol.BorderOf(task.Distortion), _cancellation)).ToArray();
        var set = SetComparison.Of("the photograph", measures.Entries, [.. rows.Zip(scores, (row, score) => (row.Name, (IReadOnlyList<NetworkScores>)
            [new NetworkScores(row.Name, null, null, "", "", [new SetScores("the photograph", protocol, [new ImageScores(Photograph, score.Values)])], [], "", null)]))]);
        return new SiteTask(task.Id, task.Title, Summary(task, trained, [.. scores.Select(score => score[Measures.PsnrY] ?? double.NaN)]))
        {
            Rows = [.. rows.Select((row, r) => new SiteRow(ids[r], row.Name) { Networks = 1, IsInput = row.Name == InputName })],
            Sets = [set],
            PictureSize = PictureSize,
            Pictures = [new SitePicture(
                Photograph, $"{Photograph}.png", "Rachel Michetti, CC0", Save("original", shipped.Original), Save("distorted", shipped.Distorted),
                [.. rows.Select((row, r) => Save(ids[r], row.Image))],
                [.. scores.Select(score => (IReadOnlyList<string?>)[.. measures.Entries.Select(measure => score[measure.Name] is { } value ? measure.Text(value) : null)])])],
            PictureMeasures = measures.Entries,
            Plots = trained is null ? [] : [new SitePlot(
                "overview.png", "Four distortions of a photograph of a cat with equal MSE, and a bar for each loss and distortion",
                "The small loss of this demonstration after its training: four distortions with equal MSE, and the value of each loss for them.") { Content = trained.Overview, Height = BinaryPrimitives.ReadInt32BigEndian(trained.Overview.AsSpan(20)) / 2 /* of a PNG file */ }],
        };

        string Save(string name, Tensor image)
        {
            var path = Path.Combine(_folder, "restored", $"{task.Id}-{name}.png");
            ImageFile.Write(path, image.Clamp(0, 1));
            return path;
        }
    }

    /// <summary>One paragraph about a task, with one honest sentence about a training of minutes.</summary>
    private static string Summary((string Id, string Title, Distortion Distortion, string Network) task, DemoTrained? trained, double[] psnr)
    {
        var text = string.Create(CultureInfo.InvariantCulture,
            $"The network '{task.Network}' of the program changes PSNR-Y from {psnr[0]:F2} to {psnr[1]:F2} dB.");
        if (trained is null)
            return text;
        var (mse, mdf) = (psnr[2], psnr[3]);
        return text + string.Create(CultureInfo.InvariantCulture,
            $" The two networks of this demonstration had {trained.Steps} steps on two photographs: with MSE {mse:F2} dB, with the small MDF loss {mdf:F2} dB.")
            + (Math.Max(mse, mdf) < psnr[0] + LeastGain ? " So short a training does not help yet."
                : mdf < psnr[0] + LeastGain ? " So short a training with the MDF loss does not help yet."
                : " So short a training does not say which loss is better.");
    }

    private Tensor Restore(string name, RestorerSetup setup, Tensor distorted)
    {
        using var restorer = Restorers.Open(name, setup);
        return Restorers.Restore(restorer, distorted, new RestorationRequest { Image = Photograph, CancellationToken = _cancellation }).Clamp(0, 1).MoveToOuterDisposeScope();
    }
}
