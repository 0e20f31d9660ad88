using Mdf.Evaluation;
using Mdf.Losses;
using Mdf.Losses.Features;
using Mdf.Runtime;
using Mdf.Tests.Cli;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Evaluation;

public sealed class ErrorMapsTests : IDisposable
{
    private static readonly string[] WithMaps =
        ["psnr", "psnr_y", "psnr_chroma", "ssim", "ssim_y", "flip", "haarpsi", "gmsd", "fsim", "fsimc", "gradient", "chroma", "l1", "mse"];

    private readonly TemporaryFolder _folder = new();
    private readonly DisposeScope _scope = NewDisposeScope();

    public void Dispose()
    {
        _scope.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void The_mean_of_a_map_is_its_measure()
    {
        using var measures = MeasureSet.Create(["psnr", "flip", "l1", "mse"]);
        var (image, reference) = (Noise(70, 40, 1), Noise(70, 40, 2));
        var found = measures.Score(image, reference, border: 0, isRounded: false, CancellationToken.None);
        var maps = ErrorMaps.Of(measures, []).Create(image, reference, cancellationToken: TestContext.Current.CancellationToken).ToDictionary(map => map.Measure);
        Assert.Equal(measures.Names, maps.Keys);
        Assert.Equal(found["flip"]!.Value, maps["flip"].Mean, 1e-6);
        Assert.Equal(found["l1"]!.Value, maps["l1"].Mean, 1e-6);
        Assert.Equal(found["mse"]!.Value, maps["mse"].Mean, 1e-6);
        Assert.Equal(found["l1"]!.Value, maps["psnr"].Mean, 1e-6); // |difference|
        Assert.All(maps.Values, map => Assert.Equal([1, 3, 70, 40], map.Picture.shape));
    }

    [Fact]
    public void A_map_can_have_few_colours_for_small_files()
    {
        using var measures = MeasureSet.Create(["psnr"]);
        var (image, reference) = (Noise(70, 40, 1), Noise(70, 40, 2));
        var full = Assert.Single(ErrorMaps.Of(measures, []).Create(image, reference, cancellationToken: TestContext.Current.CancellationToken));
        var values = Assert.Single(ErrorMaps.Of(measures, []).Compute(image, reference, cancellationToken: TestContext.Current.CancellationToken));
        Assert.Equal((full.Mean, full.Brightest), (values.Values.mean([0, 1, 2, 3], type: ScalarType.Float64).Number(), values.Brightest));
        var few = ErrorMaps.Colour(values.Values, values.Brightest, levels: 8, TestContext.Current.CancellationToken);
        Assert.InRange(few.flatten(2).squeeze(0).t().Mul(255).round().unique(dim: 0).output.shape[0], 2, 8);
        Assert.InRange((few - full.Picture).abs().max().Number(), 0.01, 0.5);
    }

    [Fact]
    public void The_maps_of_perceptual_losses_give_their_values()
    {
        using var measures = MeasureSet.Create(["haarpsi", "fsim", "fsimc", "chroma"]);
        var (image, reference) = (Noise(70, 40, 1), Noise(70, 40, 2));
        var found = measures.Score(image, reference, border: 0, isRounded: false, CancellationToken.None);
        var maps = ErrorMaps.Of(measures, []).Create(image, reference, cancellationToken: TestContext.Current.CancellationToken).ToDictionary(map => map.Measure);
        Assert.Equal(1 - found["fsim"]!.Value, maps["fsim"].Mean, 1e-5);
        Assert.Equal(1 - found["fsimc"]!.Value, maps["fsimc"].Mean, 1e-5);
        Assert.Equal(found["chroma"]!.Value, maps["chroma"].Mean, 1e-6);
        // The paper's definition: HaarPSI is the squared inverse of the logistic function with α = 4.2, of the weighted mean similarity.
        var similarity = 1 / (1 + Math.Exp(-4.2)) - maps["haarpsi"].Mean;
        Assert.Equal(found["haarpsi"]!.Value, Math.Pow(Math.Log(similarity / (1 - similarity)) / 4.2, 2), 1e-5);
    }

    [Fact]
    public void The_mean_of_the_map_of_ResNet18_is_its_loss()
    {
        using var random = new Generator(3);
        using var loss = ResNet18Loss.Untrained(random, divisor: 4);
        var (image, reference) = (Noise(96, 64, 1), Noise(96, 64, 2));
        var map = loss.MapOf(image, reference);
        Assert.Equal([1, 1, 96, 64], map.shape);
        Assert.Equal(loss.Measure(image, reference), map.mean().Number(), 0.02);
        Assert.Equal(0, loss.MapOf(reference, reference).max().Number());
        // An error in one corner shows there.
        var marred = reference.clone();
        marred.narrow(2, 0, 16).narrow(3, 0, 16).Fill_(0.5);
        var found = loss.MapOf(marred, reference);
        Assert.True(found[.., .., ..16, ..16].mean().Number() > 5 * found[.., .., 64.., 32..].mean().Number());
    }

    [Fact]
    public void The_deviation_of_the_map_of_gmsd_is_its_value()
    {
        using var loss = new GmsdLoss();
        var (image, reference) = (Noise(71, 40, 1).to(float64), Noise(71, 40, 2).to(float64));
        var map = GmsdLoss.MapOf(image, reference);
        Assert.Equal([1, 1, 36, 20], map.shape);
        Assert.Equal(loss.call(image, reference).item<double>(), map.std(unbiased: false).item<double>(), 1e-6);
    }

    [Fact]
    public void The_map_of_gradients_sums_the_differences_along_both_axes()
    {
        using var loss = new GradientLoss();
        using var measures = MeasureSet.Create(["gradient"]);
        var (across, down, reference) = (Noise(1, 40, 1).expand(1, 3, 30, 40), Noise(30, 1, 2).expand(1, 3, 30, 40), zeros(1, 3, 30, 40));
        // Of 40 columns 39 have a next one, and of 30 rows 29.
        Assert.Equal(loss.call(across, reference).item<float>() * 39 / 40, Mean(across, reference), 1e-6);
        Assert.Equal(loss.call(down, reference).item<float>() * 29 / 30, Mean(down, reference), 1e-6);
        Assert.Equal(Mean(across, reference) + Mean(down, reference), Mean(across.Add(down), reference), 1e-6);

        double Mean(Tensor x, Tensor y) => Assert.Single(ErrorMaps.Of(measures, []).Create(x, y, cancellationToken: TestContext.Current.CancellationToken)).Mean;
    }

    [Theory]
    [InlineData(61, 53, new[] { 7, 16 })]
    [InlineData(53, 61, new[] { 7, 16 })]
    [InlineData(40, 33, new[] { 1, 16 })]
    [InlineData(16, 17, new[] { 1, 7 })]
    public void Strips_of_any_thickness_give_the_map_of_the_whole(int height, int width, int[] thicknesses)
    {
        using var measures = MeasureSet.Create(WithMaps);
        using var loss = LossExpression.Parse($"mdf:{_folder.Stack()}").Create();
        var (image, reference) = (Noise(height, width, 1), Noise(height, width, 2));
        var maps = ErrorMaps.Of(measures, [loss]);
        var whole = maps.Create(image, reference, thickness: 1000, TestContext.Current.CancellationToken).ToArray();
        Assert.All(whole, map => Assert.True(map.Mean > 0, map.Measure));
        foreach (var thickness in thicknesses)
        {
            foreach (var (map, expected) in maps.Create(image, reference, thickness, TestContext.Current.CancellationToken).Zip(whole))
            {
                Assert.Equal((expected.Measure, expected.Part), (map.Measure, map.Part));
                Assert.Equal(expected.Mean, map.Mean, 1e-5 * expected.Mean);
                Assert.InRange((map.Picture - expected.Picture).abs().max().item<float>(), 0, 1e-3);
            }
        }
    }

    [Fact]
    public void A_weighted_sum_has_the_maps_of_its_terms_once()
    {
        using var measures = MeasureSet.Create(["l1", "ssim", "0.5*ssim+l1+mse"]);
        using var sum = LossExpression.Parse("0.5*gmsd+ms-ssim+l1+2*gmsd").Create();
        using var single = LossExpression.Parse("l1").Create();
        var maps = ErrorMaps.Of(measures, [sum, single]).Create(Noise(40, 50, 1), Noise(40, 50, 2), cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(["ssim", "l1", "mse", "loss:gmsd", "loss:l1"], maps.Select(map => map.Measure));
    }

    [Fact]
    public void An_mdf_loss_has_a_map_for_each_scale_and_layer()
    {
        using var measures = MeasureSet.Create(["ms_ssim"]);
        using var loss = LossExpression.Parse($"mdf:{_folder.Stack()}").Create();
        var scales = ((MdfLoss)loss).Scales;
        var maps = ErrorMaps.Of(measures, [loss]).Create(Noise(40, 50, 1), Noise(40, 50, 2), cancellationToken: TestContext.Current.CancellationToken).ToArray();
        Assert.Equal(scales.SelectMany(scale => new[] { $"scale {scale}, head", $"scale {scale}, body", $"scale {scale}, final map" }), maps.Select(map => map.Part));
        Assert.All(maps, map => Assert.True(map.Mean > 0 && map.Brightest >= map.Mean));
        Assert.All(maps, map => Assert.Equal($"loss:{loss.Expression}", map.Measure));
    }

    [Fact]
    public void The_maps_of_an_mdf_loss_add_up_to_it()
    {
        using var loss = (MdfLoss)LossExpression.Parse($"mdf:{_folder.Stack()}").Create();
        var (image, reference) = (Noise(40, 50, 1), Noise(40, 50, 2));
        var sum = loss.Scales.Sum(scale => loss.MapsOf(scale, image, reference).Sum(map => map.mean().item<float>()));
        Assert.Equal(loss.call(image, reference).item<float>(), sum, 1e-5 * Math.Abs(sum));
    }

    /// <summary>An error at one place lies there in every map, also at the limit of two strips and at an end of the image.</summary>
    [Theory]
    [InlineData(2, 30)]
    [InlineData(2100, 100)]
    [InlineData(2999, 5)]
    [InlineData(0, 59)]
    public void An_error_at_one_place_is_seen_there(int row, int column)
    {
        using var measures = MeasureSet.Create(["psnr", "psnr_y", "psnr_chroma", "ssim", "ssim_y", "flip", "haarpsi", "gmsd", "gradient", "chroma"]);
        var reference = Full([1, 3, 3000, 120], 0.5f);
        var image = reference.clone();
        image[0, 0, row, column] = tensor(1f); // red
        foreach (var map in ErrorMaps.Of(measures, []).Create(image, reference, cancellationToken: TestContext.Current.CancellationToken))
        {
            var bright = map.Picture.sum([1])[0];
            // The gradient at a single sample is zero: GMSD sees it in the neighbours of its position.
            Assert.True(bright[Math.Max(0, row - 2)..(row + 3), Math.Max(0, column - 2)..(column + 3)].max().item<float>() > 0, map.Measure);
            var rows = bright.sum([1]).nonzero()[.., 0];
            var columns = bright.sum([0]).nonzero()[.., 0];
            // FLIP's filters reach 16 samples, those of HaarPSI 9, half a window of SSIM 5, and 5 more at an end of the image.
            Assert.InRange(rows.min().item<long>(), row - 17, row);
            Assert.InRange(rows.max().item<long>(), row, row + 17);
            Assert.InRange(columns.min().item<long>(), column - 17, column);
            Assert.InRange(columns.max().item<long>(), column, column + 17);
        }
    }

    /// <summary>FSIM shrinks this image by 2, and the last row and column are left over.</summary>
    [Theory]
    [InlineData(100, 301)]
    [InlineData(384, 400)]
    public void Fsim_is_brightest_near_an_error(int row, int column)
    {
        using var measures = MeasureSet.Create(["fsim", "fsimc"]);
        var reference = Noise(385, 401, 1);
        var image = reference.clone();
        var (top, left) = (Math.Min(row, 365), Math.Min(column, 381));
        image.narrow(2, top, 20).narrow(3, left, 20).Fill_(0.5);
        foreach (var map in ErrorMaps.Of(measures, []).Create(image, reference, cancellationToken: TestContext.Current.CancellationToken))
        {
            var bright = map.Picture.sum([1])[0];
            Assert.True(bright.narrow(0, top, 20).narrow(1, left, 20).mean().item<float>() > 3 * bright.mean().item<float>(), map.Measure);
            Assert.True(bright[384].equal(bright[383]).all().item<bool>() && bright[.., 400].equal(bright[.., 399]).all().item<bool>());
        }
    }

    [Theory]
    [InlineData(0.0, 0.0)]
    [InlineData(1.0, 1.0)]
    [InlineData(0.0, 1.0)]
    [InlineData(0.4, 0.4)]
    [InlineData(0.4, 0.5)]
    [InlineData(1.0, null)]
    [InlineData(null, 0.0)]
    public void Flat_images_have_finite_maps(double? value, double? referenceValue)
    {
        using var measures = MeasureSet.Create(WithMaps);
        var (image, reference) = (Image(value), Image(referenceValue));
        foreach (var map in ErrorMaps.Of(measures, []).Create(image, reference, cancellationToken: TestContext.Current.CancellationToken))
        {
            Assert.True(double.IsFinite(map.Mean) && double.IsFinite(map.Brightest), map.Measure);
            Assert.True(map.Picture.isfinite().all().item<bool>(), map.Measure);
            if (value == referenceValue)
                Assert.InRange(map.Picture.max().item<float>(), 0, 1e-6);
        }

        static Tensor Image(double? value) => value is { } flat ? Full([1, 3, 31, 40], (float)flat) : Noise(31, 40, 1);
    }

    [Fact]
    public void Equal_images_have_black_maps()
    {
        using var measures = MeasureSet.Create(WithMaps);
        using var loss = LossExpression.Parse($"mdf:{_folder.Stack()}").Create();
        var image = Noise(30, 30, 1);
        Assert.All(ErrorMaps.Of(measures, [loss]).Create(image, image, cancellationToken: TestContext.Current.CancellationToken), map => Assert.InRange(map.Picture.max().item<float>(), 0, 1e-6));
    }

    [Fact]
    public void Measures_without_maps_are_refused()
    {
        using var measures = MeasureSet.Create(["ms_ssim"]);
        Assert.StartsWith("no map can be made of ms_ssim: add a measure that has one", Assert.Throws<InputException>(() => ErrorMaps.Of(measures, [])).Message);
    }

    private static Tensor Noise(int height, int width, int seed)
    {
        using var random = new Generator((ulong)seed);
        return rand([1, 3, height, width], generator: random);
    }
}
