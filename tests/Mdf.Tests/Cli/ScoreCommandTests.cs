using System.Globalization;
using System.Text.Json;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Losses;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Cli;

public sealed class ScoreCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_numbers_are_the_librarys()
    {
        var (clean, image) = (_folder.Image("clean.png"), _folder.Image("image.png", seed: 6));
        string[] losses = ["ssim", "0.5*l1+mse", $"mdf:{_folder.Stack()}"];
        var scores = Assert.Single(Scores(["score", clean, image, "--metrics", "psnr", .. losses.SelectMany(loss => new[] { "--loss", loss })]));

        using var scope = NewDisposeScope();
        var (reference, restored) = (ImageFile.Read(clean), ImageFile.Read(image));
        Assert.Equal(["image", "psnr", .. losses.Select(loss => $"loss:{loss}")], scores.EnumerateObject().Select(entry => entry.Name));
        Assert.Equal(image, scores.GetProperty("image").GetString());
        Assert.Equal(Psnr.Compute(restored, reference), scores.GetProperty("psnr").GetDouble());
        foreach (var expression in losses)
        {
            using var loss = LossExpression.Parse(expression).Create();
            var value = loss.call(restored, reference).item<float>();
            Assert.NotEqual(0, value);
            Assert.Equal(value, scores.GetProperty($"loss:{expression}").GetSingle());
        }
    }

    [Fact]
    public void The_table_has_a_row_for_each_image()
    {
        var clean = _folder.Image("clean.png");
        string[] images = [_folder.Image("b.png", seed: 6), _folder.Image("a.png", seed: 7)];
        var answer = MdfProgram.Run(["score", clean, .. images, "--metrics", "psnr", "--loss", "mse", "--loss", "l1"]);
        Assert.Equal(0, answer.ExitCode);
        Assert.StartsWith("scoring: ", answer.Error);

        var rows = Rows(answer.Output);
        Assert.Equal(["image", "PSNR", "(dB)", "↑", "loss", "mse", "↓", "loss", "l1", "↓"], rows[0]);
        Assert.Equal(images, rows[1..].Select(row => row[0]));
        using var scope = NewDisposeScope();
        var psnr = images.Select(image => Psnr.Compute(ImageFile.Read(image), ImageFile.Read(clean))).ToArray();
        Assert.Equal(
            [.. psnr.Select(value => value.ToString("F2", CultureInfo.InvariantCulture))],
            rows[1..].Select(row => row[1]));
    }

    [Fact]
    public void Equal_images_have_an_infinite_psnr_and_no_loss()
    {
        var (clean, same) = (_folder.Image("clean.png"), _folder.Image("same.png"));
        var answer = MdfProgram.Run("score", clean, same, "--metrics", "psnr", "--loss", "ssim", "--loss", "mse");
        Assert.Equal((0, ""), (answer.ExitCode, answer.Error));
        Assert.Equal([same, "∞", "0", "0"], Rows(answer.Output)[^1]);
        var scores = Assert.Single(Scores("score", clean, same, "--metrics", "psnr", "--loss", "ssim", "--loss", "mse"));
        Assert.Equal("Infinity", scores.GetProperty("psnr").GetString());
        Assert.Equal((0, 0), (scores.GetProperty("loss:ssim").GetDouble(), scores.GetProperty("loss:mse").GetDouble()));
    }

    [Fact]
    public void Folders_are_paired_by_name_whatever_the_format_and_each_has_its_mean()
    {
        foreach (var name in new[] { "clean", "first", "second" })
            Directory.CreateDirectory(_folder.File(name));
        foreach (var name in new[] { "x", "y" })
            _folder.Image(Path.Combine("clean", name + ".png"), seed: (ulong)name[0]);
        var other = _folder.Image(Path.Combine("first", "y.png"), seed: 1);
        var same = _folder.Image(Path.Combine("first", "x.tif"), seed: 'x');
        var again = _folder.Image(Path.Combine("second", "x.png"), seed: 2);
        var last = _folder.Image(Path.Combine("second", "y.png"), seed: 3);
        File.WriteAllText(_folder.File(Path.Combine("second", "notes.txt")), "not an image, and not asked for");

        var rows = Scores("score", _folder.File("clean"), _folder.File("first"), _folder.File("second"), "--loss", "mse");
        Assert.Equal(
            [same, other, again, last, $"mean of {_folder.File("first")}", $"mean of {_folder.File("second")}"],
            rows.Select(row => row.GetProperty("image").GetString()));
        var values = rows.Select(row => row.GetProperty("loss:mse").GetDouble()).ToArray();
        Assert.Equal(0, values[0]);
        Assert.All(values[1..], value => Assert.True(value > 0));
        Assert.Equal(values[..2].Average(), values[4]);
        Assert.Equal(values[2..4].Average(), values[5]);
    }

    [Fact]
    public void No_option_is_needed()
    {
        var scores = Assert.Single(Scores("score", _folder.Image("clean.png"), _folder.Image("image.png", seed: 6)));
        Assert.Equal(["image", .. Measures.DefaultNames], scores.EnumerateObject().Select(entry => entry.Name));
    }

    [Fact]
    public void A_border_is_cut_off_for_the_measures_and_not_for_the_losses()
    {
        var (clean, image) = (_folder.Image("clean.png"), _folder.Image("image.png", seed: 6));
        string[] args = ["score", clean, image, "--metrics", "l1,psnr", "--loss", "l1"];
        var (whole, cut) = (Assert.Single(Scores(args)), Assert.Single(Scores([.. args, "--border", "3"])));
        Assert.Equal(whole.GetProperty("l1").GetDouble(), whole.GetProperty("loss:l1").GetDouble(), 1e-9);
        Assert.NotEqual(whole.GetProperty("l1").GetDouble(), cut.GetProperty("l1").GetDouble());
        Assert.Equal(whole.GetProperty("loss:l1").GetDouble(), cut.GetProperty("loss:l1").GetDouble());
        Assert.NotEqual(whole.GetProperty("psnr").GetDouble(), cut.GetProperty("psnr").GetDouble());
    }

    [Fact]
    public void A_task_gives_the_rules_of_an_evaluation()
    {
        foreach (var name in new[] { "HR", "SR" })
            Directory.CreateDirectory(_folder.File(name));
        using (NewDisposeScope())
        {
            // 43×34: an evaluation crops it to 40×32.
            var clean = Resampler.Bicubic(ImageFile.Read(_folder.Image("source.png")), 34, 43).Clamp(0, 1);
            ImageFile.Write(_folder.File(Path.Combine("HR", "img_HR.png")), clean);
            ImageFile.Write(_folder.File(Path.Combine("SR", "img_EDSR_x4.png")), Resampler.Bicubic(clean.narrow(2, 0, 32).narrow(3, 0, 40), 32, 40).Mul(0.9));
        }

        var evaluation = MdfProgram.Run("evaluate", $"folder:{_folder.File("SR")}", "--task", "sisr:4", "--data", _folder.File("HR"), "--metrics", "psnr,psnr-y,ssim,flip", "--json");
        Assert.True(evaluation.ExitCode == 0, evaluation.Error);
        using var json = JsonDocument.Parse(evaluation.Output);
        var evaluated = json.RootElement.GetProperty("images")[0];
        var scored = Scores("score", _folder.File("HR"), _folder.File("SR"), "--task", "sisr:4", "--metrics", "psnr,psnr-y,ssim,flip")[0];
        foreach (var name in new[] { "psnr", "psnr_y", "ssim", "flip" })
            Assert.Equal(evaluated.GetProperty(name).GetDouble(), scored.GetProperty(name).GetDouble());
        var answer = MdfProgram.Run("score", _folder.File("HR"), _folder.File("SR"), "--metrics", "psnr");
        Assert.Equal(2, answer.ExitCode);
        Assert.Contains("expected images of one size, found", answer.Error);
    }

    [Theory]
    [InlineData("csv", "image,psnr_y,loss:l1\r\n")]
    [InlineData("md", "| PSNR-Y (dB) ↑ | loss l1 ↓ |\n")]
    [InlineData("tex", "image & PSNR-Y (dB) $\\uparrow$ & loss l1 $\\downarrow$ \\\\\n")]
    [InlineData("json", "\"psnr_y\": ")]
    public void The_table_is_written_to_a_file(string extension, string expected)
    {
        var file = _folder.File($"table.{extension}");
        var answer = MdfProgram.Run("score", _folder.Image("clean.png"), _folder.Image("image.png", seed: 6), "--metrics", "psnr-y", "--loss", "l1", "--save", file);
        Assert.True(answer.ExitCode == 0, answer.Error);
        Assert.Contains(expected, File.ReadAllText(file));
    }

    [Fact]
    public void Maps_are_written_with_a_table()
    {
        var (clean, image, maps) = (_folder.Image("clean.png"), _folder.Image("image.png", seed: 6), _folder.File("maps"));
        var answer = MdfProgram.Run("score", clean, image, "--metrics", "psnr,flip,gmsd", "--loss", $"0.5*l1+0.1*mdf:{_folder.Stack()}", "--loss", "l1", "--map", maps, "--json");
        Assert.True(answer.ExitCode == 0, answer.Error);
        using var json = JsonDocument.Parse(answer.Output);
        var files = json.RootElement.GetProperty("maps").EnumerateArray().Select(map => map.GetProperty("file").GetString()!).ToArray();
        Assert.Equal(["image.psnr.png", "image.flip.png", "image.gmsd.png", "image.loss-l1.png"], files[..4]);
        Assert.EndsWith(".scale-0-head.png", files[4]);
        Assert.Distinct(files);
        Assert.All(files, file => Assert.True(File.Exists(Path.Combine(maps, file)), file));
        Assert.StartsWith("image,measure,part,mean,brightest,file\r\n", File.ReadAllText(Path.Combine(maps, "maps.csv")));
        Assert.Equal(files.Length + 1, Directory.GetFiles(maps).Length);
    }

    private static JsonElement[] Scores(params string[] args)
    {
        var answer = MdfProgram.Run([.. args, "--json"]);
        Assert.True(answer.ExitCode == 0, answer.Error);
        using var json = JsonDocument.Parse(answer.Output);
        return [.. json.RootElement.GetProperty("scores").EnumerateArray().Select(row => row.Clone())];
    }

    /// <summary>The words of a table's lines, without its title and its rule.</summary>
    private static string[][] Rows(string table) =>
        [.. table.Split('\n').Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).SkipWhile(words => words is not ["image", ..])
            .Where(words => words.Length > 1)];
}
