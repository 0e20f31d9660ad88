using System.Runtime.InteropServices;
using System.Text.Json;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Runtime;
using Mdf.Tests.Weights;
using Mdf.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Tests.Evaluation;

public sealed class NiqeModelTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    /// <summary>BasicSR's values differ in the rounding of their float32 sums, which reaches 1.3e-4.</summary>
    [Theory]
    [InlineData("lighthouse2")]
    [InlineData("parrots")]
    [InlineData("buildings")]
    public void Niqe_equals_BasicSRs(string picture)
    {
        using var golden = JsonDocument.Parse(File.ReadAllText(Shared.Path("reference", "golden", "niqe.json")));
        var expected = golden.RootElement.GetProperty("values").GetProperty(picture).GetDouble();
        using var image = ImageFile.Read(Shared.Path("data", "LIVE1", picture + ".bmp"));
        Assert.Equal(1, Published().Score(image)!.Value / expected, 5e-4);
    }

    [Fact]
    public void A_photograph_is_better_blurred_or_noisy_not()
    {
        using var scope = NewDisposeScope();
        var model = Published();
        var photo = Photo();
        using var random = new Generator(1);
        var pristine = model.Score(photo)!.Value;
        Assert.InRange(pristine, 1, 6);
        Assert.InRange(model.Score(nn.functional.avg_pool2d(photo, [5, 5], [1, 1]))!.Value, pristine + 2, 50);
        Assert.InRange(model.Score(photo.Add(randn(photo.shape, generator: random).Mul(0.1)))!.Value, pristine + 2, 50);
    }

    [Fact]
    public void What_is_scored_is_the_8_bit_image_without_its_border()
    {
        using var scope = NewDisposeScope();
        var model = Synthetic();
        var image = Texture(216, 216);
        var score = model.Score(image, border: 8)!.Value;
        Assert.InRange(score, 0.01, 100);
        Assert.Equal(score, model.Score(image.narrow(2, 8, 200).narrow(3, 8, 200)));
        Assert.Equal(score, model.Score(image.narrow(2, 8, 192).narrow(3, 8, 192))); // whole blocks only
        Assert.Equal(score, model.Score(image.Add(0.3 / 255), border: 8));
        Assert.Equal(score, model.Score(image.to(float64), border: 8));
        Assert.NotEqual(score, model.Score(image, border: 7));
    }

    [Fact]
    public void Fewer_than_two_blocks_have_no_score()
    {
        using var scope = NewDisposeScope();
        var model = Synthetic();
        Assert.NotNull(model.Score(Texture(96, 192)));
        Assert.NotNull(model.Score(Texture(192, 96)));
        Assert.Null(model.Score(Texture(96, 191)));
        Assert.Null(model.Score(Texture(95, 400)));
        Assert.Null(model.Score(Texture(96, 192), border: 1));
    }

    [Theory]
    [InlineData(96, 96)]
    [InlineData(200, 300)]
    [InlineData(493, 197)]
    public void Tiles_of_any_size_have_the_features_of_the_whole(int height, int width)
    {
        using var scope = NewDisposeScope();
        var (image, window) = (Texture(height, width), Enumerable.Repeat(1.0 / 49, 49).ToArray());
        var whole = NaturalSceneStatistics.Compute(image, window, blocksPerTile: 100, TestContext.Current.CancellationToken);
        Assert.Equal(height / 96 * (width / 96), whole.Length);
        foreach (var blocks in new[] { 1, 2, 3 })
            Assert.Equal(whole, NaturalSceneStatistics.Compute(image, window, blocks, TestContext.Current.CancellationToken));
    }

    [Fact]
    public void A_cancelled_score_stops()
    {
        using var image = Texture(200, 300);
        Assert.Throws<OperationCanceledException>(() => Synthetic().ScoreWhole(image, new CancellationToken(canceled: true)));
    }

    [Fact]
    public void Blocks_without_texture_do_not_count()
    {
        using var scope = NewDisposeScope();
        var model = Synthetic();
        Assert.Null(model.Score(Full([1, 3, 288, 288], 0.37f)));
        var image = Full([1, 3, 96, 960], 0.37f);
        image.narrow(3, 0, 96).copy_(Texture(96, 96));
        Assert.Null(model.Score(image));
        image.narrow(3, 96, 96).copy_(Texture(96, 96, seed: 2));
        Assert.NotNull(model.Score(image));
    }

    [Fact]
    public void Unusable_images_are_refused()
    {
        using var scope = NewDisposeScope();
        var model = Synthetic();
        Assert.Contains("shape (1, 3, H, W), found", Assert.Throws<ArgumentException>(() => model.Score(zeros(2, 3, 96, 192))).Message);
        Assert.Contains("found NaN", Assert.Throws<InputException>(() => model.Score(Full([1, 3, 96, 192], float.NaN))).Message);
        Assert.Contains("larger than its border of 48 pixels", Assert.Throws<InputException>(() => model.Score(zeros(1, 3, 96, 192), border: 48)).Message);
    }

    [Fact]
    public void Parameters_that_are_not_NIQEs_are_refused()
    {
        AssertRefused("found 'mu_pris_param', 'gaussian_window'", Parameters().Where(array => array.Name != "cov_pris_param.npy"));
        AssertRefused("found nothing", []);
        AssertRefused("'mu_pris_param' as F64 [1, 36], found F64 [36, 1]", With("mu_pris_param", NumpyFiles.Matrix(36, 1, (_, _) => 0)));
        AssertRefused("as F64 [1, 36], found F32 [1, 36]", With("mu_pris_param", NumpyFiles.Array("<f4", "(1, 36)", new byte[4 * 36])));
        AssertRefused(
            "expected finite numbers in the tensor 'mu_pris_param', found NaN (element 35 of 36)",
            With("mu_pris_param", NumpyFiles.Matrix(1, 36, (_, i) => i == 35 ? double.NaN : 0)), advice: "use another file");
        AssertRefused("a symmetric 'cov_pris_param'", With("cov_pris_param", NumpyFiles.Matrix(36, 36, (i, j) => i == j || i == 0 ? 1 : 0)));
        AssertRefused("without negative eigenvalues", With("cov_pris_param", NumpyFiles.Matrix(36, 36, (i, j) => i == j ? 1 - i : 0)));
        AssertRefused("found the sum 49", With("gaussian_window", NumpyFiles.Matrix(7, 7, (_, _) => 1)));

        IEnumerable<(string Name, byte[] Content)> With(string name, byte[] content) =>
            Parameters().Select(array => array.Name == name + ".npy" ? (array.Name, content) : array);

        void AssertRefused(string expected, IEnumerable<(string Name, byte[] Content)> arrays, string advice = "give the published niqe_pris_params.npz")
        {
            var path = _folder.File("refused.npz", NumpyFiles.Zip(arrays));
            var error = Assert.Throws<InputException>(() => NiqeModel.Load(path));
            Assert.Contains(expected, error.Message);
            Assert.EndsWith(advice, error.Message);
            TemporaryFolder.AssertOneLine(error, path);
        }
    }

    [Fact]
    public void Damaged_parameters_are_refused_or_give_the_same_score()
    {
        using var image = Texture(96, 192);
        var published = Shared.Path("data", "niqe", "niqe_pris_params.npz");
        var whole = File.ReadAllBytes(published);
        var score = NiqeModel.Load(published).Score(image);
        for (var seed = 0; seed < 300; seed++)
        {
            var path = _folder.File("damaged.npz", Damage.Apply(whole, whole.Length, seed));
            try
            {
                Assert.Equal(score, NiqeModel.Load(path).Score(image));
            }
            catch (InputException e)
            {
                TemporaryFolder.AssertOneLine(e, path);
            }
        }
    }

    [Fact]
    public void A_fitted_model_is_that_of_its_sharp_blocks()
    {
        using var scope = NewDisposeScope();
        // The left half of each picture is much less sharp, so only the blocks of the right half count.
        for (var i = 0; i < 5; i++)
        {
            var picture = Texture(384, 384, seed: i + 1);
            picture.narrow(3, 0, 192).Mul_(0.2);
            ImageFile.Write(_folder.File($"{i}.png"), picture);
        }

        var (model, blocks) = NiqeModel.Fit(ImageFolder.List(_folder.File("")), cancellationToken: TestContext.Current.CancellationToken);
        Assert.Equal(5 * 8, blocks);
        var (like, unlike) = (Texture(384, 384, seed: 9), Texture(384, 384, seed: 9));
        unlike.copy_(nn.functional.avg_pool2d(unlike, [5, 5], [1, 1], [2, 2]));
        Assert.True(2 * model.Score(like) < model.Score(unlike), $"{model.Score(like)} {model.Score(unlike)}");

        var (first, second) = (_folder.File("first.npz"), _folder.File("second.npz"));
        model.Save(first);
        NiqeModel.Load(first).Save(second);
        Assert.Equal(model.Score(like), NiqeModel.Load(first).Score(like));
        Assert.Equal(File.ReadAllBytes(first), File.ReadAllBytes(second));
    }

    [Fact]
    public void Too_few_sharp_blocks_are_refused()
    {
        using var scope = NewDisposeScope();
        ImageFile.Write(_folder.File("one.png"), Texture(192, 192));
        var error = Assert.Throws<InputException>(() => NiqeModel.Fit([_folder.File("one.png")]));
        Assert.Contains("expected more than 36 sharp blocks of 96×96 pixels, found 4 in 1 photographs", error.Message);
    }

    /// <summary>MATLAB's fspecial('gaussian', 7, 7/6), which the published file has.</summary>
    [Fact]
    public void The_window_is_the_published_one()
    {
        using var scope = NewDisposeScope();
        var published = NumpyArchive.Read(Shared.Path("data", "niqe", "niqe_pris_params.npz"))["gaussian_window"].Bytes;
        for (var i = 0; i < 3; i++)
            ImageFile.Write(_folder.File($"{i}.png"), Texture(384, 384, seed: i + 1));
        NiqeModel.Fit(ImageFolder.List(_folder.File("")), cancellationToken: TestContext.Current.CancellationToken).Model.Save(_folder.File("x.npz"));
        var ours = NumpyArchive.Read(_folder.File("x.npz"))["gaussian_window"].Bytes;
        Assert.All(MemoryMarshal.Cast<byte, double>(published).ToArray().Zip(MemoryMarshal.Cast<byte, double>(ours).ToArray()), pair => Assert.Equal(pair.First, pair.Second, 1e-9));
    }

    [Fact]
    public void No_tensor_is_left_behind()
    {
        using var image = Texture(96, 192);
        Score();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
        Score();
        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);

        void Score() => Assert.NotNull(Synthetic().Score(image));
    }

    private static NiqeModel Published() => NiqeModel.Load(Shared.Path("data", "niqe", "niqe_pris_params.npz"));

    private static Tensor Photo() => ImageFile.Read(Path.Combine(Shared.Repository, "samples", "photographs", "chelsea.png"));

    private NiqeModel Synthetic() => NiqeModel.Load(_folder.File("parameters.npz", NumpyFiles.Zip(Parameters())));

    /// <summary>Parameters that have the right form and describe no photographs.</summary>
    private static (string Name, byte[] Content)[] Parameters() =>
    [
        ("mu_pris_param.npy", NumpyFiles.Matrix(1, 36, (_, _) => 1)),
        ("cov_pris_param.npy", NumpyFiles.Matrix(36, 36, (i, j) => i == j ? 1 : 0)),
        ("gaussian_window.npy", NumpyFiles.Matrix(7, 7, (_, _) => 1.0 / 49)),
    ];

    /// <summary>8-bit noise with some structure.</summary>
    private static Tensor Texture(int height, int width, int seed = 1)
    {
        using var scope = NewDisposeScope();
        using var random = new Generator((ulong)seed);
        var noise = nn.functional.avg_pool2d(rand([1, 3, height + 2, width + 2], generator: random), [3, 3], [1, 1]);
        return noise.Mul(255).round().Div(255).MoveToOuterDisposeScope();
    }
}
