using Mdf.Discriminators;
using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Reports;
using Mdf.Runtime;
using Mdf.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Experiments;

/// <summary>The amount of work of the demonstration.</summary>
/// <param name="Iterations">The iterations of each scale of the stack.</param>
/// <param name="Scales">The number of scales of the stack.</param>
/// <param name="RecoverySteps">The steps of the recovery.</param>
/// <param name="NetworkSteps">The steps of each network's training.</param>
internal sealed record DemoSize(int Iterations, int Scales, int RecoverySteps, int NetworkSteps)
{
    /// <summary>The full demonstration: two to five minutes on two cores.</summary>
    public static DemoSize Full { get; } = new(Iterations: 100, Scales: 6, RecoverySteps: 100, NetworkSteps: 250);

    /// <summary>The quick demonstration: well under a minute on two cores, enough to see that everything works.</summary>
    public static DemoSize Quick { get; } = new(Iterations: 20, Scales: 2, RecoverySteps: 60, NetworkSteps: 20);
}

/// <summary>The results of the demonstration.</summary>
/// <param name="Comparison">The values of each loss for four distortions of equal MSE.</param>
/// <param name="StartPsnr">The PSNR in dB of the noise from which the recovery starts.</param>
/// <param name="RecoveredPsnr">The PSNR in dB of the recovered image.</param>
/// <param name="Restoration">The scores of a photograph that was not used for training: as a JPEG, and restored by each network.</param>
internal sealed record DemoResult(ResultTable Comparison, double StartPsnr, double RecoveredPsnr, ResultTable Restoration)
{
    /// <summary>The smallest gain of the recovery in dB with which the trained loss counts as working.</summary>
    public const double LeastGain = 3;

    /// <summary>The gain of the recovery in dB.</summary>
    public double Gain => RecoveredPsnr - StartPsnr;

    /// <summary>
    /// Whether the trained loss led from noise towards the image. This shows that everything works. It does not show that the loss has
    /// learnt anything, because an untrained stack also leads there. <see cref="Comparison"/> shows what it has learnt.
    /// </summary>
    public bool IsSuccess => Gain >= LeastGain;
}

/// <summary>
/// A small demonstration of the project. It trains a stack for <c>jpeg:10</c> on one photograph, shows which distortions the stack has learnt to penalize, checks
/// that its gradient leads to the reference, and trains a network with it. A page shows a photograph that no network has seen, restored by the networks of the program and by these.
/// </summary>
internal static class Demo
{
    private const string Overview = "overview.png";
    private const int Quality = 10;
    private const int RecoverySize = 128;
    private const double LearningRate = 0.03;

    /// <summary>Runs the demonstration and writes its images, curves, tables and the stack.</summary>
    /// <param name="photographs">The photographs.</param>
    /// <param name="size">The amount of work.</param>
    /// <param name="seed">The seed of all randomness.</param>
    /// <param name="folder">The folder to write to.</param>
    /// <param name="progress">Takes a report for every step.</param>
    /// <param name="cancellationToken">Stops the work between two steps.</param>
    /// <exception cref="InputException">The folder cannot be written, or the photograph is too small.</exception>
    public static DemoResult Run(
        DemoPhotographs photographs,
        DemoSize size,
        long seed,
        string folder,
        IProgress<ProgressUpdate>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(photographs);
        ArgumentNullException.ThrowIfNull(size);
        using var scope = NewDisposeScope();
        var page = new DemoPage(photographs.Unseen, folder, progress, cancellationToken);
        page.Write(trained: null); // at once; the rest takes minutes
        var photo = photographs.Photo;
        var stackPath = Path.Combine(folder, "stack.safetensors");
        AtomicFile.Prepare(stackPath);
        var jpeg = new JpegDistortion(Quality);
        var options = new LossTrainingOptions
        {
            Distortion = jpeg,
            Scales = size.Scales,
            Iterations = size.Iterations,
            Seed = seed,
        };
        using var loss = new MdfLoss(LossTraining.Train(photo, photographs.Sha256, options, progress, cancellationToken), expression: $"mdf ({jpeg.Task})");
        loss.Stack.Save(stackPath);
        using var untrained = new MdfLoss(DiscriminatorStack.Untrained(size.Scales, seed), expression: "mdf (untrained)");
        untrained.to(photo.device);
        var comparison = CompareStacks(photo, jpeg, [loss, untrained], seed, folder);

        var sizes = PyramidPlan.For(new ImageSize((int)photo.shape[2], (int)photo.shape[3]), RecoverySize).Sizes;
        var reference = Resampler.Bicubic(photo, sizes[^1].Height, sizes[^1].Width).Clamp(0, 1);
        var noise = RecoveryStart.Noise(reference.shape, seed).to(photo.device);
        using var recovery = PixelRecovery.Run(loss, reference, noise, size.RecoverySteps, LearningRate, progress, cancellationToken);
        var recovered = Psnr.Compute(recovery.Restored, reference);
        ImageFile.Write(Path.Combine(folder, "recovery.png"), Mosaic.Row(noise, recovery.Restored, reference));
        Plots.Save(Path.Combine(folder, "recovery-psnr.png"), new CurvePlot(
            $"Recovery of the photograph from noise, with {loss.Expression}", "step", "PSNR (dB)",
            [new CurveSeries("PSNR", [.. Enumerable.Range(0, size.RecoverySteps).Select(step => (double)step)], recovery.PsnrPerStep)]));
        var restoration = DemoRestoration.Run(photographs, jpeg, loss, size.NetworkSteps, seed, folder, progress, cancellationToken);
        page.Write(new DemoTrained(restoration.ByMse, restoration.ByMdf, size.NetworkSteps, File.ReadAllBytes(Path.Combine(folder, Overview))));
        return new DemoResult(comparison, recovery.PsnrPerStep[0], recovered, restoration.Table);
    }

    /// <summary>Computes the values of the losses for four distortions of equal MSE. Writes them as images, a table and a figure.</summary>
    private static ResultTable CompareStacks(Tensor photo, JpegDistortion jpeg, IReadOnlyList<MdfLoss> stacks, long seed, string folder)
    {
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var images = EqualMse.Distort(photo, jpeg, seed);
        ImageFile.Write(Path.Combine(folder, "reference.png"), photo);
        foreach (var image in images)
            ImageFile.Write(Path.Combine(folder, $"{image.Name.ToLowerInvariant()}.png"), image.Image);

        using var mse = new MseLoss();
        using var ssim = new SsimLoss();
        ReconstructionLoss[] losses = [.. stacks, mse, ssim];
        var values = losses.Select(each => images.Select(image => each.call(image.Image, photo).Number()).ToArray()).ToArray();
        var table = new ResultTable(
            "Four distortions of equal MSE",
            [new ResultColumn("distortion"), .. losses.Select(each => ResultColumn.Number(each.Expression, "G4"))],
            images.Select((image, row) => values.Select(column => (object?)column[row]).Prepend(image.Name)));
        AtomicFile.Write(Path.Combine(folder, "comparison.csv"), table.ToCsv());
        AtomicFile.Write(Path.Combine(folder, "comparison.md"), table.ToMarkdown());
        AtomicFile.Write(Path.Combine(folder, Overview), DistortionFigure.Render(
            "Four distortions of equal MSE, and the values of four losses",
            photo, images, [.. losses.Select((each, i) => new BarSeries(each.Expression, values[i]))]));
        return table;
    }
}
