using Mdf.Evaluation;
using Mdf.Losses;
using Mdf.Runtime;
using Mdf.Tests.Cli;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Evaluation;

public sealed class ErrorMapsTests : IDisposable
{
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
        var maps = ErrorMaps.Of(measures, []).Create(image, reference, TestContext.Current.CancellationToken).ToDictionary(map => map.Measure);
        Assert.Equal(measures.Names, maps.Keys);
        Assert.Equal(found["flip"]!.Value, maps["flip"].Mean, 1e-6);
        Assert.Equal(found["l1"]!.Value, maps["l1"].Mean, 1e-6);
        Assert.Equal(found["mse"]!.Value, maps["mse"].Mean, 1e-6);
        Assert.Equal(found["l1"]!.Value, maps["psnr"].Mean, 1e-6); // |difference|
        Assert.All(maps.Values, map => Assert.Equal([1, 3, 70, 40], map.Picture.shape));
    }

    [Fact]
    public void An_mdf_loss_has_a_map_for_each_scale_and_layer()
    {
        using var measures = MeasureSet.Create(["gmsd"]);
        using var loss = LossExpression.Parse($"mdf:{_folder.Stack()}").Create();
        var scales = ((MdfLoss)loss).Scales;
        var maps = ErrorMaps.Of(measures, [loss]).Create(Noise(40, 50, 1), Noise(40, 50, 2), TestContext.Current.CancellationToken).ToArray();
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
        using var measures = MeasureSet.Create(["psnr", "psnr_y", "psnr_chroma", "ssim", "ssim_y", "flip"]);
        var reference = Full([1, 3, 3000, 120], 0.5f);
        var image = reference.clone();
        image[0, 0, row, column] = tensor(1f); // red
        foreach (var map in ErrorMaps.Of(measures, []).Create(image, reference, TestContext.Current.CancellationToken))
        {
            var bright = map.Picture.sum([1])[0];
            Assert.True(bright[row, column].item<float>() > 0, map.Measure);
            var rows = bright.sum([1]).nonzero()[.., 0];
            var columns = bright.sum([0]).nonzero()[.., 0];
            // FLIP's filters reach 16 samples, half a window of SSIM 5, and 5 more at an end of the image.
            Assert.InRange(rows.min().item<long>(), row - 17, row);
            Assert.InRange(rows.max().item<long>(), row, row + 17);
            Assert.InRange(columns.min().item<long>(), column - 17, column);
            Assert.InRange(columns.max().item<long>(), column, column + 17);
        }
    }

    [Fact]
    public void Equal_images_have_black_maps()
    {
        using var measures = MeasureSet.Create(["psnr", "ssim", "flip", "l1"]);
        using var loss = LossExpression.Parse($"mdf:{_folder.Stack()}").Create();
        var image = Noise(30, 30, 1);
        Assert.All(ErrorMaps.Of(measures, [loss]).Create(image, image, TestContext.Current.CancellationToken), map => Assert.InRange(map.Picture.max().item<float>(), 0, 1e-6));
    }

    [Fact]
    public void Measures_without_maps_are_refused()
    {
        using var measures = MeasureSet.Create(["gmsd"]);
        Assert.StartsWith("no map can be made of gmsd: add a measure that has one", Assert.Throws<InputException>(() => ErrorMaps.Of(measures, [])).Message);
    }

    private static Tensor Noise(int height, int width, int seed)
    {
        using var random = new Generator((ulong)seed);
        return rand([1, 3, height, width], generator: random);
    }
}
