using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Losses;

/// <summary>A loss as a number, computed strip by strip, is what the whole images give.</summary>
public sealed class MeasureTests
{
    public static TheoryData<string> AllLosses => ReconstructionLossTests.AllLosses;

    /// <summary>All that are measured in strips. The MDF loss divides images into tiles of its own; the Fourier transforms of the others need whole images.</summary>
    public static TheoryData<string> StripedLosses => [.. AllLosses.Select(row => row.Data).Where(name => name is not ("mdf" or "fsim" or "fsimc" or "focal-frequency"))];

    [Theory]
    [MemberData(nameof(StripedLosses))]
    public void Strips_of_any_thickness_give_the_loss_of_the_whole(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = ReconstructionLossTests.Make(name);
        var least = loss.MinimumSize;
        // Thin strips take long: their windows overlap.
        foreach (var (height, width, thicknesses) in new (int, int, long[])[]
        {
            (least, least, [1, 1000]), (least, least + 1, [7, 64]), (least + 3, least, [16]), (least + 9, least + 24, [7, 16, 64]), (least + 41, least + 2, [1, 16, 64, 1000]),
        })
        {
            var (restored, reference) = (Noise(height, width, seed: 1), Noise(height, width, seed: 2));
            var expected = loss.call(restored, reference).item<double>();
            foreach (var thickness in thicknesses)
                Assert.Equal(expected, loss.Measure(restored, reference, Divide(restored, thickness)), 1e-11);
        }
    }

    [Theory]
    [MemberData(nameof(StripedLosses))]
    public void Strips_of_a_batch_give_its_mean(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = ReconstructionLossTests.Make(name);
        var (restored, reference) = (ReconstructionLossTests.Image(1, batch: 2).to(float64), ReconstructionLossTests.Image(2, batch: 2).to(float64));
        Assert.Equal(loss.call(restored, reference).item<double>(), loss.Measure(restored, reference, Divide(restored, 50)), 1e-11);
    }

    // Float32's mean over 85,000 samples is good to some 1e-7, and the maps under it are the same.
    [Theory]
    [MemberData(nameof(AllLosses))]
    public void A_measured_float32_image_has_the_value_that_training_sees(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = ReconstructionLossTests.Make(name);
        var (restored, reference) = (ReconstructionLossTests.Image(1), ReconstructionLossTests.Image(2));
        var expected = loss.call(restored, reference).item<float>();
        Assert.Equal(expected, loss.Measure(restored.requires_grad_(true), reference, TestContext.Current.CancellationToken), 1e-6);
        Assert.Equal(expected, loss.Measure(restored, reference, Divide(restored, 16)), 1e-6);
    }

    [Theory]
    [MemberData(nameof(StripedLosses))]
    public void Flat_and_equal_images_are_no_exception(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = ReconstructionLossTests.Make(name);
        var (height, width) = (Math.Max(loss.MinimumSize, 48) + 4, Math.Max(loss.MinimumSize, 48) + 9);
        var (grey, black, noise) = (Full([1, 3, height, width], 0.4, float64), zeros([1, 3, height, width], float64), Noise(height, width, seed: 1));
        foreach (var (restored, reference) in new[] { (grey, grey), (black, black), (noise, noise), (grey, black), (grey, noise) })
        {
            var expected = loss.call(restored, reference).item<double>();
            Assert.Equal(expected, loss.Measure(restored, reference, Divide(restored, 16)), 1e-9);
        }

        if (loss.IsZeroForEqualImages)
            Assert.Equal(0, loss.Measure(noise, noise, Divide(noise, 16)));
    }

    /// <summary>
    /// The picture would take 2⁵⁹ bytes, so a single tensor of its size would end the test, on any machine: so would a second one that holds the
    /// maps of a loss, or a picture halved four times.
    /// </summary>
    [Theory]
    [MemberData(nameof(StripedLosses))]
    public void No_tensor_grows_with_the_picture(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = ReconstructionLossTests.Make(name);
        foreach (var shape in new[] { new[] { 1, 3, 200, 1L << 48 }, [1, 3, 1L << 48, 200] })
        {
            var (restored, reference) = (Full([1], 0.4f).expand(shape), Full([1], 0.5f).expand(shape));
            Assert.True(double.IsFinite(loss.Measure(restored, reference, ImageStrips.Divide(shape).Take(5))));
        }
    }

    [Theory]
    [MemberData(nameof(StripedLosses))]
    public void As_many_tensors_live_at_every_strip(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = ReconstructionLossTests.Make(name);
        var (restored, reference) = (Noise(165, 480, seed: 1), Noise(165, 480, seed: 2));
        loss.Measure(restored, reference, Divide(restored, 200)); // a pretrained network converts its weights to float64 once
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        var counts = new List<long>();
        loss.Measure(restored, reference, Divide(restored, 16).Select(strip =>
        {
            counts.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount);
            return strip;
        }));
        // The coarsest of five scales has its first window after 11 strips. Of a sum this is the first term.
        // A pretrained network takes strips once there are enough of them, so its sums live from then on.
        if (LossExpression.Kinds.Find(name)?.Untrained is null)
            Assert.Single(counts.Take(30).Skip(11).Distinct());
        else
            Assert.Single(counts.TakeLast(10).Distinct());
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    [Fact]
    public void A_cancelled_measure_stops_and_frees_what_it_made()
    {
        using var scope = NewDisposeScope();
        using var loss = new MsSsimLoss();
        using var source = new CancellationTokenSource();
        var image = ReconstructionLossTests.Image(1);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Assert.Throws<OperationCanceledException>(() => loss.Measure(image, image, ImageStrips.Divide(image.shape, 16, source.Token).Select(strip =>
        {
            if (strip.Start == 64)
                source.Cancel();
            return strip;
        })));
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        source.Cancel();
        Assert.Throws<OperationCanceledException>(() => loss.Measure(image, image, source.Token));
    }

    [Theory]
    [MemberData(nameof(AllLosses))]
    public void Images_that_a_loss_refuses_are_not_measured(string name)
    {
        using var scope = NewDisposeScope();
        using var loss = ReconstructionLossTests.Make(name);
        var image = ReconstructionLossTests.Image(1);
        foreach (var (restored, reference) in new[] { (image, image.to(float64)), (image.narrow(2, 0, 160), image), (image[0], image[0]), (image.to(int32), image) })
        {
            var expected = Record.Exception(() => loss.call(restored, reference));
            Assert.True(expected is InputException or ArgumentException);
            var found = Assert.Throws(expected.GetType(), () => loss.Measure(restored, reference, TestContext.Current.CancellationToken));
            Assert.Equal(expected.Message, found.Message);
        }
    }

    [Fact]
    public void A_pixelwise_loss_from_outside_is_given_strips_and_any_other_the_whole()
    {
        using var scope = NewDisposeScope();
        var (restored, reference) = (rand(1, 3, 700, 900, generator: Draws), rand(1, 3, 700, 900, generator: Draws));
        using var pixelwise = new Largest();
        Assert.Equal((restored - reference).mean().item<float>(), pixelwise.Measure(restored, reference, TestContext.Current.CancellationToken), 1e-6);
        Assert.InRange(pixelwise.Samples, 1, ImageStrips.Samples);
        Assert.Equal((restored - reference).mean().item<float>(), pixelwise.call(restored, reference).item<float>(), 1e-7);
        using var whole = new Whole();
        Assert.Equal((restored - reference).max().item<float>(), whole.Measure(restored, reference, TestContext.Current.CancellationToken));
    }

    private static IEnumerable<ImageStrip> Divide(Tensor image, long thickness) => ImageStrips.Divide(image.shape, thickness);

    /// <summary>Smooth and rough, in float64: what differs then is the arithmetic and not its rounding.</summary>
    private static Tensor Noise(int height, int width, ulong seed)
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(seed);
        var coarse = Resampler.Bicubic(rand([1, 3, 6, 6], float64, generator: random), height, width);
        return coarse.Mul(0.7).Add(rand([1, 3, height, width], float64, generator: random).Mul(0.3)).MoveToOuterDisposeScope();
    }

    private sealed class Largest() : PixelwiseLoss("largest")
    {
        public long Samples { get; private set; }

        protected override Tensor Map(Tensor restored, Tensor reference)
        {
            if (restored.shape[2] < 700 || restored.shape[3] < 900)
                Samples = Math.Max(Samples, restored.numel());
            return restored - reference;
        }
    }

    private sealed class Whole() : ReconstructionLoss("whole")
    {
        protected internal override ReferenceFeatures Analyze(Tensor reference) => new([reference], restored => (restored - reference).amax([1, 2, 3]));
    }
}
