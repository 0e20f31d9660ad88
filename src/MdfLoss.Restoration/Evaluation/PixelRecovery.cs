using Mdf.Losses;
using Mdf.Runtime;
using TorchSharp.Modules;
using static TorchSharp.torch;
using Adam = Mdf.Runtime.Adam;

namespace Mdf.Evaluation;

/// <summary>
/// Recovers an image: Adam changes its pixels to minimize a loss against the reference. This is the authors' experiment (<c>loss_comparisons.py</c>).
/// It checks that the gradient of the loss leads to the reference. It is not a restoration, because it needs the reference.
/// </summary>
public static class PixelRecovery
{
    /// <summary>Recovers an image.</summary>
    /// <param name="loss">Any reconstruction loss, on the device of the images.</param>
    /// <param name="reference">Shape <c>(N, 3, H, W)</c> in [0, 1].</param>
    /// <param name="start">The initial image, of the same shape. It is not changed.</param>
    /// <param name="steps">The number of steps of Adam; at least 0.</param>
    /// <param name="learningRate">The learning rate of Adam; the authors use 0.1.</param>
    /// <param name="progress">Takes a report for every step.</param>
    /// <param name="cancellationToken">Stops the work between two steps.</param>
    /// <returns>The image and its curves. The caller disposes of the result.</returns>
    /// <exception cref="ArgumentException">A tensor is not a batch of images, or their types or devices differ.</exception>
    /// <exception cref="InputException">The sizes of the images do not fit each other or the loss.</exception>
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
        ArgumentNullException.ThrowIfNull(reference);
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

/// <summary>The result of <see cref="PixelRecovery"/>.</summary>
/// <param name="Restored">The image after the last step, not clamped.</param>
/// <param name="PsnrPerStep">The PSNR in dB before each step.</param>
/// <param name="LossPerStep">The loss before each step.</param>
public sealed record RecoveryResult(
    Tensor Restored, IReadOnlyList<double> PsnrPerStep, IReadOnlyList<double> LossPerStep) : IDisposable
{
    /// <summary>Frees the image.</summary>
    public void Dispose() => Restored.Dispose();
}
