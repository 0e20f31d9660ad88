using System.Globalization;
using Mdf.Evaluation;
using Mdf.Losses;
using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>
/// Whether bfloat16 leads where float32 leads: loss and gradient at several distances, and pixel recovery from the same noise. Not a timing:
/// also runs, slowly, on processors that have no instructions for bfloat16.
/// </summary>
internal static class PrecisionBenchmark
{
    private const double LearningRate = 0.1;
    private static readonly double[] s_noises = [0.2, 0.1, 0.05, 0.02, 0.005];

    public static PrecisionResult Run(Workload work, string? stackPath, int steps)
    {
        using var scope = NewDisposeScope();
        var (_, reference) = work.Images();
        var start = RecoveryStart.Noise(reference.shape, seed: 0);
        var (fp32, bf16) = (Curve(Precision.Fp32), Curve(Precision.Bf16));
        var errors = s_noises.ToDictionary(noise => noise.ToString(CultureInfo.InvariantCulture), Errors);
        var differences = fp32.Zip(bf16, (left, right) => Math.Abs(left - right)).ToArray();
        return new PrecisionResult(
            work.ToString(), errors, steps, fp32[0], fp32[^1], bf16[^1], differences.Max(), Array.IndexOf(differences, differences.Max()));

        PrecisionErrors Errors(double noise)
        {
            using var step = NewDisposeScope();
            using var random = new Generator(2);
            var restored = reference + noise * randn(reference.shape, generator: random);
            var (exact, found) = (Differentiate(Precision.Fp32), Differentiate(Precision.Bf16));
            return new(Relative(found.Value, exact.Value), Relative(found.Gradient, exact.Gradient));

            (Tensor Value, Tensor Gradient) Differentiate(Precision precision)
            {
                using var loss = Loss(precision);
                var image = restored.detach().requires_grad_(true);
                var value = loss.call(image, reference);
                value.backward();
                return (value.detach(), image.grad!);
            }
        }

        static double Relative(Tensor found, Tensor exact) => ((found - exact).norm() / exact.norm()).item<float>();

        MdfLoss Loss(Precision precision) => new(Workload.Stack(stackPath).Stack) { Precision = precision };

        IReadOnlyList<double> Curve(Precision precision)
        {
            using var loss = Loss(precision);
            using var result = PixelRecovery.Run(loss, reference, start, steps, LearningRate);
            Console.Error.WriteLine($"{precision}: {result.PsnrPerStep[^1]:F2} dB");
            return result.PsnrPerStep;
        }
    }
}

/// <summary>How far loss and gradient in bfloat16 are off, relative to those in float32.</summary>
internal sealed record PrecisionErrors(double Loss, double Gradient);

/// <summary>Errors by the noise's standard deviation; PSNR in dB before the first and the last step, and where the curves lie farthest apart.</summary>
internal sealed record PrecisionResult(
    string Images, IReadOnlyDictionary<string, PrecisionErrors> Errors, int Steps, double PsnrAtStart, double PsnrFp32, double PsnrBf16, double LargestDifferenceDb, int AtStep);
