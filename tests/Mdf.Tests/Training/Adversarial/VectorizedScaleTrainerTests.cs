using System.Runtime.InteropServices;
using Mdf.Discriminators;
using Mdf.Distortions;
using Mdf.Kernels;
using Mdf.Runtime;
using Mdf.Training.Adversarial;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Training.Adversarial;

/// <summary>The kernels' inner loop of phase 1 against libtorch's.</summary>
public sealed class VectorizedScaleTrainerTests
{
    /// <summary>The golden step of SinGAN, on the side of the kink on which <see cref="TensorScaleTrainerTests"/> compares it.</summary>
    [Fact]
    public void A_discriminator_step_equals_the_reference() => ForEachEngine(engine =>
    {
        using var scope = NewDisposeScope();
        var golden = Golden.Read("wgan_gp_discriminator_step");
        var discriminator = new Discriminator(32);
        using (no_grad())
        {
            foreach (var (key, value) in discriminator.state_dict())
            {
                if (golden.TryGetValue("before." + key, out var before))
                    value.copy_(before);
            }
        }

        var (losses, gradient) = Differentiate(engine, discriminator, golden["real"], golden["fake"], golden["alpha"].item<float>() + 1e-6f);
        Assert.Equal(1, losses.Real / golden["loss_real"].item<float>(), 1e-5);
        Assert.Equal(1, losses.Fake / golden["loss_fake"].item<float>(), 1e-5);
        Assert.Equal(1, losses.Penalty / golden["gradient_penalty"].item<float>(), 1e-5);
        var compared = 0;
        foreach (var (name, parameter) in discriminator.named_parameters().Where(entry => !HasNoGradient(entry.name)))
        {
            // An activation of x̃ lies 1.6e-5 from leaky ReLU's kink; Winograd's rounding puts it on the other side. Of this gradient, in which x and x̃ nearly
            // cancel, that is 3.5e-3.
            var tolerance = name == "body.block3.norm.bias" ? 5e-3 : 1e-4;
            Assert.True(Golden.RelativeError(tensor(gradient(name)).view(parameter.shape), golden["grad." + name]) < tolerance, name);
            compared++;
        }

        Assert.Equal(13, compared);
    });

    /// <summary>Sizes that fit no block, both widths that occur most, and one where the body is as small as it gets.</summary>
    [Theory]
    [InlineData(32, 25, 38)]
    [InlineData(32, 31, 27)]
    [InlineData(64, 41, 30)]
    public void The_gradient_of_a_discriminator_step_is_that_of_autograd_in_float64(int width, int height, int columns) => ForEachEngine(engine =>
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(3);
        var discriminator = new Discriminator(width);
        discriminator.Initialize(random);
        var (real, fake) = Images(height, columns, random);
        var exact = new Discriminator(width);
        exact.CopyFrom(discriminator);
        exact.to(float64);
        exact.train();
        using var optimizer = new Adam(exact.named_parameters(), beta1: 0.5, beta2: 0.999);
        var expected = TensorScaleTrainer.StepDiscriminator(exact, optimizer, 5e-4, real.to(float64), fake.to(float64), tensor(0.37f).to(float64));

        var (losses, gradient) = Differentiate(engine, discriminator, real, fake, 0.37f);

        Assert.Equal(1, losses.Real / expected.Real, 1e-5);
        Assert.Equal(1, losses.Fake / expected.Fake, 1e-5);
        Assert.Equal(1, losses.Penalty / expected.Penalty, 1e-5);
        foreach (var (name, parameter) in exact.named_parameters().Where(entry => !HasNoGradient(entry.name)))
            Assert.True(Golden.RelativeError(tensor(gradient(name)).view(parameter.shape), parameter.grad!) < 2e-4, name);
        foreach (var (key, value) in exact.state_dict().Where(entry => entry.Key.Contains("running", StringComparison.Ordinal)))
            Assert.True(Golden.RelativeError(discriminator.state_dict()[key], value) < 1e-5, key);
    });

    /// <summary>
    /// Twenty iterations: before each, libtorch's trainer is given the weights, statistics and moments of the kernels' trainer; both make the iteration,
    /// and must find the same losses and running statistics.
    /// </summary>
    /// <remarks>
    /// Left alone, any two computations of this training part: Adam's first steps have the size of the learning rate however small a gradient is, so
    /// that what rounding decided is soon seen. libtorch, AVX2 and AVX-512 are three such computations.
    /// </remarks>
    [Theory]
    [InlineData("sisr", 32, false, 0)]
    [InlineData("sisr", 32, true, 0.2)] // the coarsest scale begins with noise
    [InlineData("denoise:25", 32, false, 0)]
    [InlineData("jpeg:10", 64, false, 0)]
    [InlineData("jpeg:10", 64, true, 0.2)]
    public void Twenty_iterations_have_the_losses_of_the_plain_schedule(string task, int width, bool isBlank, double noise) => ForEachEngine(engine =>
    {
        const int iterations = 20;
        using var scope = NewDisposeScope();
        using var random = new Generator(5);
        var (d, g) = (new Discriminator(width), new ScaleGenerator(width));
        d.Initialize(random);
        g.Initialize(random);
        var (real, upscaled) = Images(29, 33, random);
        using var input = new DistortedSource(isBlank ? zeros_like(upscaled) : upscaled, Tasks.Parse(task), noise);
        var image = new ScaleImage(real, input);
        using var trainer = ScaleTrainers.Create(d, g, [image], new ScaleSchedule(), engine);
        for (var iteration = 0; iteration < iterations; iteration++)
        {
            trainer.Store();
            var (plainD, plainG) = (new Discriminator(width), new ScaleGenerator(width));
            plainD.CopyFrom(d);
            plainG.CopyFrom(g);
            using var plain = ScaleTrainers.Create(plainD, plainG, [image], new ScaleSchedule(), TrainingEngine.Tensors);
            var (momentsD, momentsG) = trainer.SaveOptimizers();
            plain.LoadOptimizers(momentsD, momentsG, "");

            var expected = plain.Step(iteration, new Generator((ulong)iteration));
            var found = trainer.Step(iteration, new Generator((ulong)iteration));

            trainer.Store();
            // D's and G's third steps see what the first two made of rounding.
            Assert.Equal(expected.Real, found.Real, 2e-3);
            Assert.Equal(expected.Fake, found.Fake, 2e-3);
            Assert.Equal(1, found.Penalty / expected.Penalty, 3e-2);
            Assert.Equal(1, found.Reconstruction!.Value / expected.Reconstruction!.Value, 3e-2);
            Assert.Equal(0, Difference(d, plainD, "num_batches_tracked"));
            Assert.InRange(Difference(d, plainD, "running_var"), 0, 2e-2);
            Assert.InRange(Difference(g, plainG, "running_var"), 0, 2e-2);
        }

        static double Difference(ScaleNetwork found, ScaleNetwork expected, string what) => expected.state_dict()
            .Where(entry => entry.Key.EndsWith(what, StringComparison.Ordinal))
            .Max(entry => Golden.RelativeError(found.state_dict()[entry.Key].to(float64), entry.Value.to(float64)));
    });

    [Fact]
    public void What_the_optimizers_remember_passes_from_one_trainer_to_the_other_unchanged() => ForEachEngine(engine =>
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(6);
        var (d, g) = (new Discriminator(32), new ScaleGenerator(32));
        d.Initialize(random);
        g.Initialize(random);
        var (real, upscaled) = Images(25, 27, random);
        using var input = new DistortedSource(upscaled, Tasks.Parse("sisr"), noise: 0);
        using var trainer = ScaleTrainers.Create(d, g, [new ScaleImage(real, input)], new ScaleSchedule(), engine);
        trainer.Step(0, random);
        trainer.Step(1, random);
        trainer.Store();
        var saved = trainer.SaveOptimizers();
        using var plain = ScaleTrainers.Create(d, g, [new ScaleImage(real, input)], new ScaleSchedule(), TrainingEngine.Tensors);
        plain.LoadOptimizers(saved.Discriminator, saved.Generator, "");
        var again = plain.SaveOptimizers();
        using var other = ScaleTrainers.Create(d, g, [new ScaleImage(real, input)], new ScaleSchedule(), engine);
        other.LoadOptimizers(again.Discriminator, again.Generator, "");
        var last = other.SaveOptimizers();
        foreach (var (first, second) in new[] { (saved.Discriminator, last.Discriminator), (saved.Generator, last.Generator) })
        {
            Assert.Equal(first.Keys, second.Keys);
            Assert.All(first, entry => Assert.True(entry.Value.Bytes.SequenceEqual(second[entry.Key].Bytes), entry.Key));
        }

        Assert.Equal(6, MemoryMarshal.Read<long>(last.Discriminator["head.conv.weight.step"].Bytes));
        Assert.Contains(last.Generator["tail.weight.exp_avg"].Bytes.ToArray(), value => value != 0);
    });

    private static void ForEachEngine(Action<TrainingEngine> check)
    {
        Assert.SkipUnless(Lanes8.IsSupported, "this processor has no AVX2");
        check(TrainingEngine.EightLanes);
        if (Lanes16.IsSupported)
            check(TrainingEngine.SixteenLanes);
    }

    private static bool HasNoGradient(string name) => name.EndsWith("conv.bias", StringComparison.Ordinal) || name == "tail.bias";

    private static (Tensor Real, Tensor Fake) Images(int height, int width, Generator random)
    {
        var real = rand([1, 3, height, width], generator: random).Mul(2).Sub(1);
        return (real, real.Add(randn([1, 3, height, width], generator: random).Mul(0.3)));
    }

    private static ((double Real, double Fake, double Penalty) Losses, Func<string, float[]> Gradient) Differentiate(
        TrainingEngine engine, Discriminator discriminator, Tensor real, Tensor fake, float epsilon)
    {
        using var generator = new ScaleGenerator(discriminator.Width);
        using var input = new DistortedSource(fake, Tasks.Parse("sisr"), noise: 0);
        return engine == TrainingEngine.SixteenLanes ? Of<Lanes16>() : Of<Lanes8>();

        ((double, double, double), Func<string, float[]>) Of<TLanes>()
            where TLanes : unmanaged, ILanes<TLanes>
        {
            using var trainer = new VectorizedScaleTrainer<TLanes>(discriminator, generator, [new ScaleImage(real, input)], new ScaleSchedule());
            var (losses, gradient) = trainer.DifferentiateDiscriminator(fake, epsilon);
            trainer.Store();
            var gradients = discriminator.named_parameters().Where(entry => !HasNoGradient(entry.name)).ToDictionary(entry => entry.name, entry => gradient(entry.name));
            return (losses, name => gradients[name]);
        }
    }
}
