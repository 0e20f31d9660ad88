using Mdf.Discriminators;
using Mdf.Runtime;
using Mdf.Training.Adversarial;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Training.Adversarial;

public sealed class TensorScaleTrainerTests
{
    /// <summary>One step of the discriminator against golden numbers (SinGAN's step, computed with PyTorch 1.13 in float32).</summary>
    /// <remarks>
    /// One activation behind the head lies 4e-7 from the kink of leaky ReLU, and the reference's rounding put it on the other side:
    /// in float64 PyTorch 1.13 itself gives a penalty of 1.62622 where its float32 gives 1.62497. Moving ε by 1e-6 moves that
    /// activation across, and then everything agrees at the golden file's tolerances. In float64, so that rounding decides nothing.
    /// </remarks>
    [Fact]
    public void A_discriminator_step_equals_the_reference()
    {
        using var scope = NewDisposeScope();
        var golden = Golden.Read("wgan_gp_discriminator_step");
        var (discriminator, losses) = Step(golden, float64, acrossTheKink: 1e-6);

        Assert.Equal(1, losses.Real / golden["loss_real"].item<float>(), 1e-5);
        Assert.Equal(1, losses.Fake / golden["loss_fake"].item<float>(), 1e-5);
        Assert.Equal(1, losses.Penalty / golden["gradient_penalty"].item<float>(), 1e-5);
        var compared = 0;
        foreach (var (name, parameter) in discriminator.named_parameters())
        {
            if (HasNoGradient(name))
            {
                Assert.InRange(parameter.grad!.abs().max().item<double>(), 0, 1e-10);
                continue;
            }

            Assert.True(Golden.RelativeError(parameter.grad!, golden["grad." + name]) < 1e-4, name);
            compared++;
        }

        Assert.Equal(13, compared);
        foreach (var (key, value) in discriminator.state_dict().Where(entry => golden.ContainsKey("after." + entry.Key) && !HasNoGradient(entry.Key)))
            Assert.True(Golden.RelativeError(value, golden["after." + key]) < 1e-4, key);
    }

    [Fact]
    public void A_discriminator_step_in_float32_agrees_with_float64()
    {
        using var scope = NewDisposeScope();
        var golden = Golden.Read("wgan_gp_discriminator_step");
        var (single, losses) = Step(golden, float32);
        var (twice, expected) = Step(golden, float64);
        Assert.Equal(1, losses.Penalty / expected.Penalty, 2e-3); // the kink again: either side may be taken
        foreach (var ((name, found), (_, wanted)) in single.named_parameters().Zip(twice.named_parameters()).Where(pair => !HasNoGradient(pair.First.name)))
            Assert.True(Golden.RelativeError(found.grad!, wanted.grad!) < 2e-2, name);
    }

    [Fact]
    public void The_learning_rate_falls_to_a_tenth_after_four_fifths()
    {
        Assert.Equal(5e-4, ScaleTrainer.LearningRateAt(0, int.MaxValue), 1e-12);
        Assert.Equal(5e-4, ScaleTrainer.LearningRateAt(1599, int.MaxValue), 1e-12);
        Assert.Equal(5e-5, ScaleTrainer.LearningRateAt(1600, int.MaxValue), 1e-12);
    }

    [Fact]
    public void Iterations_after_the_schedule_keep_its_last_rate()
    {
        Assert.Equal(5e-4, ScaleTrainer.LearningRateAt(1600, scheduled: 1600), 1e-12);
        Assert.Equal(5e-5, ScaleTrainer.LearningRateAt(1900, scheduled: 1601), 1e-12);
    }

    /// <summary>Batch norm takes away what the bias before it adds, and the tail's cancels between real and fake.</summary>
    private static bool HasNoGradient(string name) =>
        name.EndsWith("conv.bias", StringComparison.Ordinal) || name == "tail.bias";

    private static (Discriminator Discriminator, (double Real, double Fake, double Penalty) Losses) Step(
        Dictionary<string, Tensor> golden, ScalarType type, double acrossTheKink = 0)
    {
        var discriminator = new Discriminator(32);
        using (no_grad())
        {
            foreach (var (key, value) in discriminator.state_dict())
            {
                if (golden.TryGetValue("before." + key, out var before))
                    value.copy_(before);
            }
        }

        discriminator.to(type);
        discriminator.train();
        using var optimizer = new Adam(discriminator.named_parameters(), beta1: 0.5, beta2: 0.999);
        var losses = TensorScaleTrainer.StepDiscriminator(discriminator, optimizer, 5e-4,
            golden["real"].to(type), golden["fake"].to(type), golden["alpha"].to(type).Add(acrossTheKink));
        return (discriminator, losses);
    }
}
