using Mdf.Discriminators;
using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Runtime;
using Mdf.Training;
using Mdf.Training.Adversarial;
using static TorchSharp.torch;

namespace Mdf.Tests.Training;

/// <summary>
/// Phase 1 written a second time, straight down from the design's page, with nothing of <c>Training</c> in it but Adam and the order in
/// which random numbers are drawn. Whatever the trainer does otherwise (a step too few, a range, a sign, a scale that starts from the
/// wrong image) shows in the weights.
/// </summary>
/// <remarks>
/// The two must agree to the last bit: Adam's first steps have the size of the learning rate however small a gradient is, so that a
/// difference of rounding alone becomes one of several percent within five iterations.
/// </remarks>
public sealed class TranscriptionTests
{
    private const int Seed = 3;

    [Theory]
    [InlineData("sisr", 2, 3, "paper")]
    [InlineData("denoise:25", 2, 3, "paper")]
    [InlineData("jpeg:10", 2, 3, "paper")]
    [InlineData("jpeg:10", 5, 1, "paper")] // scale 4 is the first of width 64
    [InlineData("sisr", 3, 3, "photograph")]
    [InlineData("denoise:25", 2, 3, "photograph")]
    [InlineData("jpeg:10", 2, 3, "photograph")]
    [InlineData("denoise:25", 2, 3, "random")]
    [InlineData("jpeg:10", 5, 1, "random")]
    public void The_trainer_does_what_the_design_says(string task, int scales, int iterations, string recipe)
    {
        using var scope = NewDisposeScope();
        using var seeded = new Generator(8);
        var photo = Resampler.Bicubic(rand([1, 3, 8, 10], generator: seeded), 64, 80).Clamp(0, 1);
        var options = new LossTrainingOptions
        {
            Distortion = Tasks.Parse(task),
            Iterations = iterations,
            Scales = scales,
            Seed = Seed,
            MaxSize = 60,
            Recipe = LossRecipe.Parse(recipe),
            Engine = TrainingEngine.Tensors,
        };
        using var stack = LossTraining.Train(photo, "", options);

        Assert.Equal(recipe, stack.Metadata!.Recipe);
        var expected = Transcribe(photo, task, scales, iterations, recipe);
        for (var k = 0; k < scales; k++)
        {
            foreach (var (key, value) in expected[k].state_dict())
                Assert.True(Golden.AreEqual(stack[k].state_dict()[key], value), $"scale {k}, {key}");
        }
    }

    private static List<Discriminator> Transcribe(Tensor photo, string task, int scales, int iterations, string recipe)
    {
        var (isChained, hasGenerator) = (recipe == "paper", recipe != "random");
        // 80×64 scaled to 60×48: m = 48, K = ⌈ln(25/48) / ln 0.75⌉ + 2 = 5, r = (25/48)^(1/4) = 0.8495. Sizes × r^(K−1−k), rounded up.
        var x = Resampler.Bicubic(photo, 48, 60).Mul(2).Sub(1);
        Tensor[] real = [Resampler.Bicubic(x, 25, 32), Resampler.Bicubic(x, 30, 37), Resampler.Bicubic(x, 35, 44), Resampler.Bicubic(x, 41, 51), x];
        var below = isChained || !hasGenerator ? Resampler.Bicubic(x, 22, 27) : zeros(1, 3, 22, 27); // one level below: 48 r⁵ = 21.2, 60 r⁵ = 26.5
        var discriminators = new List<Discriminator>();
        ScaleGenerator? before = null;
        for (var k = 0; k < scales; k++)
        {
            Generator Random(int iteration) => new(Seeds.Derive(Seed, ((long)k << 32) + iteration));
            var (d, g) = (new Discriminator(k < 4 ? 32 : 64), new ScaleGenerator(k < 4 ? 32 : 64));
            if (k is 0 or 4)
            {
                using var random = Random(-1);
                d.Initialize(random);
                if (hasGenerator)
                    g.Initialize(random);
            }
            else
            {
                d.load_state_dict(discriminators[k - 1].state_dict());
                if (hasGenerator)
                    g.load_state_dict(before!.state_dict());
            }

            var upscaled = Resampler.Bicubic(below, real[k].shape[2], real[k].shape[3]);
            var noise = isChained || !hasGenerator || k > 0 ? 0 : 0.2;
            Tensor Input(Generator random) => noise == 0 ? Distorted(random) : Distorted(random).Add(randn(upscaled.shape, generator: random).Mul(noise));
            Tensor Distorted(Generator random) => task switch
            {
                "sisr" => upscaled.Add(1).Div(2).Mul(2).Sub(1),
                "denoise:25" => upscaled.Add(1).Div(2).Add(randn(upscaled.shape, generator: random).Mul(25 / 255.0)).Mul(2).Sub(1),
                _ => JpegCodec.Decode(JpegCodec.Encode(upscaled.Clamp(-1, 1).Add(1).Div(2), 10)).Mul(2).Sub(1),
            };
            d.train();
            g.train();
            using var adamD = new Adam(d.named_parameters(), 5e-4, 0.5, 0.999);
            using var adamG = new Adam(g.named_parameters(), 5e-4, 0.5, 0.999);
            for (var iteration = 0; iteration < iterations; iteration++)
            {
                using var random = Random(iteration);
                for (var step = 0; step < 3; step++)
                {
                    if (!hasGenerator)
                    {
                        d.call(real[k]); // for the running statistics only
                        d.call(Input(random));
                        continue;
                    }

                    var fake = g.call(Input(random)).detach();
                    var epsilon = rand([1], generator: random);
                    adamD.ZeroGrad();
                    (-d.call(real[k]).mean()).backward();
                    d.call(fake).mean().backward();
                    var mixed = (epsilon * real[k]).Add(epsilon.SubFrom(1) * fake).detach().requires_grad_(true);
                    var output = d.call(mixed);
                    var gradient = autograd.grad([output], [mixed], [ones_like(output)], create_graph: true, retain_graph: true)[0];
                    gradient.norm(1, p: 2f).Sub(1).Square().mean().Mul(0.1).backward();
                    adamD.Step();
                }

                for (var step = 0; step < (hasGenerator ? 3 : 0); step++)
                {
                    var fake = g.call(Input(random));
                    adamG.ZeroGrad();
                    ((fake - real[k]).Square().mean().Mul(10) - d.call(fake).mean()).backward();
                    adamG.Step();
                }
            }

            g.eval();
            using var last = Random(iterations);
            below = isChained ? g.call(Input(last)).detach() : real[k];
            discriminators.Add(d);
            before = g;
        }

        return discriminators;
    }
}
