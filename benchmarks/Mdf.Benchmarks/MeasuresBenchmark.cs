using System.Diagnostics;
using Mdf.Distortions;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Networks;
using Mdf.Reports;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>The peak memory and the time of measuring one large picture with every default measure: by <c>score</c>, by <c>evaluate</c>, and in a validation.</summary>
internal static class MeasuresBenchmark
{
    private const string Task = "jpeg:10";
    private const string Network = "dncnn?features=32&layers=8";
    private const string Loss = "l1";

    private static readonly string[] s_ways = ["score", "evaluate", "validation"];

    /// <param name="width">The picture's width.</param>
    /// <param name="height">Its height.</param>
    /// <param name="niqe">The parameters of NIQE; null to leave out NIQE.</param>
    public static ResultTable Run(int width, int height, string? niqe)
    {
        var folder = Directory.CreateTempSubdirectory("mdf-measures-").FullName;
        try
        {
            WritePictures(folder, width, height);
            string[] arguments = niqe is null ? [] : ["--niqe", niqe];
            return new ResultTable(
                $"Default measures{(niqe is null ? "" : " and NIQE")} of {width}×{height} pixels, {get_num_threads()} threads; peak above the start",
                [new ResultColumn("way"), ResultColumn.Number("seconds", "F1"), ResultColumn.Number("peak (MB)", "F0")],
                s_ways.Select(way =>
                {
                    var started = Stopwatch.GetTimestamp();
                    var peak = PeakMemory.OfProcess(["peak", "--way", way, "--folder", folder, .. arguments]);
                    return new object?[] { way, Stopwatch.GetElapsedTime(started).TotalSeconds, peak };
                }));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    public static void RunForMemory(string way, string folder, string? niqe)
    {
        using var scope = NewDisposeScope();
        using var measures = MeasureSet.Create(niqe: niqe is null ? null : NiqeModel.Load(niqe));
        var (clean, distorted) = (Path.Combine(folder, "clean"), Path.Combine(folder, "distorted"));
        if (way == "score")
        {
            ImageScoring.Score(ImageScoring.FindPairs(clean, [distorted]), measures, [], new ScoringRules(), CPU);
            return;
        }

        var images = new BenchmarkImages(clean, Tasks.ParseForNetwork(Task));
        if (way == "evaluate")
        {
            using var identity = Restorers.Open(Restorers.Identity, new RestorerSetup { Task = images.Distortion });
            Benchmark.Run([identity], images, measures, [], CPU);
            return;
        }

        using var network = Architectures.Parse(Network).Build(0);
        network.eval();
        using var model = new NetworkRestorer(way, network) { IsInTraining = true };
        using var loss = LossExpression.Parse(Loss).Create();
        Benchmark.Run([model], images, measures, [loss], CPU);
    }

    private static void WritePictures(string folder, int width, int height)
    {
        using var scope = NewDisposeScope();
        using var photo = Workload.Photo();
        var clean = Resampler.Bicubic(photo, height, width).Clamp(0, 1);
        foreach (var name in new[] { "clean", "distorted" })
            Directory.CreateDirectory(Path.Combine(folder, name));
        ImageFile.Write(Path.Combine(folder, "clean", "picture.png"), clean);
        ImageFile.Write(Path.Combine(folder, "distorted", "picture.png"), Tasks.ParseForNetwork(Task).ApplyToPicture(clean));
    }
}
