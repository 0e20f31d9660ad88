using System.Diagnostics;
using Mdf.Distortions;
using Mdf.Losses;
using Mdf.Networks;
using Mdf.Training;
using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>What the sampler adds to a step of phase 2, and whether a long training needs ever more memory.</summary>
internal static class TrainingBenchmark
{
    private const int Batch = 8;
    private const int StepsOfARound = 20;
    private const int StepsUntilFull = 4;
    private const int Seed = 1;

    private static readonly (string Task, string Network, int Patch)[] s_tasks =
    [
        ("sisr:4", "edsr?features=32&blocks=8", 96),
        ("jpeg:10", "dncnn?batch_norm=false&features=32&layers=8", 64),
        ("denoise:25", "dncnn?batch_norm=false&features=32&layers=8", 64),
    ];

    private static readonly int[] s_checkpoints = [200, 500, 1000, 1500, 2000];

    /// <summary>Steps with batches that a thread cuts and distorts meanwhile, against steps with one batch that is there, in turns.</summary>
    /// <param name="rounds">How many times twenty steps of each.</param>
    public static TrainingResult Run(int rounds) => new(get_num_threads(), s_tasks.ToDictionary(entry => entry.Task, entry =>
    {
        Console.Error.WriteLine(entry.Task);
        using var subject = new Subject(entry.Task, entry.Network, entry.Patch);
        using var batch = subject.Sampler.Sample(0);
        List<double> drawn = [], still = [], ratios = [];
        for (var round = -1; round < rounds; round++) // the first does not count
        {
            // Now the one first, now the other: a machine that becomes slower speaks against neither.
            var stillFirst = round % 2 == 0;
            var before = stillFirst ? Still() : 0;
            var withSampler = Drawn();
            var withoutSampler = stillFirst ? before : Still();
            if (round < 0)
                continue;
            drawn.Add(withSampler);
            still.Add(withoutSampler);
            ratios.Add(withSampler / withoutSampler);
        }

        return new TrainingTimes(entry.Network, Timing.Median(drawn), Timing.Median(still), Timing.Median(ratios));

        double Drawn()
        {
            // A queue of its own each round, so that its thread rests while the other way is timed.
            using var queue = new BatchQueue(subject.Sampler, 0, long.MaxValue);
            for (var i = 0; i < StepsUntilFull; i++)
                Step(queue);
            return Mean(() => Step(queue));
        }

        double Still()
        {
            subject.Trainer.Step(batch);
            return Mean(() => subject.Trainer.Step(batch));
        }

        static double Mean(Action step)
        {
            var started = Stopwatch.GetTimestamp();
            for (var i = 0; i < StepsOfARound; i++)
                step();
            return Stopwatch.GetElapsedTime(started).TotalMilliseconds / StepsOfARound;
        }

        void Step(BatchQueue queue)
        {
            using var next = queue.Take();
            subject.Trainer.Step(next);
        }
    }));

    /// <summary>Two thousand steps of a small network.</summary>
    public static TrainingMemory RunForMemory()
    {
        const string task = "jpeg:10";
        const string network = "dncnn?features=8&layers=4";
        using var subject = new Subject(task, network, patch: 32);
        using var queue = new BatchQueue(subject.Sampler, 0, s_checkpoints[^1]);
        using var process = Process.GetCurrentProcess();
        var resident = new Dictionary<string, double>();
        while (subject.Trainer.Iteration < s_checkpoints[^1])
        {
            using (var next = queue.Take())
                subject.Trainer.Step(next);
            if (!s_checkpoints.Contains(subject.Trainer.Iteration))
                continue;
            // What the collector has not got round to is no growth.
            GC.Collect();
            GC.WaitForPendingFinalizers();
            GC.Collect();
            process.Refresh();
            resident[$"step_{subject.Trainer.Iteration}"] = Math.Round(process.WorkingSet64 / 1e6, 1);
        }

        return new TrainingMemory(task, network, resident, resident.Values.Last() / resident.Values.First());
    }

    /// <summary>A network, and what it is trained with; the photograph is the sample.</summary>
    private sealed class Subject : IDisposable
    {
        private readonly RestorationNetwork _network;
        private readonly ReconstructionLoss _loss = LossExpression.Parse("l1").Create();

        public Subject(string task, string network, int patch)
        {
            var distortion = Tasks.ParseForNetwork(task);
            var sampling = new SamplingOptions { Patch = patch };
            _network = Architectures.Parse(network).Build(Seed);
            Trainer = new NetworkTrainer(_network, _loss, new ScheduleOptions { Iterations = 1_000_000, Batch = Batch });
            using var photo = Workload.Photo();
            Sampler = new PatchSampler(TrainingImages.FromTensors([photo], sampling), distortion, sampling, Batch, Seed);
        }

        public NetworkTrainer Trainer { get; }

        public PatchSampler Sampler { get; }

        public void Dispose()
        {
            Trainer.Dispose();
            _network.Dispose();
            _loss.Dispose();
        }
    }
}

/// <summary>The step in milliseconds with batches that the sampler makes and with one that is there, and their ratio: medians of the rounds.</summary>
internal sealed record TrainingTimes(string Network, double WithSamplerMs, double FixedBatchMs, double Ratio);

/// <summary>By task.</summary>
internal sealed record TrainingResult(int Threads, IReadOnlyDictionary<string, TrainingTimes> Tasks);

/// <summary>Resident memory in megabytes after so many steps, and the last by the first.</summary>
internal sealed record TrainingMemory(string Task, string Network, IReadOnlyDictionary<string, double> ResidentMb, double Growth);
