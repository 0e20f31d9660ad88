using Mdf.Evaluation;
using Mdf.Losses;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Evaluation;

public sealed class BenchmarkMetricsTests
{
    private static readonly BenchmarkScores s_perfect = new(
        new (string Name, double? Value)[]
        {
            (Measures.Psnr, double.PositiveInfinity), (Measures.Ssim, 1), (Measures.PsnrY, double.PositiveInfinity), (Measures.SsimY, 1),
            (Measures.PsnrChroma, double.PositiveInfinity), (Measures.MsSsim, 1),
        }.Select(entry => KeyValuePair.Create(entry.Name, entry.Value)));

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    public void Psnr_and_ssim_equal_BasicSRs(int border)
    {
        using var scope = NewDisposeScope();
        var golden = Golden.Read("psnr_ssim_benchmark");
        var found = BenchmarkMetrics.Score(Image("restored"), Image("reference"), border);
        Assert.Equal(Expected("psnr", "rgb"), found[Measures.Psnr]!.Value, 1e-5);
        Assert.Equal(Expected("ssim", "rgb"), found[Measures.Ssim]!.Value, 1e-6);
        Assert.Equal(Expected("psnr", "y"), found[Measures.PsnrY]!.Value, 1e-5);
        Assert.Equal(Expected("ssim", "y"), found[Measures.SsimY]!.Value, 1e-6);

        Tensor Image(string name) => golden[name + "_rgb8_hwc"].permute(2, 0, 1).unsqueeze(0).to(float32).Div(255);
        double Expected(string metric, string channels) => golden[$"{metric}_crop{border}_{channels}"].to(float64).item<double>();
    }

    [Fact]
    public void One_level_of_difference_is_known()
    {
        using var scope = NewDisposeScope();
        var grey = Full([1, 3, 16, 16], 100 / 255f);
        var found = BenchmarkMetrics.Score(grey.Add(1 / 255f), grey);
        Assert.Equal(20 * Math.Log10(255), found[Measures.Psnr]!.Value, 1e-9);
        Assert.Equal(20 * Math.Log10(255 / (219.0 / 255)), found[Measures.PsnrY]!.Value, 1e-9); // 219 levels from black to white
        Assert.InRange(found[Measures.Ssim]!.Value, 0.9999, 1);
    }

    [Fact]
    public void Equal_images_are_perfect()
    {
        using var scope = NewDisposeScope();
        var image = Noise(170, 161);
        Assert.Equal(s_perfect, BenchmarkMetrics.Score(image, image));
    }

    /// <summary>The colours of a grey picture that was restored as a grey one are equal but for rounding, which would be more than 300 dB.</summary>
    [Fact]
    public void A_grey_reference_has_no_psnr_of_colours()
    {
        using var scope = NewDisposeScope();
        var grey = Noise(20, 20)[.., ..1].expand(1, 3, 20, 20).contiguous();
        Assert.Null(BenchmarkMetrics.Score(grey.Mul(0.9), grey)[Measures.PsnrChroma]);
        Assert.Null(BenchmarkMetrics.Score(Noise(20, 20), grey)[Measures.PsnrChroma]);
        Assert.NotNull(BenchmarkMetrics.Score(grey, Noise(20, 20))[Measures.PsnrChroma]);
    }

    [Fact]
    public void Both_images_are_clamped_and_rounded_to_8_bits()
    {
        using var scope = NewDisposeScope();
        var image = Noise(20, 20);
        var (restored, reference) = (image.Mul(1.5).Sub(0.25).Mul(255).round().Div(255), image.Mul(255).round().Div(255));
        var rounded = BenchmarkMetrics.Score(restored.Clamp(0, 1), reference);
        var nudge = Noise(20, 20, seed: 2).Sub(0.5).Mul(0.9).Div(255);
        Assert.Equal(rounded, BenchmarkMetrics.Score(restored.Add(nudge), reference));
        Assert.Equal(rounded, BenchmarkMetrics.Score(restored, reference.Add(nudge)));
        Assert.Equal(rounded, BenchmarkMetrics.Score(restored.to(float64), reference));
        Assert.Equal(rounded, BenchmarkMetrics.Score(restored.clone().requires_grad_(true), reference));
    }

    [Fact]
    public void The_two_images_can_be_exchanged()
    {
        using var scope = NewDisposeScope();
        var (one, other) = (Noise(161, 161), Noise(161, 161, seed: 2));
        var (there, back) = (BenchmarkMetrics.Score(one, other), BenchmarkMetrics.Score(other, one));
        Assert.Equal(there[Measures.Psnr]!.Value, back[Measures.Psnr]!.Value);
        Assert.Equal(there[Measures.PsnrY]!.Value, back[Measures.PsnrY]!.Value);
        Assert.Equal(there[Measures.Ssim]!.Value, back[Measures.Ssim]!.Value, 1e-12);
        Assert.Equal(there[Measures.SsimY]!.Value, back[Measures.SsimY]!.Value, 1e-12);
        Assert.Equal(there[Measures.MsSsim]!.Value, back[Measures.MsSsim]!.Value, 1e-12);
    }

    [Fact]
    public void More_noise_is_worse_under_every_metric()
    {
        using var scope = NewDisposeScope();
        var reference = nn.functional.avg_pool2d(Noise(175, 175), [9, 9], [1, 1]);
        var noise = Noise(167, 167, seed: 2).Sub(0.5);
        var scores = new[] { 0.1, 0.3, 0.9 }.Select(amount => BenchmarkMetrics.Score(reference.Add(noise.Mul(amount)), reference)).ToArray();
        foreach (var (better, worse) in scores.Zip(scores.Skip(1)))
        {
            Assert.InRange(worse[Measures.Psnr]!.Value, 0, better[Measures.Psnr]!.Value - 6);
            Assert.InRange(worse[Measures.PsnrY]!.Value, 0, better[Measures.PsnrY]!.Value - 6);
            Assert.InRange(worse[Measures.Ssim]!.Value, 0, better[Measures.Ssim]!.Value - 0.1);
            Assert.InRange(worse[Measures.SsimY]!.Value, 0, better[Measures.SsimY]!.Value - 0.1);
            Assert.InRange(worse[Measures.MsSsim]!.Value, 0, better[Measures.MsSsim]!.Value - 0.02);
        }
    }

    [Fact]
    public void Ssim_of_a_negative_is_near_minus_one()
    {
        using var scope = NewDisposeScope();
        var image = Noise(32, 32);
        Assert.InRange(BenchmarkMetrics.Score(image.SubFrom(1), image)[Measures.Ssim]!.Value, -1, -0.8);
    }

    [Fact]
    public void MsSsim_is_one_minus_the_loss_of_the_rounded_images()
    {
        using var scope = NewDisposeScope();
        var (restored, reference) = (Noise(170, 180).Mul(255).round().Div(255), Noise(170, 180, seed: 2).Mul(255).round().Div(255));
        using var loss = new MsSsimLoss();
        Assert.Equal(1 - loss.call(restored, reference).item<float>(), BenchmarkMetrics.Score(restored, reference)[Measures.MsSsim]!.Value, 1e-5);
    }

    [Fact]
    public void The_border_is_cut_off_before_every_metric()
    {
        using var scope = NewDisposeScope();
        var (restored, reference) = (Noise(171, 181), Noise(171, 181, seed: 2));
        Assert.Equal(
            BenchmarkMetrics.Score(restored.narrow(2, 5, 161).narrow(3, 5, 171), reference.narrow(2, 5, 161).narrow(3, 5, 171)),
            BenchmarkMetrics.Score(restored, reference, border: 5));
    }

    [Theory]
    [InlineData(10, 300, false, false)]
    [InlineData(11, 300, true, false)]
    [InlineData(160, 300, true, false)]
    [InlineData(300, 161, true, true)]
    public void What_an_image_is_too_small_for_is_left_out(int height, int width, bool hasSsim, bool hasMsSsim)
    {
        using var scope = NewDisposeScope();
        var found = BenchmarkMetrics.Score(Noise(height + 4, width + 4), Noise(height + 4, width + 4, seed: 2), border: 2);
        Assert.Equal((hasSsim, hasSsim, hasMsSsim, false), (found[Measures.Ssim].HasValue, found[Measures.SsimY].HasValue, found[Measures.MsSsim].HasValue, found[Measures.Niqe].HasValue));
        Assert.True(double.IsFinite(found[Measures.Psnr]!.Value) && double.IsFinite(found[Measures.PsnrY]!.Value));
    }

    [Fact]
    public void Niqe_is_that_of_the_restored_image_without_its_border()
    {
        using var scope = NewDisposeScope();
        var niqe = NiqeModel.Load(Shared.Path("data", "niqe", "niqe_pris_params.npz"));
        var (restored, reference) = (Noise(104, 200), Noise(104, 200, seed: 2));
        var found = BenchmarkMetrics.Score(restored, reference, border: 4, niqe)[Measures.Niqe];
        Assert.NotNull(found);
        Assert.Equal(niqe.Score(restored, border: 4), found);
        Assert.Null(BenchmarkMetrics.Score(restored, reference, border: 5, niqe)[Measures.Niqe]);
    }

    [Fact]
    public void Unusable_images_are_refused_in_one_line()
    {
        using var scope = NewDisposeScope();
        var image = Noise(20, 30);
        AssertRefused("expected images of one size, found 30×20 (restored) and 30×21 (reference)", image, Noise(21, 30));
        AssertMisused("expected a restored image of floating-point values, shape (1, 3, H, W), found Float32 (3, 20, 30)", image[0], image);
        AssertMisused("found Float32 (1, 1, 20, 30)", image, image.narrow(1, 0, 1));
        AssertMisused("expected a reference image of floating-point values, shape (1, 3, H, W), found Byte", image, image.to(uint8));
        AssertRefused("expected a restored image with values in [0, 1], found NaN", image.Mul(float.NaN), image);
        AssertRefused("expected a restored image larger than its border of 10 pixels at each side, found one of 30×20", image, image, border: 10);
        Assert.Throws<ArgumentOutOfRangeException>(() => BenchmarkMetrics.Score(image, image, border: -1));

        static void AssertRefused(string expected, Tensor restored, Tensor reference, int border = 0) =>
            Assert.Contains(expected, Assert.Throws<InputException>(() => BenchmarkMetrics.Score(restored, reference, border)).Message);

        static void AssertMisused(string expected, Tensor restored, Tensor reference) =>
            Assert.Contains(expected, Assert.Throws<ArgumentException>(() => BenchmarkMetrics.Score(restored, reference)).Message);
    }

    [Theory]
    [InlineData(11, 11)]
    [InlineData(11, 300)]
    [InlineData(47, 12)]
    [InlineData(161, 161)]
    [InlineData(163, 176)]
    [InlineData(233, 162)]
    public void Strips_of_any_thickness_score_as_the_whole(int height, int width)
    {
        using var scope = NewDisposeScope();
        var (noise, flat) = (Noise(height, width), Full([1, 3, height, width], 0.4f));
        // Thin strips take long: their windows overlap.
        foreach (var (restored, reference, thicknesses) in new (Tensor, Tensor, long[])[]
        {
            (noise, Noise(height, width, seed: 2), [1, 5, 16, 64, 1000]), (flat, noise, [16, 64]), (flat, flat, [16, 64]), (noise, noise, [16, 64]),
        })
        {
            var expected = ScoreWhole(restored, reference);
            foreach (var thickness in thicknesses)
            {
                var found = BenchmarkMetrics.Score(restored, reference, ImageStrips.Divide(restored.shape, thickness));
                Assert.Equal(expected[Measures.Psnr]!.Value, found[Measures.Psnr]!.Value, 1e-10);
                Assert.Equal(expected[Measures.PsnrY]!.Value, found[Measures.PsnrY]!.Value, 1e-10);
                Assert.Equal(expected[Measures.Ssim]!.Value, found[Measures.Ssim]!.Value, 1e-11);
                Assert.Equal(expected[Measures.SsimY]!.Value, found[Measures.SsimY]!.Value, 1e-11);
                Assert.Equal(expected[Measures.PsnrChroma] ?? -1, found[Measures.PsnrChroma] ?? -1, 1e-10);
                Assert.Equal(expected[Measures.MsSsim] ?? -1, found[Measures.MsSsim] ?? -1, 1e-11);
            }
        }
    }

    /// <summary>The picture would take 2⁵⁹ bytes, so a single tensor of its size would end the test, on any machine.</summary>
    [Fact]
    public void No_tensor_grows_with_the_picture()
    {
        using var scope = NewDisposeScope();
        foreach (var shape in new[] { new[] { 1, 3, 200, 1L << 48 }, [1, 3, 1L << 48, 200] })
        {
            var colour = tensor([0.4f, 0.2f, 0.6f]).view(1, 3, 1, 1).expand(shape);
            var found = BenchmarkMetrics.Score(colour, colour, ImageStrips.Divide(shape).Take(5));
            Assert.Equal(s_perfect, found);
        }
    }

    [Fact]
    public void As_many_tensors_live_at_every_strip()
    {
        using var scope = NewDisposeScope();
        var (restored, reference) = (Noise(320, 170), Noise(320, 170, seed: 2));
        var counts = new List<long>();
        BenchmarkMetrics.Score(restored, reference, ImageStrips.Divide(restored.shape, 16).Select(strip =>
        {
            counts.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount);
            return strip;
        }));
        Assert.Equal(20, counts.Count);
        Assert.Single(counts.Skip(12).Distinct()); // small strips reach the coarsest of five scales late
    }

    [Fact]
    public void A_cancelled_score_stops()
    {
        using var image = Noise(20, 20);
        Assert.Throws<OperationCanceledException>(() => BenchmarkMetrics.Score(image, image, cancellationToken: new CancellationToken(canceled: true)));
    }

    [Fact]
    public void No_tensor_is_left_behind()
    {
        using var image = Noise(161, 161);
        BenchmarkMetrics.Score(image, image);
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        BenchmarkMetrics.Score(image, image);
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    /// <summary>The same metrics of the whole images at once, as they are defined.</summary>
    private static BenchmarkScores ScoreWhole(Tensor restored, Tensor reference)
    {
        var (rgb, referenceRgb) = (Round(restored), Round(reference));
        var (luma, referenceLuma) = (BenchmarkProtocol.Luma(rgb), BenchmarkProtocol.Luma(referenceRgb));
        using var loss = new MsSsimLoss();
        return new BenchmarkScores(new (string Name, double? Value)[]
        {
            (Measures.Psnr, PsnrOf(rgb, referenceRgb)), (Measures.Ssim, SsimOf(rgb, referenceRgb)), (Measures.PsnrY, PsnrOf(luma, referenceLuma)), (Measures.SsimY, SsimOf(luma, referenceLuma)),
            (Measures.PsnrChroma, Chroma(referenceRgb).abs().max().item<double>() < 1e-5 ? null : PsnrOf(Chroma(rgb), Chroma(referenceRgb))),
            (Measures.MsSsim, Math.Min(rgb.shape[2], rgb.shape[3]) < loss.MinimumSize ? null : 1 - loss.call(rgb, referenceRgb).item<double>()),
        }.Select(entry => KeyValuePair.Create(entry.Name, entry.Value)));

        // Cb and Cr by their definition, from the luma of full range.
        static Tensor Chroma(Tensor image)
        {
            var (red, green, blue) = (image.narrow(1, 0, 1), image.narrow(1, 1, 1), image.narrow(1, 2, 1));
            var y = red.Mul(0.299).Add(green.Mul(0.587)).Add(blue.Mul(0.114));
            return cat([(blue - y).Div(1.772), (red - y).Div(1.402)], 1);
        }

        static Tensor Round(Tensor image) => image.Clamp(0, 1).Mul(255).Add(0.5).floor().to(float64).Div(255);

        static double PsnrOf(Tensor image, Tensor reference) => 10 * Math.Log10(1 / (image - reference).Square().mean().item<double>());

        static double SsimOf(Tensor image, Tensor reference)
        {
            var windows = new GaussianWindows(padding: 0, precision: ScalarType.Float64);
            var (luminance, contrastStructure) = windows.Similarities(image, windows.Statistics(reference));
            return (luminance * contrastStructure).mean().item<double>();
        }
    }

    private static Tensor Noise(int height, int width, int seed = 1)
    {
        using var random = new Generator((ulong)seed);
        return rand([1, 3, height, width], generator: random);
    }
}
