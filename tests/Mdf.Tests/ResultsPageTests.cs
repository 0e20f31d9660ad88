using Mdf.Tests.Cli;

namespace Mdf.Tests;

public sealed class ResultsPageTests
{
    private const string Table = """
        **JPEG: Set14, 14 images**

        | loss | PSNR-Y (dB) ↑ |
        | ---- | ------------: |
        | L1   |         29.63 |
        | MDF  |         29.18 |
        """;

    private static readonly string s_results = Path.Combine(Shared.Repository, "docs", "results");

    [Fact]
    public void The_text_of_our_results_agrees_with_the_tables_of_the_site()
    {
        Assert.Empty(ResultsPage.Faults(File.ReadAllText(Path.Combine(s_results, "README.md")), Path.Combine(s_results, "site", "tables")));
        Assert.NotEmpty(Directory.GetFiles(Path.Combine(s_results, "site", "tables"), "*.csv", SearchOption.AllDirectories));
    }

    [Fact]
    public void The_site_of_our_results_is_small()
    {
        Assert.InRange(new DirectoryInfo(Path.Combine(s_results, "site")).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length), 1, 25_000_000);
    }

    // After a change of the page: mdf report docs/results/site -o NEW, and put NEW in its place.
    [Fact]
    public void The_page_of_our_results_is_as_this_program_makes_it()
    {
        using var folder = new TemporaryFolder();
        var site = Path.Combine(s_results, "site");
        var answer = MdfProgram.Run("report", site, "-o", folder.File("site"));
        Assert.True(answer.ExitCode == 0, answer.Error);
        var files = FilesOf(site);
        Assert.Equal(files, FilesOf(folder.File("site")));
        Assert.All(files, file => Assert.Equal(File.ReadAllBytes(Path.Combine(site, file)), File.ReadAllBytes(folder.File($"site/{file}"))));

        static string[] FilesOf(string folder) => [.. Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(folder, file)).Order(StringComparer.Ordinal)];
    }

    [Theory]
    [InlineData("MDF has 29.18 dB. <!-- jpeg psnr_y: MDF = 29.18 -->", null)]
    [InlineData("MDF is 0.45 dB below L1, significantly. <!-- jpeg psnr_y: MDF − L1 = −0.45, p < 0.05 -->", null)]
    [InlineData("L1 is 0.4 dB above MDF. <!-- jpeg psnr_y: L1 − MDF = 0.4 -->", null)]
    [InlineData("28.5 dB <!-- jpeg psnr_y: MDF (authors', for SISR) = 28.5 -->", null)]
    [InlineData("L1 is the best, and MDF is significantly worse. <!-- jpeg psnr_y: L1 is best --> <!-- jpeg psnr_y: MDF is worse -->", null)]
    [InlineData("Nothing is significantly better than L1. <!-- jpeg *: L1 is unbeaten -->", null)]
    [InlineData("<!-- jpeg *: MDF is unbeaten -->", "the table has worse in psnr_y_best: <!-- jpeg *: MDF is unbeaten -->")]
    [InlineData("<!-- jpeg psnr_y: L1 is tied -->", "the table has best in psnr_y_best: <!-- jpeg psnr_y: L1 is tied -->")]
    [InlineData("<!-- jpeg flip: L1 is best -->", "no flip of 'L1' in jpeg.csv: <!-- jpeg flip: L1 is best -->")]
    [InlineData("With `--set w=0.01` [here](v1.5.md)", null)]
    [InlineData("MDF has 29.28 dB. <!-- jpeg psnr_y: MDF = 29.28 -->", "the table has 29.18: <!-- jpeg psnr_y: MDF = 29.28 -->")]
    [InlineData("MDF has 29.28 dB. <!-- jpeg psnr_y: MDF = 29.18 -->", "no claim for 29.28 in: MDF has 29.28 dB.")]
    [InlineData("MDF has 29.18 dB.", "no claim for 29.18 in: MDF has 29.18 dB.")]
    [InlineData("- MDF has 29.18 dB. <!-- jpeg psnr_y: MDF = 29.18 -->\n- Once more 29.18.", "no claim for 29.18 in: - Once more 29.18.")]
    [InlineData("MDF is not significantly worse.", "no claim with a p-value in: MDF is not significantly worse.")]
    [InlineData("Not significant. <!-- jpeg psnr_y: MDF − L1 = −0.45, p ≥ 0.05 -->", "the corrected p is 0.01: <!-- jpeg psnr_y: MDF − L1 = −0.45, p ≥ 0.05 -->")]
    [InlineData("<!-- jpeg psnr_y: MDF − MSE = 0.45 -->", "no psnr_y of 'MDF' and 'MSE' in jpeg.pairs.csv: <!-- jpeg psnr_y: MDF − MSE = 0.45 -->")]
    [InlineData("<!-- jpeg flip: MDF = 0.45 -->", "no flip of 'MDF' in jpeg.csv: <!-- jpeg flip: MDF = 0.45 -->")]
    [InlineData("<!-- noise flip: MDF = 0.45 -->", "no table noise.csv: <!-- noise flip: MDF = 0.45 -->")]
    [InlineData("<!-- to do -->", "not a claim: <!-- to do -->")]
    public void A_number_in_the_text_needs_a_table_that_has_it(string text, string? fault)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("jpeg.md"), Table);
        File.WriteAllText(folder.File("jpeg.csv"), "loss,networks,psnr_y,psnr_y_best\nL1,3,29.6285,best\nMDF,3,29.1812,worse\n\"MDF (authors', for SISR)\",3,28.5,worse\n");
        File.WriteAllText(folder.File("jpeg.pairs.csv"), "measure,first,second,difference,p,p_corrected,images,seeds\npsnr_y,L1,MDF,0.4473,0.001,0.01,14,3\n");
        Assert.Equal(fault is null ? [] : [fault], ResultsPage.Faults($"# Results\n\n{text}\n\n{Table}\n", folder.File("")));
        Assert.Equal("the page lacks the table jpeg.md, or has another version of it", ResultsPage.Faults(Table.Replace("29.63", "29.64", StringComparison.Ordinal), folder.File(""))[0]);
    }
}
