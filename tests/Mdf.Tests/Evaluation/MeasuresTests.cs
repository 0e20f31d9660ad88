using Mdf.Evaluation;
using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Evaluation;

public sealed class MeasuresTests
{
    [Fact]
    public void Every_measure_has_its_own_name_and_title_and_is_documented()
    {
        var text = File.ReadAllText(Path.Combine(Shared.Repository, "docs", "numerics.md"));
        Assert.Equal(Measures.Names.Count, Measures.Names.Distinct().Count());
        Assert.Equal(Measures.Names.Count, Measures.Table.Select(measure => measure.Heading).Distinct().Count());
        Assert.All(Measures.Names, name => Assert.Matches("^[a-z0-9_]+$", name));
        Assert.All(Measures.Names, name => Assert.Contains($"`{name}`", text));
        Assert.Contains($"Default: `{string.Join(',', Measures.DefaultNames)}`", text);
    }

    [Fact]
    public void Only_niqe_has_no_direction() => Assert.Equal([Measures.Niqe], Measures.Table.Where(measure => measure.Direction == Direction.None).Select(measure => measure.Name));

    [Theory]
    [InlineData("psnr", "PSNR (dB) ↑")]
    [InlineData("psnr-y", "PSNR-Y (dB) ↑")]
    [InlineData("FLIP", "FLIP ↓")]
    [InlineData("niqe", "NIQE")]
    [InlineData("l1", "l1 ↓")]
    [InlineData("0.5*l1+mse", "0.5*l1+mse ↓")]
    public void A_name_or_a_loss_expression_is_read(string text, string heading) => Assert.Equal(heading, Assert.Single(Measures.Parse([text])).Heading);

    [Fact]
    public void Names_are_separated_by_commas_and_all_means_the_whole_table()
    {
        Assert.Equal(["psnr_y", "ssim_y", "flip", "mse"], Measures.Parse(["psnr-y, ssim_y,flip", "mse"]).Select(measure => measure.Name));
        Assert.Equal(Measures.Names, Measures.Parse(["all"]).Select(measure => measure.Name));
    }

    [Theory]
    [InlineData("", "unknown measure ''")]
    [InlineData("psnr,,ssim", "unknown measure ''")]
    [InlineData("pnsr", "unknown measure 'pnsr': expected a loss expression, or one of psnr, ssim")]
    [InlineData("pnsr", "do you mean 'psnr'?")]
    [InlineData("psnr,PSNR", "expected different measures, found 'psnr' 2 times")]
    [InlineData("2*nope", "unknown loss 'nope'")]
    public void Other_texts_are_refused(string text, string expected) => Assert.Contains(expected, Assert.Throws<InputException>(() => Measures.Parse([text])).Message);

    [Fact]
    public void A_measure_of_a_loss_is_the_loss_of_the_rounded_images_without_their_border()
    {
        using var scope = NewDisposeScope();
        var (restored, reference) = (Noise(60, 50, 1), Noise(60, 50, 2));
        using var measures = MeasureSet.Create(["flip", "haarpsi", "gmsd", "fsimc", "mse"]);
        var found = measures.Score(restored, reference, border: 5);
        Assert.Equal(["flip", "haarpsi", "gmsd", "fsimc", "mse"], found.Names);
        foreach (var name in found.Names)
        {
            using var loss = LossExpression.Parse(name).Create();
            var value = loss.call(Prepare(restored), Prepare(reference)).item<float>();
            Assert.Equal(name is "haarpsi" or "fsimc" ? 1 - value : value, found[name]!.Value, 1e-6);
        }

        static Tensor Prepare(Tensor image) => image[.., .., 5..^5, 5..^5].Mul(255).round().Div(255);
    }

    [Fact]
    public void The_default_measures_are_those_of_the_strips_and_flip_and_niqe_with_its_model()
    {
        using var scope = NewDisposeScope();
        using var measures = MeasureSet.Create();
        Assert.Equal(Measures.DefaultNames, measures.Names);
        var image = Noise(170, 161, 1);
        var found = measures.Score(image, image);
        Assert.Equal(["psnr", "ssim", "psnr_y", "ssim_y", "psnr_chroma", "ms_ssim", "flip"], found.Names);
        Assert.Equal(0, found[Measures.Flip]);
        Assert.Equal(1, found[Measures.MsSsim]);

        var niqe = NiqeModel.Load(Shared.Path("data", "niqe", "niqe_pris_params.npz"));
        using var withNiqe = MeasureSet.Create(niqe: niqe);
        Assert.Equal([.. Measures.DefaultNames, Measures.Niqe, Measures.NiqeDifference], withNiqe.Names);
    }

    [Fact]
    public void The_difference_of_niqe_is_that_of_both_images()
    {
        using var scope = NewDisposeScope();
        var niqe = NiqeModel.Load(Shared.Path("data", "niqe", "niqe_pris_params.npz"));
        using var measures = MeasureSet.Create([Measures.NiqeDifference, Measures.Niqe], niqe);
        var (restored, reference) = (Noise(104, 200, 1), Noise(104, 200, 2));
        var found = measures.Score(restored, reference, border: 4);
        Assert.Equal(niqe.Score(restored, border: 4), found[Measures.Niqe]);
        Assert.Equal(Math.Abs(niqe.Score(restored, border: 4)!.Value - niqe.Score(reference, border: 4)!.Value), found[Measures.NiqeDifference]);
        Assert.Null(measures.Score(Noise(90, 200, 1), reference[.., .., ..90, ..])[Measures.NiqeDifference]);
    }

    [Fact]
    public void An_image_that_is_too_small_has_no_value()
    {
        using var scope = NewDisposeScope();
        using var measures = MeasureSet.Create(["psnr", "haarpsi", "ms_ssim", "gmsd"]);
        var found = measures.Score(Noise(12, 30, 1), Noise(12, 30, 2));
        Assert.Equal((true, false, false, true), (found["psnr"].HasValue, found["haarpsi"].HasValue, found["ms_ssim"].HasValue, found["gmsd"].HasValue));
        var large = measures.Score(Noise(40, 30, 1), Noise(40, 30, 2));
        var mean = BenchmarkScores.Mean([found, large]);
        Assert.Equal(large["haarpsi"], mean["haarpsi"]);
        Assert.Null(mean["ms_ssim"]);
        Assert.Null(mean["not measured"]);
    }

    [Fact]
    public void A_measure_without_its_weights_is_left_out_with_one_line()
    {
        using var scope = NewDisposeScope();
        var missing = new Measure("missing", "Missing", Direction.Lower, "F4", "a loss whose file is missing") { Source = MeasureSource.Loss, Loss = LossExpression.Parse("mdf:nowhere.safetensors"), NeedsWeights = true };
        var told = new List<string>();
        using var measures = MeasureSet.Create([missing, Measures.Find(Measures.Psnr)], niqe: null, CPU, told.Add);
        Assert.Equal([Measures.Psnr], measures.Names);
        Assert.StartsWith("'missing' is left out: cannot read 'nowhere.safetensors'", Assert.Single(told), StringComparison.Ordinal);
        Assert.Equal("no measure is left of missing: name others, such as psnr", Assert.Throws<InputException>(() => MeasureSet.Create([missing], niqe: null, CPU, warn: null)).Message);
    }

    [Fact]
    public void Niqe_without_its_model_is_refused() =>
        Assert.Equal("'niqe' needs the parameters of NIQE: give the published niqe_pris_params.npz", Assert.Throws<InputException>(() => MeasureSet.Create([Measures.Niqe])).Message);

    [Fact]
    public void Files_are_measured_as_they_are_or_as_8_bits()
    {
        using var scope = NewDisposeScope();
        using var measures = MeasureSet.Create(["psnr", "l1"]);
        var image = Full([1, 3, 20, 20], 0.5f);
        var nearly = image.Add(0.2 / 255);
        var asTheyAre = measures.Score(nearly, image, border: 0, isRounded: false, CancellationToken.None);
        Assert.Equal(0.2 / 255, asTheyAre["l1"]!.Value, 1e-7);
        Assert.Equal(-20 * Math.Log10(0.2 / 255), asTheyAre["psnr"]!.Value, 1e-3);
        Assert.Equal(0, measures.Score(nearly, image)["l1"]);
    }

    [Fact]
    public void No_tensor_is_left_behind()
    {
        using var scope = NewDisposeScope();
        using var measures = MeasureSet.Create();
        var image = Noise(161, 161, 1);
        measures.Score(image, image);
        var before = TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        measures.Score(image, image);
        Assert.Equal(before, TorchSharp.DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    private static Tensor Noise(int height, int width, int seed)
    {
        using var random = new Generator((ulong)seed);
        return rand([1, 3, height, width], generator: random);
    }
}
