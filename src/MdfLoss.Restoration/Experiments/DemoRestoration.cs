using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Networks;
using Mdf.Reports;
using Mdf.Runtime;
using Mdf.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Mdf.Experiments;

/// <summary>The photograph that was not used for training, restored by the networks of the demonstration.</summary>
/// <param name="Table">The scores.</param>
/// <param name="ByMse">The restored photograph of the network trained with MSE, <c>(1, 3, H, W)</c> in [0, 1]; the caller disposes of it.</param>
/// <param name="ByMdf">That of the network trained with the stack; the caller disposes of it.</param>
internal sealed record DemoRestorations(ResultTable Table, Tensor ByMse, Tensor ByMdf);

/// <summary>The second half of the demonstration: a small network, trained once with MSE and once with the stack, restores a photograph that was not used for training.</summary>
internal static class DemoRestoration
{
    private static readonly string[] s_columns = [Measures.Psnr, Measures.PsnrY, Measures.SsimY];

    private const string Architecture = "dncnn?batch_norm=false&features=16&layers=6";
    private const int Patch = 64;
    private const int Batch = 8;
    private const double LearningRate = 1e-3;

    /// <summary>Trains both networks and writes <c>restoration.png</c> (distorted, MSE, MDF, original), <c>restoration.csv</c> and <c>restoration.md</c>.</summary>
    /// <param name="photographs">The photographs to train on, and the photograph to restore.</param>
    /// <param name="distortion">The distortion that the networks undo.</param>
    /// <param name="loss">The trained stack.</param>
    /// <param name="steps">The steps of each network's training.</param>
    /// <param name="seed">The seed of weights and patches, which is the same for both networks.</param>
    /// <param name="folder">The folder to write to.</param>
    /// <param name="progress">Takes a report for every step.</param>
    /// <param name="cancellationToken">Stops the work between two steps.</param>
    public static DemoRestorations Run(
        DemoPhotographs photographs, Distortion distortion, MdfLoss loss, int steps, long seed, string folder, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        using var scope = NewDisposeScope();
        var sampling = new SamplingOptions { Patch = Patch };
        var images = TrainingImages.FromTensors([photographs.Photo, photographs.Second], sampling);
        var sampler = new PatchSampler(images, distortion, sampling, Batch, seed);
        using var mse = new MseLoss();
        var distorted = distortion.ApplyToPicture(photographs.Unseen);
        var byMse = Restore(mse);
        var byMdf = Restore(loss);
        ImageFile.Write(Path.Combine(folder, "restoration.png"), Mosaic.Row(distorted, byMse, byMdf, photographs.Unseen));

        using var _ = no_grad();
        var table = new ResultTable(
            "A photograph that was not trained on",
            [
                new ResultColumn("picture"), .. s_columns.Select(name => ResultColumn.Of(Measures.Find(name))), ResultColumn.OfLoss(loss.Expression),
            ],
            [Row(distortion.Task, distorted), Row($"trained with {mse.Expression}", byMse), Row($"trained with {loss.Expression}", byMdf)]);
        AtomicFile.Write(Path.Combine(folder, "restoration.csv"), table.ToCsv());
        AtomicFile.Write(Path.Combine(folder, "restoration.md"), table.ToMarkdown());
        return new DemoRestorations(table, byMse.MoveToOuterDisposeScope(), byMdf.MoveToOuterDisposeScope());

        Tensor Restore(ReconstructionLoss trainedWith)
        {
            using var network = Architectures.Parse(Architecture).Build(seed);
            StartFromTheInput(network);
            network.to(photographs.Unseen.device);
            Train(network, trainedWith, sampler, steps, progress, cancellationToken);
            network.eval();
            using var noGradient = no_grad();
            return network.call(distorted).Clamp(0, 1);
        }

        object?[] Row(string name, Tensor picture)
        {
            var scores = BenchmarkMetrics.Score(picture, photographs.Unseen, cancellationToken: cancellationToken);
            return [name, .. s_columns.Select(column => (object?)scores[column]), loss.call(picture, photographs.Unseen).Number()];
        }
    }

    private static void Train(
        RestorationNetwork network, ReconstructionLoss loss, PatchSampler sampler, int steps, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        using var trainer = new NetworkTrainer(network, loss, new ScheduleOptions { Iterations = steps, Batch = Batch, LearningRate = LearningRate });
        using var queue = new BatchQueue(sampler, 0, steps);
        var meter = new ProgressMeter(progress, $"network under {loss.Expression}", steps);
        while (trainer.Iteration < steps)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var batch = queue.Take();
            var step = trainer.Step(batch);
            meter.Report(trainer.Iteration, new ProgressValue("loss", step.Loss));
        }
    }

    /// <summary>Sets the last convolution of a residual network to zero, so that the network returns its input. All later differences from the input are learnt.</summary>
    private static void StartFromTheInput(RestorationNetwork network)
    {
        using var _ = no_grad();
        var last = network.modules().OfType<Conv2d>().Last();
        last.weight!.zero_();
        last.bias!.zero_();
    }
}
