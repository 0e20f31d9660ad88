using System.Globalization;
using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>Whether the cost of a pixel, and the memory, stay what they are when the image is large.</summary>
internal static class LargeBenchmark
{
    private static readonly Workload s_small = new(1, 384, 512);
    private static readonly Workload s_large = new(1, 2160, 3840);

    public static LargeResult Run(string? stackPath, int rounds)
    {
        using var scope = NewDisposeScope();
        var actions = new[] { s_small, s_large, s_small }.Select<Workload, Action>(work =>
        {
            var (restored, reference) = work.Images();
            var contestant = Contestant.Create(Contestant.Fp32, stackPath, 8, restored, reference);
            return () => contestant.Run();
        }).ToArray();
        var times = Timing.Medians(actions, rounds);
        var (small, large) = ((times[0] + times[2]) / 2, times[1]);
        return new LargeResult(
            small, large, large / s_large.Pixels / (small / s_small.Pixels),
            PeakMemory.OfProcess("peak", "--way", Contestant.Fp32, "--size", string.Create(CultureInfo.InvariantCulture, $"{s_large.Width}x{s_large.Height}")));
    }
}

/// <summary>Loss and gradient in fp32, nothing prepared; the small image is timed before and after the large one.</summary>
internal sealed record LargeResult(double Ms512x384, double Ms3840x2160, double TimePerPixelRatio, double PeakMb3840x2160);
