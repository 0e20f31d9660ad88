using System.Diagnostics;
using System.Globalization;
using Mdf.Experiments;
using Mdf.Reports;
using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>The time of a sweep of many short cells against that of the same runs in one process, in turns.</summary>
internal static class SweepBenchmark
{
    private const string Keys = """
        task: jpeg:10
        network: {name: dncnn, features: 32, layers: 8, batch_norm: false}
        loss: l1
        data: {train: samples/photographs/astronaut.png, validation: samples/photographs/coffee.png, patch: 64}
        schedule: {iterations: 1, batch: 4}
        validation: {images: 0}
        """;

    /// <param name="cells">The number of cells, each of one step.</param>
    /// <param name="rounds">How often both are timed.</param>
    public static ResultTable Run(int cells, int rounds)
    {
        var folder = Directory.CreateTempSubdirectory("mdf-sweep-").FullName;
        try
        {
            var file = Path.Combine(folder, "sweep.yaml");
            File.WriteAllText(file, string.Create(CultureInfo.InvariantCulture,
                $"experiment:\n{string.Join('\n', Keys.Split('\n').Select(line => "  " + line))}\nseeds: [{string.Join(", ", Enumerable.Range(1, cells))}]\nthreads: {get_num_threads()}\n"));
            ByHand(1, Path.Combine(folder, "warm"));
            var times = Enumerable.Range(0, rounds).Select(round => (
                Hand: Time(() => ByHand(cells, Path.Combine(folder, $"hand{round}"))),
                Sweep: Time(() => ByProgram(file, Path.Combine(folder, $"sweep{round}"))))).ToArray();
            return new ResultTable(
                $"{cells} cells of one step, {get_num_threads()} threads, {rounds} rounds in turns",
                [ResultColumn.Number("round", "D"), ResultColumn.Number("by hand, one process (s)", "F1"), ResultColumn.Number("mdf sweep (s)", "F1"), ResultColumn.Number("ratio", "F3")],
                times.Select((time, round) => new object?[] { round + 1, time.Hand, time.Sweep, time.Sweep / time.Hand }));
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static double Time(Action work)
    {
        var started = Stopwatch.GetTimestamp();
        work();
        return Stopwatch.GetElapsedTime(started).TotalSeconds;
    }

    private static void ByHand(int cells, string folder)
    {
        for (var seed = 1; seed <= cells; seed++)
        {
            var experiment = ExperimentFile.Parse(Keys, "benchmark", [$"seed={seed}"]);
            using var run = new ExperimentRun(experiment, new RunFolder(Path.Combine(folder, $"{seed}")), CPU);
            run.Run(resume: false);
        }
    }

    private static void ByProgram(string file, string folder)
    {
        var program = Path.Combine("src", "MdfLoss.Tool", "bin", "Release", "net10.0", "mdf.dll");
        using var process = Process.Start(new ProcessStartInfo("dotnet", [program, "sweep", file, "-o", folder]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"mdf sweep ended with {process.ExitCode}: {error.Result}");
    }
}
