using System.Globalization;
using Mdf.Discriminators;
using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Training;
using Mdf.Training.Adversarial;
using static TorchSharp.torch;

namespace Mdf.Benchmarks;

/// <summary>An iteration of phase 1 at each scale of a 250×168 photograph: SinGAN's published schedule, ours, and the convolutions of ours alone.</summary>
internal static class Phase1Benchmark
{
    private const int Height = 168;
    private const int Width = 250;
    private const int Scales = 8;
    private const int Seed = 1;

    // The rate matters to nobody here; of so many iterations none is behind the fall of the learning rate.
    private const int Iterations = 1_000_000;

    /// <summary>Times everything in turns.</summary>
    /// <param name="task">The task.</param>
    /// <param name="photo">A photograph; it is scaled to the size.</param>
    /// <param name="rounds">How often.</param>
    public static Phase1Result Run(string task, Tensor photo, int rounds)
    {
        using var scope = NewDisposeScope();
        var options = new LossTrainingOptions { Distortion = Tasks.ParseForLoss(task) };
        var plan = PyramidPlan.For(new ImageSize(Height, Width));
        var finest = 2 * Resampler.Bicubic(photo, Height, Width).clamp(0, 1) - 1;
        var reals = plan.Sizes.Select(size => Resampler.Bicubic(finest, size.Height, size.Width)).ToArray();
        var start = zeros(1, 3, plan.Start.Height, plan.Start.Width); // mid-grey: the coarsest scale begins with noise alone
        using var random = new Generator(Seed);
        var below = new List<ScaleGenerator>();
        var scales = new Dictionary<string, Phase1Times>();
        for (var k = 0; k < Scales; k++)
        {
            Console.Error.WriteLine($"scale {k}, {plan.Sizes[k]}");
            var width = PyramidPlan.WidthOf(k);
            var upscaled = Resampler.Bicubic(k == 0 ? start : reals[k - 1], plan.Sizes[k].Height, plan.Sizes[k].Width);
            using var input = new DistortedSource(upscaled, options.Distortion, options.NoiseAt(k));
            using var yardstick = new SinganSchedule(Fresh(new Discriminator(width)), Fresh(new ScaleGenerator(width)), reals[k], upscaled, start, below, options);
            using var trainer = ScaleTrainers.Create(
                Fresh(new Discriminator(width)), Fresh(new ScaleGenerator(width)), [new ScaleImage(reals[k], input)], new ScaleSchedule { ReconstructionWeight = options.ReconstructionWeight }, TrainingEngine.Automatic);
            var floor = new Phase1Floor(width, plan.Sizes[k], input.IsFixed);
            var convolutions = new Phase1Convolutions(width, plan.Sizes[k], input.IsFixed);
            var iteration = 0;
            List<double> plain = [], fast = [], alone = [], whole = [], products = [];
            for (var round = -1; round < rounds; round++)
            {
                var times = new[]
                {
                    Timing.Milliseconds(() => yardstick.Step(random), warmUps: 0),
                    Timing.Milliseconds(() => trainer.Step(iteration++, random), warmUps: 0),
                    floor.Measure(),
                    convolutions.Whole(),
                    convolutions.Products(),
                };
                if (round < 0)
                    continue; // does not count
                foreach (var (list, time) in new[] { plain, fast, alone, whole, products }.Zip(times))
                    list.Add(time);
            }

            scales.Add(k.ToString(CultureInfo.InvariantCulture), new Phase1Times(
                Timing.Median(plain), Timing.Median(fast), Timing.Median(alone), Timing.Median(products), Timing.Median(whole) - Timing.Median(products)));
            var frozen = Fresh(new ScaleGenerator(width));
            frozen.Freeze();
            below.Add(frozen);
        }

        return new Phase1Result(task, get_num_threads(), TrainingEngine.Automatic.Resolve(CPU, 64).ToString(), scales);

        T Fresh<T>(T network)
            where T : ScaleNetwork
        {
            network.Initialize(random);
            return network;
        }
    }
}

/// <summary>What an iteration took at one scale, in milliseconds: medians.</summary>
/// <param name="PlainMs">SinGAN's published schedule with our distortions, by libtorch.</param>
/// <param name="FastMs">Ours.</param>
/// <param name="FloorMs">All convolutions of our schedule, each timed alone by libtorch in the layout that it is fastest in.</param>
/// <param name="ProductsMs">Of ours, the matrix products of the convolutions from many channels to many.</param>
/// <param name="TransformsMs">Of ours, Winograd's transforms around them.</param>
internal sealed record Phase1Times(double PlainMs, double FastMs, double FloorMs, double ProductsMs, double TransformsMs)
{
    /// <summary>Of ours, all else: batch norm, leaky ReLU, convolutions with an image, sums, Adam, threads that wait.</summary>
    public double RestMs => FastMs - ProductsMs - TransformsMs;
}

/// <summary>The result.</summary>
/// <param name="Task">The task.</param>
/// <param name="Threads">Threads that computed.</param>
/// <param name="Engine">What ours computed with.</param>
/// <param name="Scales">By scale.</param>
internal sealed record Phase1Result(string Task, int Threads, string Engine, IReadOnlyDictionary<string, Phase1Times> Scales)
{
    /// <summary>How many times as long the published schedule takes, all scales together.</summary>
    public double TotalRatio => Scales.Values.Sum(times => times.PlainMs) / Scales.Values.Sum(times => times.FastMs);

    /// <summary>Our time over the convolutions' alone.</summary>
    public double TotalOverFloor => Scales.Values.Sum(times => times.FastMs) / Scales.Values.Sum(times => times.FloorMs);

    /// <summary>What part of our time the matrix products take.</summary>
    public double ProductsShare => Scales.Values.Sum(times => times.ProductsMs) / Scales.Values.Sum(times => times.FastMs);

    /// <summary>What part of our time the transforms take.</summary>
    public double TransformsShare => Scales.Values.Sum(times => times.TransformsMs) / Scales.Values.Sum(times => times.FastMs);
}
