using System.Globalization;
using System.Text.Json;
using Mdf.Evaluation;
using Mdf.Imaging;
using Mdf.Losses;
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
        var scores = Assert.Single(Scores(["score", clean, image, "--loss", .. losses]));

        using var scope = NewDisposeScope();
        var (reference, restored) = (ImageFile.Read(clean), ImageFile.Read(image));
        Assert.Equal(["image", "PSNR (dB)", .. losses], scores.EnumerateObject().Select(entry => entry.Name));
        Assert.Equal(image, scores.GetProperty("image").GetString());
        Assert.Equal(Psnr.Compute(restored, reference), scores.GetProperty("PSNR (dB)").GetDouble());
        foreach (var expression in losses)
        {
            using var loss = LossExpression.Parse(expression).Create();
            var value = loss.call(restored, reference).item<float>();
            Assert.NotEqual(0, value);
            Assert.Equal(value, scores.GetProperty(expression).GetSingle());
        }
    }

    [Fact]
    public void The_table_has_a_row_for_each_image()
    {
        var clean = _folder.Image("clean.png");
        string[] images = [_folder.Image("b.png", seed: 6), _folder.Image("a.png", seed: 7)];
        var answer = MdfProgram.Run(["score", clean, .. images, "--loss", "mse", "l1"]);
        Assert.Equal(0, answer.ExitCode);
        Assert.StartsWith("scoring: ", answer.Error);

        var rows = Rows(answer.Output);
        Assert.Equal(["image", "PSNR", "(dB)", "mse", "l1"], rows[0]);
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
        var answer = MdfProgram.Run("score", clean, same, "--loss", "ssim", "mse");
        Assert.Equal((0, ""), (answer.ExitCode, answer.Error));
        Assert.Equal([same, "∞", "0", "0"], Rows(answer.Output)[^1]);
        var scores = Assert.Single(Scores("score", clean, same, "--loss", "ssim", "mse"));
        Assert.Equal("Infinity", scores.GetProperty("PSNR (dB)").GetString());
        Assert.Equal((0, 0), (scores.GetProperty("ssim").GetDouble(), scores.GetProperty("mse").GetDouble()));
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
        var values = rows.Select(row => row.GetProperty("mse").GetDouble()).ToArray();
        Assert.Equal(0, values[0]);
        Assert.All(values[1..], value => Assert.True(value > 0));
        Assert.Equal(values[..2].Average(), values[4]);
        Assert.Equal(values[2..4].Average(), values[5]);
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
