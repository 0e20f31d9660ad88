using Mdf.Discriminators;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Losses;

/// <summary>What every loss promises.</summary>
public sealed class ReconstructionLossTests
{
    // Large enough for every loss (ms-ssim needs 161), with an odd side.
    private const int Height = 161;
    private const int Width = 176;

    public static TheoryData<string> AllLosses => [.. LossExpression.Kinds.OwnNames, "0.5*ms-ssim+l1"];

    public static TheoryData<string> ZeroLosses => [.. AllLosses.Select(row => row.Data).Where(IsZeroForEqualImages)];

    /// <summary>Those whose gradient is that of their value: all except one with weights that are constants for it (TranscribedLossTests checks that one).</summary>
    public static TheoryData<string> DifferentiatedLosses => [.. AllLosses.Select(row => row.Data).Where(IsDifferentiated)];

    [Theory]
    [MemberData(nameof(ZeroLosses))]
    public void Loss_is_zero_for_identical_images(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = Make(name);
        var image = Image(seed: 1);
        Assert.Equal(0, loss.call(image, image.clone()).item<float>(), 1e-7);
    }

    [Theory]
    [MemberData(nameof(ZeroLosses))]
    public void Loss_is_positive_for_different_images_and_grows_with_the_difference(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = Make(name);
        var (image, noise) = (Image(seed: 1), Image(seed: 2).Sub(0.5));
        var small = loss.call(image.Add(noise.Mul(0.01)), image).item<float>();
        var large = loss.call(image.Add(noise.Mul(0.2)), image).item<float>();
        Assert.InRange(small, 1e-9f, large / 2);
    }

    /// <summary>All but resnet18: it divides by the features of the reference.</summary>
    public static TheoryData<string> SymmetricLosses => [.. AllLosses.Select(row => row.Data).Where(name => name != "resnet18")];

    [Theory]
    [MemberData(nameof(SymmetricLosses))]
    public void Loss_is_symmetric(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = Make(name);
        var (x, y) = (Image(seed: 1), Near(Image(seed: 1)));
        Assert.Equal(1, loss.call(x, y).item<float>() / loss.call(y, x).item<float>(), 1e-5);
    }

    [Theory]
    [MemberData(nameof(DifferentiatedLosses))]
    public void Gradient_agrees_with_finite_differences(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = Make(name);
        loss.to(float64);
        var reference = Part(Image(seed: 1), loss).to(float64);
        var restored = Near(reference);
        AssertGradient(name, x => loss.call(x, reference), restored);
    }

    [Theory]
    [MemberData(nameof(AllLosses))]
    public void Gradient_is_finite_for_equal_flat_black_white_and_opposite_images(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = Make(name);
        var image = Part(Image(seed: 1), loss);
        var (black, white, grey) = (zeros_like(image), ones_like(image), Full(image.shape, 0.4));
        var flat = image.clone();
        flat[.., .., .., ..(int)(image.shape[3] * 3 / 5)] = grey[.., .., .., ..(int)(image.shape[3] * 3 / 5)];
        foreach (var (x, y) in new[]
        {
            (image, image), (black, black), (white, white), (grey, grey), (flat, flat), (white, black), (black, grey), (flat, grey), (image.SubFrom(1), image), (image, white),
            (black, image), (image, flat), (image, image.Add(1e-7)), (image.Mul(3).Sub(1), image),
        })
        {
            foreach (var type in new[] { float32, float64 })
            {
                loss.to(type);
                var restored = x.to(type).clone().requires_grad_(true);
                var value = loss.call(restored, y.to(type));
                value.backward();
                Assert.True(double.IsFinite(value.Number()));
                Assert.True(restored.grad!.isfinite().all().item<bool>());
                if (loss.IsZeroForEqualImages && ReferenceEquals(x, y))
                {
                    Assert.Equal(0, value.Number(), 1e-7);
                    // A gradient there is a rounding error. A whole step of an optimizer must not come from it.
                    Assert.InRange(restored.grad!.abs().max().Number(), 0, 1e-3);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllLosses))]
    public void A_prepared_loss_is_the_same_loss(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = Make(name);
        var reference = Image(seed: 1, batch: 2);
        var restored = Near(reference);
        using var prepared = loss.Prepare(reference);
        var direct = Evaluate(x => loss.call(x, reference), restored);
        var again = Evaluate(x => prepared.call(x), restored);
        Assert.Equal(direct.Value, again.Value);
        Assert.InRange(Golden.RelativeError(again.Gradient, direct.Gradient), 0, 1e-6);
        Assert.Throws<InputException>(() => prepared.call(Image(seed: 2)));
    }

    [Theory]
    [MemberData(nameof(AllLosses))]
    public void Per_image_values_have_the_batch_value_as_their_mean(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = Make(name);
        if (!loss.IsPerImage)
        {
            Assert.Contains("one value for the whole batch", Assert.Throws<ArgumentException>(() => loss.Reduction = Reduction.None).Message);
            Assert.Contains("one value for the whole batch", Assert.Throws<ArgumentException>(() => loss.Reduction = Reduction.Sum).Message);
            return;
        }

        var reference = Image(seed: 1, batch: 3);
        var restored = Near(reference);
        var mean = loss.call(restored, reference).item<float>();
        loss.Reduction = Reduction.None;
        var values = loss.call(restored, reference);
        Assert.Equal([3L], values.shape);
        Assert.Equal(mean, values.mean().item<float>(), 1e-6 + 1e-5 * Math.Abs(mean));
        for (var i = 0; i < 3; i++)
            Assert.Equal(values[i].item<float>(), loss.call(restored[i..(i + 1)], reference[i..(i + 1)]).item<float>(), 1e-6 + 1e-5 * Math.Abs(mean));
    }

    [Theory]
    [MemberData(nameof(AllLosses))]
    public void The_sum_over_a_batch_and_its_gradient_are_so_many_times_the_mean(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = Make(name);
        if (!loss.IsPerImage)
            return;
        var reference = Part(Image(seed: 1, batch: 3), loss);
        var restored = Near(reference);
        using var prepared = loss.Prepare(reference);
        var mean = Evaluate(x => loss.call(x, reference), restored);
        var measured = loss.Measure(restored, reference, TestContext.Current.CancellationToken);
        loss.Reduction = Reduction.Sum;
        foreach (var sum in new[] { Evaluate(x => loss.call(x, reference), restored), Evaluate(prepared.call, restored) })
        {
            Assert.Equal(1, sum.Value / (3 * mean.Value), 1e-5);
            Assert.InRange(Golden.RelativeError(sum.Gradient, mean.Gradient.Mul(3)), 0, 1e-5);
        }

        Assert.Equal(measured, loss.Measure(restored, reference, TestContext.Current.CancellationToken));
        if (!IsDifferentiated(name))
            return;
        loss.to(float64);
        var (exactReference, exactRestored) = (reference[..2].to(float64), restored[..2].to(float64));
        AssertGradient(name, x => loss.call(x, exactReference), exactRestored);
    }

    [Theory]
    [MemberData(nameof(AllLosses))]
    public void Unusable_images_are_refused_in_one_line(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = Make(name);
        var image = Image(seed: 1);
        AssertRefused("one size", image, image[.., .., .., 1..]);
        AssertMisused("(N, 3, H, W)", image[0], image[0]);
        AssertMisused("(N, 3, H, W)", image[.., ..1], image[.., ..1]);
        AssertMisused("floating-point", image.to(uint8), image.to(uint8));
        AssertMisused("one type", image.to(float64), image);
        var size = loss.MinimumSize - 1;
        if (size > 0)
            AssertRefused($"at least {size + 1}×{size + 1}", image[.., .., ..size, ..], image[.., .., ..size, ..]);
        var smallest = image[.., .., ..(size + 1), ..(size + 1)];
        Assert.True(double.IsFinite(loss.call(smallest, smallest.SubFrom(1)).item<float>()));

        void AssertRefused(string expected, Tensor restored, Tensor reference) =>
            Assert.Contains(expected, Assert.Throws<InputException>(() => loss.call(restored, reference)).Message);

        void AssertMisused(string expected, Tensor restored, Tensor reference) =>
            Assert.Contains(expected, Assert.Throws<ArgumentException>(() => loss.call(restored, reference)).Message);
    }

    [Theory]
    [MemberData(nameof(AllLosses))]
    public void Calling_a_loss_leaves_no_tensor_behind(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = Make(name);
        var reference = Part(Image(seed: 1), loss);
        var restored = Part(Image(seed: 2), loss).requires_grad_(true);
        var before = 0L;
        for (var i = 0; i < 4; i++)
        {
            using (var value = loss.call(restored, reference))
                value.backward();
            using (var prepared = loss.Prepare(reference))
            using (var value = prepared.call(restored))
                value.backward();
            if (i == 0)
                before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        }

        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Theory]
    [MemberData(nameof(AllLosses))]
    public void NaN_in_gives_NaN_out(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = Make(name);
        var image = Image(seed: 1);
        var broken = image.clone();
        broken[0, 1, 80, 80] = float.NaN;
        Assert.True(double.IsNaN(loss.call(broken, image).item<float>()));
    }

    [Theory]
    [MemberData(nameof(AllLosses))]
    public void Training_mode_changes_nothing(string name)
    {
        using var scope = NewDisposeScope();
        var loss = Make(name);
        using var parent = nn.ModuleDict(("loss", loss));
        var image = Image(seed: 1);
        var before = loss.call(Near(image), image).item<float>();
        parent.train();
        Assert.Equal(before, loss.call(Near(image), image).item<float>());
        parent.eval();
        Assert.Equal(before, loss.call(Near(image), image).item<float>());
    }

    [Theory]
    [MemberData(nameof(AllLosses))]
    public void A_disposed_loss_says_so(string name)
    {
        using var scope = NewDisposeScope();
        var image = Image(seed: 1);
        var loss = Make(name);
        using var stays = loss.Prepare(image);
        var prepared = loss.Prepare(image);
        prepared.Dispose();
        Assert.Throws<ObjectDisposedException>(() => prepared.call(image));
        loss.Dispose();
        Assert.Throws<ObjectDisposedException>(() => loss.call(image, image));
        Assert.Throws<ObjectDisposedException>(() => stays.call(image));
    }

    [Fact]
    public void A_prepared_loss_keeps_its_reference_and_refuses_another_type()
    {
        using var scope = NewDisposeScope();
        using var loss = new L1Loss();
        var reference = zeros(1, 3, 4, 4);
        using var prepared = loss.Prepare(reference);
        reference.Fill_(1);
        Assert.Equal(0, prepared.call(zeros(1, 3, 4, 4)).item<float>());
        Assert.Contains("one type", Assert.Throws<ArgumentException>(() => prepared.call(zeros([1, 3, 4, 4], dtype: float64))).Message);
    }

    internal static ReconstructionLoss Make(string name)
    {
        using var random = new Generator(7);
        // Eight times fewer channels: the properties do not depend on their number.
        if (LossExpression.Kinds.Find(name)?.Untrained is { } untrained)
            return untrained(random, 8);
        if (name != "mdf")
            return LossExpression.Parse(name).Create();
        var discriminators = new[] { 4, 6 }.Select(width => new Discriminator(width)).ToArray();
        foreach (var discriminator in discriminators)
            discriminator.Initialize(random);
        return new MdfLoss(new DiscriminatorStack(discriminators, InputRange.Symmetric));
    }

    /// <summary>
    /// A pretrained network has a kink of ReLU for every value of its maps. In some directions one lies between the two values of a difference, however near they are; so half of
    /// the directions must agree, with a small step.
    /// </summary>
    private static void AssertGradient(string name, Func<Tensor, Tensor> function, Tensor at)
    {
        if (LossExpression.Kinds.Find(name)?.Untrained is null)
            Assert.InRange(GradientCheck.RelativeError(function, at, step: StepFor(name)), 0, 1e-5);
        else
            Assert.InRange(GradientCheck.RelativeErrors(function, at, directions: 8, step: 1e-9)[3], 0, 1e-5);
    }

    internal static Tensor Image(ulong seed, int batch = 1)
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(seed);
        // Smooth and rough parts, as photographs have: MS-SSIM's factors stay positive.
        var coarse = Resampler.Bicubic(rand([batch, 3, 12, 12], generator: random), Height, Width);
        return coarse.Mul(0.7).Add(rand([batch, 3, Height, Width], generator: random).Mul(0.3)).MoveToOuterDisposeScope();
    }

    /// <summary>A part of an image that is as small as the loss allows, and not smaller than 65×72: a sixth of the pixels is enough for most losses.</summary>
    private static Tensor Part(Tensor image, ReconstructionLoss loss)
    {
        var side = Math.Max(loss.MinimumSize, 65);
        return image[.., .., ..side, ..(side + 7)].contiguous();
    }

    private static bool IsDifferentiated(string name) => name != "focal-frequency";

    /// <summary>The step of finite differences: shorter for losses with a kink at every sample, so that hardly any is crossed.</summary>
    private static double StepFor(string name) => name is "fsim" or "fsimc" or "flip" or "gradient" or "chroma" ? 1e-8 : 1e-6;

    private static bool IsZeroForEqualImages(string name)
    {
        using var loss = Make(name);
        return loss.IsZeroForEqualImages;
    }

    /// <summary>Another image like it, different by at least 0.01 everywhere: L1 has a kink where two values are equal.</summary>
    private static Tensor Near(Tensor image)
    {
        var noise = Image(seed: 9, (int)image.shape[0])[.., .., ..(int)image.shape[2], ..(int)image.shape[3]].to(image.dtype).Sub(0.5);
        return image.Add(noise.Mul(0.2)).Add(noise.sign().Mul(0.01));
    }

    private static (float Value, Tensor Gradient) Evaluate(Func<Tensor, Tensor> function, Tensor at)
    {
        var point = at.clone().requires_grad_(true);
        var value = function(point);
        value.backward();
        return (value.item<float>(), point.grad!);
    }
}
