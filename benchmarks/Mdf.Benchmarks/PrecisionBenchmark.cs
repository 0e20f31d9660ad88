using Mdf.Evaluation;
using Mdf.Losses;
using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>
/// Whether bfloat16 leads where float32 leads: pixel recovery from the same noise under either. Not a timing: also runs, slowly, on processors
/// that have no instructions for bfloat16, for which the loss itself refuses it.
/// </summary>
internal static class PrecisionBenchmark
{
    private const double LearningRate = 0.1;

    public static PrecisionResult Run(Workload work, string? stackPath, int steps)
    {
        using var scope = NewDisposeScope();
        var (_, reference) = work.Images();
        var start = RecoveryStart.Noise(reference.shape, seed: 0);
        var (fp32, bf16) = (Curve(Precision.Fp32), Curve(Precision.Bf16));
        var differences = fp32.Zip(bf16, (left, right) => Math.Abs(left - right)).ToArray();
        return new PrecisionResult(
            work.ToString(), steps, fp32[0], fp32[^1], bf16[^1], differences.Max(), Array.IndexOf(differences, differences.Max()));

        IReadOnlyList<double> Curve(Precision precision)
        {
            using var loss = new MdfLoss(Workload.Stack(stackPath).Stack) { Precision = precision, AllowsSlowBfloat16 = true };
            using var result = PixelRecovery.Run(loss, reference, start, steps, LearningRate);
            Console.Error.WriteLine($"{precision}: {result.PsnrPerStep[^1]:F2} dB");
            return result.PsnrPerStep;
        }
    }
}

/// <summary>PSNR in dB before the first and the last step, and where the curves lie farthest apart.</summary>
internal sealed record PrecisionResult(
    string Images, int Steps, double PsnrAtStart, double PsnrFp32, double PsnrBf16, double LargestDifferenceDb, int AtStep);
