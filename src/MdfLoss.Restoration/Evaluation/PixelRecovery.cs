using Mdf.Losses;
using Mdf.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Adam = Mdf.Runtime.Adam;

namespace Mdf.Evaluation;

/// <summary>
/// Recovers a picture by letting Adam change its pixels until a loss against the reference is small: the authors' experiment
/// (<c>loss_comparisons.py</c>). A check that the loss's gradient leads home, not a restoration: it needs the reference.
/// </summary>
public static class PixelRecovery
{
    /// <summary>Recovers a picture.</summary>
    /// <param name="loss">Any reconstruction loss, on the images' device.</param>
    /// <param name="reference">Shape <c>(N, 3, H, W)</c> in [0, 1].</param>
    /// <param name="start">Where to start, the same shape; it is not changed.</param>
    /// <param name="steps">How many steps of Adam; at least 0.</param>
    /// <param name="learningRate">Its rate; the authors' is 0.1.</param>
    /// <param name="progress">Told of every step.</param>
    /// <param name="cancellationToken">Ends it between two steps.</param>
    /// <returns>The picture and its curves; dispose of it.</returns>
    /// <exception cref="InputException">The images do not fit each other or the loss.</exception>
    /// <exception cref="DivergedException">The recovery diverged.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static RecoveryResult Run(
        ReconstructionLoss loss,
        Tensor reference,
        Tensor start,
        int steps,
        double learningRate,
        IProgress<ProgressUpdate>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(loss);
        ArgumentNullException.ThrowIfNull(start);
        ArgumentOutOfRangeException.ThrowIfNegative(steps);
        var psnr = new List<double>(steps);
        var values = new List<double>(steps);
        using var all = NewDisposeScope();
        using var _ = enable_grad();
        using var pixels = new Parameter(start.detach().clone());
        using var optimizer = new Adam([pixels], learningRate);
        using var prepared = loss.Prepare(reference);
        var meter = new ProgressMeter(progress, $"recovery under {loss.Expression}", steps);
        for (var step = 0; step < steps; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var scope = NewDisposeScope();
            optimizer.ZeroGrad();
            var value = prepared.call(pixels).mean();
            psnr.Add(Psnr.Compute(pixels, reference));
            values.Add(value.Number());
            if (!double.IsFinite(values[^1]))
                throw new DivergedException($"the recovery under {loss.Expression} diverged at step {step}: try a smaller learning rate");
            value.backward();
            optimizer.Step();
            meter.Report(step + 1, new ProgressValue("loss", values[^1]), new ProgressValue("PSNR", psnr[^1]));
        }

        return new RecoveryResult(pixels.detach().clone().MoveToOuterDisposeScope(), psnr, values);
    }
}

/// <summary>What <see cref="PixelRecovery"/> found.</summary>
/// <param name="Restored">The picture after the last step, not clamped.</param>
/// <param name="PsnrPerStep">The PSNR in dB before each step.</param>
/// <param name="LossPerStep">The loss before each step.</param>
public sealed record RecoveryResult(
    Tensor Restored, IReadOnlyList<double> PsnrPerStep, IReadOnlyList<double> LossPerStep) : IDisposable
{
    /// <summary>Frees the picture.</summary>
    public void Dispose() => Restored.Dispose();
}
