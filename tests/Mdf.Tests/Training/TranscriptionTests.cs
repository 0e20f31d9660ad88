using Mdf.Discriminators;
using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Training;
using static TorchSharp.torch;

namespace Mdf.Tests.Training;

/// <summary>
/// Phase 1 written a second time, straight down from the design's page, with nothing of <c>Training</c> in it but the order in which
/// random numbers are drawn. Whatever the trainer does otherwise (a step too few, a range, a sign, a scale that starts from the
/// wrong image) shows in the weights.
/// </summary>
/// <remarks>
/// The two must agree to the last bit: Adam's first steps have the size of the learning rate however small a gradient is, so that a
/// difference of rounding alone becomes one of several percent within five iterations.
/// </remarks>
public sealed class TranscriptionTests
{
    private const int Iterations = 5; // the last one at a tenth of the learning rate
    private const int Scales = 2;
    private const int Seed = 3;

    [Theory]
    [InlineData("sisr")]
    [InlineData("denoise:25")]
    [InlineData("jpeg:10")]
    public void The_trainer_does_what_the_design_says(string task)
    {
        using var scope = NewDisposeScope();
        using var seeded = new Generator(8);
        var photo = Resampler.Bicubic(rand([1, 3, 8, 10], generator: seeded), 32, 40).clamp(0, 1);
        var options = new LossTrainingOptions { Distortion = Distortion.Parse(task), Iterations = Iterations, Scales = Scales, Seed = Seed };
        using var stack = LossTraining.Train(photo, "", options);

        var expected = Transcribe(photo, task);
        for (var k = 0; k < Scales; k++)
        {
            foreach (var (key, value) in expected[k].state_dict())
                Assert.True(Golden.AreEqual(stack[k].state_dict()[key], value), $"scale {k}, {key}");
        }
    }

    private static List<Discriminator> Transcribe(Tensor photo, string task)
    {
        var random = new Generator(Seed);
        // 40×32: m = 32, K = ⌈ln(25/32) / ln 0.75⌉ + 2 = 3, r = (25/32)^(1/2): 32×25, 36×29 (35.4 and 28.3 rounded up), 40×32.
        var x = 2 * photo - 1;
        Tensor[] real = [Resampler.Bicubic(x, 25, 32), Resampler.Bicubic(x, 29, 36)];
        var restored = Resampler.Bicubic(x, 23, 28); // one level below: 32 r³ = 22.1, 40 r³ = 27.6
        var discriminators = new List<Discriminator>();
        ScaleGenerator? before = null;
        for (var k = 0; k < Scales; k++)
        {
            var (d, g) = (new Discriminator(32), new ScaleGenerator(32));
            if (k == 0)
            {
                d.Initialize(random);
                g.Initialize(random);
            }
            else
            {
                d.load_state_dict(discriminators[k - 1].state_dict());
                g.load_state_dict(before!.state_dict());
            }

            var upscaled = Resampler.Bicubic(restored, real[k].shape[2], real[k].shape[3]);
            Tensor Input() => task switch
            {
                "sisr" => (upscaled + 1) / 2 * 2 - 1,
                "denoise:25" => ((upscaled + 1) / 2 + 25 / 255.0 * randn(upscaled.shape, generator: random)) * 2 - 1,
                _ => JpegCodec.Decode(JpegCodec.Encode((upscaled.clamp(-1, 1) + 1) / 2, 10)) * 2 - 1,
            };
            d.train();
            g.train();
            using var adamD = optim.Adam(d.parameters(), 5e-4, 0.5, 0.999);
            using var adamG = optim.Adam(g.parameters(), 5e-4, 0.5, 0.999);
            for (var iteration = 0; iteration < Iterations; iteration++)
            {
                foreach (var group in adamD.ParamGroups.Concat(adamG.ParamGroups))
                    group.LearningRate = iteration < 4 ? 5e-4 : 5e-5;
                for (var step = 0; step < 3; step++)
                {
                    var fake = g.call(Input()).detach();
                    var epsilon = rand([1], generator: random);
                    adamD.zero_grad();
                    (-d.call(real[k]).mean()).backward();
                    d.call(fake).mean().backward();
                    var mixed = (epsilon * real[k] + (1 - epsilon) * fake).detach().requires_grad_(true);
                    var output = d.call(mixed);
                    var gradient = autograd.grad([output], [mixed], [ones_like(output)], create_graph: true, retain_graph: true)[0];
                    (0.1 * (gradient.norm(1, p: 2f) - 1).square().mean()).backward();
                    adamD.step();
                }

                for (var step = 0; step < 3; step++)
                {
                    var fake = g.call(Input());
                    adamG.zero_grad();
                    (10 * (fake - real[k]).square().mean() - d.call(fake).mean()).backward();
                    adamG.step();
                }
            }

            g.eval();
            restored = g.call(Input()).detach();
            discriminators.Add(d);
            before = g;
        }

        return discriminators;
    }
}
