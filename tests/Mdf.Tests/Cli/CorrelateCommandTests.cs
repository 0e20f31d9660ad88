using System.Text.Json;
using Mdf.Imaging;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Tests.Cli;

public sealed class CorrelateCommandTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public CorrelateCommandTests()
    {
        foreach (var reference in new[] { "r0", "r1" })
        {
            _folder.Image($"{reference}.png", seed: (ulong)reference[1]);
            for (var level = 1; level <= 6; level++)
                AddNoise($"{reference}.png", $"{reference}-{level}.png", level * 0.03);
        }
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Votes_are_compared_with_measures()
    {
        var votes = Votes("r0.png,r0-1.png,r0-2.png,30,1", "r0.png,r0-5.png,r0-3.png,4,27", "r1.png,r1-2.png,r1-4.png,11,20", "r1.png,r1.png,r1-4.png,31,0");
        var whole = Json("correlate", "--votes", votes, "--loss", "psnr", "--loss", "0.5*l1+ssim");
        var (share, count) = (((30 + 27 + 11) / 31.0 + 1) / 4, 4);
        Assert.Equal((count, 2, 124), (whole.GetProperty("pairs").GetInt32(), whole.GetProperty("references").GetInt32(), whole.GetProperty("votes").GetInt32()));
        var measures = whole.GetProperty("measures").EnumerateArray().ToArray();
        Assert.Equal(["psnr", "0.5*l1+ssim"], measures.Select(measure => measure.GetProperty("measure").GetString()));
        Assert.All(measures, measure => Assert.Equal(share, measure.GetProperty("votes").GetProperty("value").GetDouble(), 12));
        Assert.All(measures, measure => Assert.Equal(0.75, measure.GetProperty("majority").GetProperty("value").GetDouble(), 12));
        Assert.Equal(JsonValueKind.Null, measures[0].GetProperty("gain").ValueKind);
        Assert.Equal(0, measures[1].GetProperty("gain").GetProperty("high").GetDouble());

        var kept = Json("correlate", "--votes", votes, "--loss", "l1", "--without-reference");
        Assert.Equal(3, kept.GetProperty("pairs").GetInt32());
    }

    [Fact]
    public void The_table_is_saved()
    {
        var votes = Votes("r0.png,r0-1.png,r0-2.png,30,1");
        foreach (var name in new[] { "x.csv", "x.md" })
        {
            var answer = MdfProgram.Run("correlate", "--votes", votes, "--loss", "psnr", "--loss", "l1", "--save", _folder.File(name));
            Assert.Equal(0, answer.ExitCode);
            Assert.Contains("(the majority of people)", answer.Output);
            Assert.Contains("gain over psnr", File.ReadAllText(_folder.File(name)));
        }
    }

    [Fact]
    public void Scores_are_correlated_with_measures()
    {
        string[] rows = [.. Images().Select(image => $"{image.Reference},{image.Image},{5 - image.Level * 0.5 - (image.Level == 3 ? 0.9 : 0)}")];
        var result = Json("correlate", Table("scores.csv", "reference,image,score", rows), "--loss", "psnr", "--loss", "mse");
        Assert.Equal((12, 2), (result.GetProperty("images").GetInt32(), result.GetProperty("references").GetInt32()));
        var measures = result.GetProperty("measures").EnumerateArray().ToArray();
        Assert.Equal(["psnr", "mse"], measures.Select(measure => measure.GetProperty("measure").GetString()));
        foreach (var coefficient in new[] { "spearman", "kendall", "pearson" })
            Assert.All(measures, measure => Assert.InRange(measure.GetProperty(coefficient).GetProperty("value").GetDouble(), 0.8, 0.999));

        var degradation = Json("correlate", _folder.File("scores.csv"), "--loss", "mse", "--dmos");
        Assert.InRange(degradation.GetProperty("measures")[0].GetProperty("spearman").GetProperty("value").GetDouble(), -0.999, -0.8);
    }

    [Fact]
    public void Scores_of_another_program_need_no_images()
    {
        string[] rows = [.. Enumerable.Range(0, 12).Select(i => $"gone{i % 3}.png,gone.png/{i},{i * i},{i}")];
        var result = Json("correlate", Table("scores.csv", "reference,image,score,human", rows));
        var measure = Assert.Single(result.GetProperty("measures").EnumerateArray());
        Assert.Equal("score", measure.GetProperty("measure").GetString());
        Assert.Equal(1, measure.GetProperty("spearman").GetProperty("value").GetDouble(), 12);
    }

    [Theory]
    [InlineData("expected a table of scores, or --votes with a table of votes, found neither", "--loss", "l1")]
    [InlineData("found both", "{}s.csv", "--votes", "{}v.csv", "--loss", "l1")]
    [InlineData("give --loss NAME", "--votes", "{}v.csv")]
    [InlineData("add --loss niqe", "--votes", "{}v.csv", "--loss", "l1", "--niqe", "{}x.npz")]
    [InlineData("'niqe' needs the parameters of NIQE", "--votes", "{}v.csv", "--loss", "niqe")]
    [InlineData("(--niqe FILE)", "--votes", "{}v.csv", "--loss", "niqe")]
    [InlineData("unknown loss 'psrn'", "--votes", "{}v.csv", "--loss", "psrn")]
    [InlineData("found 'psnr' 2 times", "--votes", "{}v.csv", "--loss", "psnr", "--loss", "psnr")]
    [InlineData("to end in .md or .csv", "--votes", "{}v.csv", "--loss", "psnr", "--save", "x.txt")]
    [InlineData("--without-reference is for --votes", "{}s.csv", "--without-reference")]
    [InlineData("--dmos is for a table of scores", "--votes", "{}v.csv", "--loss", "psnr", "--dmos")]
    [InlineData("'ms-ssim' is not defined for", "--votes", "{}v.csv", "--loss", "ms-ssim")]
    [InlineData("expected measures to compare with the column 'score', or a column 'human'", "{}s.csv")]
    [InlineData("(--loss NAME)", "{}s.csv")]
    [InlineData("found 3 in every row; no correlation is defined", "{}s.csv", "--loss", "psnr")]
    [InlineData("expected at least 10 images, found 1", "{}few.csv", "--loss", "psnr")]
    [InlineData("is infinite, because the image equals its reference", "{}pristine.csv", "--loss", "psnr")]
    [InlineData("line 2: there is no image 'nowhere.png' (column 'a')", "--votes", "{}missing.csv", "--loss", "psnr")]
    [InlineData("line 2: expected a whole number of at least 0 in the column 'votes_a', found 'many'", "--votes", "{}many.csv", "--loss", "psnr")]
    [InlineData("expected at least one vote", "--votes", "{}none.csv", "--loss", "psnr")]
    [InlineData("expected two different images", "--votes", "{}same.csv", "--loss", "psnr")]
    [InlineData("each of the 1 pairs contains its reference", "--votes", "{}clean.csv", "--loss", "psnr", "--without-reference")]
    [InlineData("to have the size of its reference, 40×32, found 24×24", "--votes", "{}size.csv", "--loss", "psnr")]
    public void Mistakes_are_refused_in_one_line(string expected, params string[] arguments)
    {
        _folder.Image("small.png", 24, 24);
        Votes("r0.png,r0-1.png,r0-2.png,30,1");
        const string columns = "reference,a,b,votes_a,votes_b";
        Table("missing.csv", columns, "r0.png,nowhere.png,r0-2.png,30,1");
        Table("many.csv", columns, "r0.png,r0-1.png,r0-2.png,many,1");
        Table("none.csv", columns, "r0.png,r0-1.png,r0-2.png,0,0");
        Table("same.csv", columns, "r0.png,r0-1.png,r0-1.png,1,0");
        Table("clean.csv", columns, "r0.png,r0-1.png,r0.png,1,0");
        Table("size.csv", columns, "r0.png,small.png,r0-1.png,1,0");
        Table("s.csv", "reference,image,score", [.. Images().Select(image => $"{image.Reference},{image.Image},3")]);
        Table("few.csv", "reference,image,score", "r0.png,r0-1.png,3");
        Table("pristine.csv", "reference,image,score", [.. Images().Select(image => $"{image.Reference},{image.Image},{image.Level}").Append("r0.png,r0.png,9")]);
        var answer = MdfProgram.Run(["correlate", .. arguments.Select(_folder.Local)]);
        Assert.Equal((2, ""), (answer.ExitCode, answer.Output));
        Assert.Contains(expected, answer.Error.TrimEnd('\n').Split('\n')[^1]);
    }

    /// <summary>The figures of the data's own page, which others measured: ../shared/data/gan-votes/README.md.</summary>
    [Fact]
    public void Psnr_agrees_with_people_as_published()
    {
        var result = Json("correlate", "--votes", Shared.Path("data", "gan-votes", "votes.csv"), "--without-reference", "--loss", "psnr");
        Assert.Equal((267, 8), (result.GetProperty("pairs").GetInt32(), result.GetProperty("references").GetInt32()));
        Assert.Equal(0.678, result.GetProperty("measures")[0].GetProperty("votes").GetProperty("value").GetDouble(), 0.01);
        Assert.Equal(0.805, result.GetProperty("best").GetProperty("value").GetDouble(), 0.0006);
    }

    private static IEnumerable<(string Reference, string Image, int Level)> Images() =>
        from reference in new[] { "r0", "r1" }
        from level in Enumerable.Range(1, 6)
        select ($"{reference}.png", $"{reference}-{level}.png", level);

    private string Votes(params string[] rows) => Table("v.csv", "reference,a,b,votes_a,votes_b", rows);

    private string Table(string name, string columns, params string[] rows)
    {
        File.WriteAllLines(_folder.File(name), rows.Prepend(columns));
        return _folder.File(name);
    }

    private void AddNoise(string reference, string name, double sigma)
    {
        using var scope = NewDisposeScope();
        using var random = new Generator(3);
        var image = ImageFile.Read(_folder.File(reference));
        ImageFile.Write(_folder.File(name), image.Add(randn(image.shape, generator: random), sigma));
    }

    private static JsonElement Json(params string[] arguments)
    {
        var answer = MdfProgram.Run([.. arguments, "--json"]);
        Assert.True(answer.ExitCode == 0, answer.Error);
        using var document = JsonDocument.Parse(answer.Output);
        return document.RootElement.Clone();
    }
}
