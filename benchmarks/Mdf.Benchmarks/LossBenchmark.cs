using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>The MDF loss against the authors' way and against the arithmetic floor.</summary>
internal static class LossBenchmark
{
    private const int Scales = 8;

    /// <summary>Runs all ways in turns.</summary>
    /// <param name="work">The images.</param>
    /// <param name="arguments">The arguments that describe them, for the processes that measure memory.</param>
    /// <param name="stackPath">A stack file, or null.</param>
    /// <param name="rounds">How often.</param>
    public static LossResult Run(Workload work, string[] arguments, string? stackPath, int rounds)
    {
        using var scope = NewDisposeScope();
        var (restored, reference) = work.Images();
        var names = new List<string> { Contestant.Upstream, Contestant.Fp32, Contestant.Fp32Prepared, Contestant.LibtorchPrepared };
        if (ProcessorFeatures.HasBfloat16)
            names.Add(Contestant.Bf16Prepared);
        var contestants = names.Select(name => Contestant.Create(name, stackPath, Scales, restored, reference)).ToArray();
        var (stack, stackName) = Workload.Stack(stackPath);
        int[] widths = [.. Enumerable.Range(0, Scales).Select(k => stack[k].Width)];
        stack.Dispose();
        var floors = new[] { float32, ScalarType.BFloat16 }.Take(ProcessorFeatures.HasBfloat16 ? 2 : 1).Select(type => new Floor(widths, work, type)).ToArray();

        var floorTimes = floors.Select(_ => new List<double>()).ToArray();
        var answers = new (double Value, Tensor Gradient)[contestants.Length];
        var actions = contestants.Select<Contestant, Action>((contestant, i) => () =>
        {
            var (value, gradient) = contestant.Run();
            answers[i].Gradient?.Dispose();
            answers[i] = (value, gradient.DetachFromDisposeScope());
        }).Append(() =>
        {
            for (var i = 0; i < floors.Length; i++)
                floorTimes[i].Add(floors[i].Measure());
        }).ToArray();
        var medians = Timing.Medians(actions, rounds);

        // Where bfloat16 is only imitated its time says nothing, but its accuracy does.
        using var bf16 = Contestant.Create(Contestant.Bf16Prepared, stackPath, Scales, restored, reference);
        var inBfloat16 = names.IndexOf(Contestant.Bf16Prepared) is >= 0 and var timed ? answers[timed] : bf16.Run();

        foreach (var contestant in contestants)
            contestant.Dispose();
        return new LossResult(
            work.ToString(), stackName, get_num_threads(),
            Ms(Contestant.Upstream)!.Value, Ms(Contestant.Fp32)!.Value, Ms(Contestant.Fp32Prepared)!.Value, Ms(Contestant.Bf16Prepared),
            Ms(Contestant.LibtorchPrepared)!.Value, Floor(0)!.Value, Floor(1),
            Ratio(Contestant.Fp32)!.Value, Ratio(Contestant.Fp32Prepared)!.Value, Ratio(Contestant.Bf16Prepared),
            Ms(Contestant.Fp32Prepared)!.Value / Floor(0)!.Value,
            ValueError(AnswerOf(Contestant.Fp32)), GradientError(AnswerOf(Contestant.Fp32)), ValueError(inBfloat16), GradientError(inBfloat16),
            Peak(Contestant.Upstream), Peak(Contestant.Fp32), Peak(Contestant.Fp32Prepared),
            contestants.Single(contestant => contestant.Name == Contestant.Fp32Prepared).FeatureMegabytes);

        double? Ms(string name) => names.IndexOf(name) is >= 0 and var i ? medians[i] : null;
        double? Ratio(string name) => Ms(Contestant.Upstream) / Ms(name);
        double? Floor(int i) => i < floors.Length ? Timing.Median([.. floorTimes[i].Skip(1)]) : null;
        double Peak(string name) => PeakMemory.OfProcess(["peak", "--way", name, .. arguments]);

        (double Value, Tensor Gradient) AnswerOf(string name) => answers[names.IndexOf(name)];
        double ValueError((double Value, Tensor Gradient) answer) => Math.Abs(answer.Value / answers[0].Value - 1);
        double GradientError((double Value, Tensor Gradient) answer) =>
            ((answer.Gradient - answers[0].Gradient).norm() / answers[0].Gradient.norm()).item<float>();
    }

    /// <summary>Runs one way twice, for the process that measures its memory.</summary>
    public static void RunForMemory(string name, Workload work, string? stackPath)
    {
        using var scope = NewDisposeScope();
        var (restored, reference) = work.Images();
        using var contestant = Contestant.Create(name, stackPath, Scales, restored, reference);
        for (var i = 0; i < 2; i++)
        {
            using var step = NewDisposeScope();
            contestant.Run();
        }
    }
}

/// <summary>Milliseconds are medians; ratios are the authors' way over ours; times in bfloat16 are null where the processor has none.</summary>
internal sealed record LossResult(
    string Images, string Stack, int Threads,
    double UpstreamMs, double Fp32Ms, double Fp32PreparedMs, double? Bf16PreparedMs, double LibtorchFp32PreparedMs, double FloorFp32Ms, double? FloorBf16Ms,
    double RatioFp32, double RatioFp32Prepared, double? RatioBf16Prepared, double Fp32PreparedOverFloor,
    double LossErrorFp32, double GradientErrorFp32, double LossErrorBf16, double GradientErrorBf16,
    double PeakMbUpstream, double PeakMb, double PeakMbPrepared, double FeaturesMb);
