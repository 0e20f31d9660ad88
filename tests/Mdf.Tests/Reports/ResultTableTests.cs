using System.Text.Json;
using Mdf.Evaluation;
using Mdf.Reports;

namespace Mdf.Tests.Reports;

public sealed class ResultTableTests
{
    private static readonly ResultTable s_table = new(
        "Set14, ×4",
        [new("network"), ResultColumn.Number("PSNR (dB)", "F2"), ResultColumn.Number("images", "D")],
        [
            ["EDSR", 28.123456789012345, 14],
            ["a|b, \"c\"", double.PositiveInfinity, null],
        ]);

    [Fact]
    public void Markdown_rounds_aligns_and_escapes() => Assert.Equal(
        """
        **Set14, ×4**

        | network   | PSNR (dB) | images |
        | --------- | --------: | -----: |
        | EDSR      |     28.12 |     14 |
        | a\|b, "c" |         ∞ |      – |

        """,
        s_table.ToMarkdown());

    [Fact]
    public void Csv_keeps_every_digit_and_quotes_as_rfc_4180_says() => Assert.Equal(
        "network,PSNR (dB),images\r\nEDSR,28.123456789012344,14\r\n\"a|b, \"\"c\"\"\",inf,\r\n",
        s_table.ToCsv());

    [Fact]
    public void Records_have_the_columns_names_in_their_order()
    {
        var records = new ResultTable("", [new("b"), new("a")], [["x", 0.1]]).ToRecords();
        Assert.Equal("""[{"b":"x","a":0.1}]""", JsonSerializer.Serialize(records));
    }

    [Fact]
    public void Files_for_programs_have_keys_and_tables_for_people_have_headings()
    {
        var table = new ResultTable("t", [ResultColumn.Of(Measures.Find(Measures.PsnrY)), ResultColumn.OfLoss("l1+mse")], [[double.PositiveInfinity, double.NegativeInfinity], [double.NaN, 0.5]]);
        Assert.Equal("psnr_y,loss:l1+mse\r\ninf,-inf\r\nnan,0.5\r\n", table.ToCsv());
        Assert.Contains("| PSNR-Y (dB) ↑ | loss l1+mse ↓ |", table.ToMarkdown());
        using var json = JsonDocument.Parse(table.ToJson());
        Assert.Equal("t", json.RootElement.GetProperty("title").GetString());
        Assert.Equal("Infinity", json.RootElement.GetProperty("rows")[0].GetProperty("psnr_y").GetString());
        Assert.Equal(0.5, json.RootElement.GetProperty("rows")[1].GetProperty("loss:l1+mse").GetDouble());
    }

    [Fact]
    public void Latex_is_a_tabular_of_booktabs() => Assert.Equal(
        """
        % a_b, ×4
        % \usepackage{booktabs}
        \begin{tabular}{lr}
        \toprule
        image & PSNR (dB) $\uparrow$ \\
        \midrule
        50\%\_\textbackslash{}x & $\infty$ \\
        |y & -- \\
        \bottomrule
        \end{tabular}

        """.Replace("|y", "$|$y", StringComparison.Ordinal),
        new ResultTable("a_b, ×4", [new("image"), ResultColumn.Of(Measures.Find(Measures.Psnr))], [["50%_\\x", double.PositiveInfinity], ["|y", null]]).ToLatex());

    [Fact]
    public void Bold_cells_are_bold_in_markdown_and_latex()
    {
        var table = new ResultTable("", [new("loss"), new("PSNR", null, Alignment.Right)], [["a_b", "29.63 ± 0.06"], ["c", "29.61 ○"]]) { Bold = new HashSet<(int, int)> { (0, 1) } };
        Assert.Contains("| a\\_b | **29.63 ± 0.06** |\n| c    |          29.61 ○ |\n", table.ToMarkdown(), StringComparison.Ordinal);
        Assert.Contains("a\\_b & \\textbf{29.63 $\\pm$ 0.06} \\\\\nc & 29.61 $\\circ$ \\\\\n", table.ToLatex(), StringComparison.Ordinal);
        Assert.DoesNotContain("**", table.ToCsv(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_cannot_break_out_of_its_cell() =>
        Assert.Contains("\n| x y\\| z |\n", new ResultTable("", [new("n")], [["x\ny| z"]]).ToMarkdown());

    [Fact]
    public void Rows_that_do_not_fit_the_columns_are_refused()
    {
        Assert.Throws<ArgumentException>(() => new ResultTable("", [new("a")], [["x", "y"]]));
        Assert.Throws<ArgumentException>(() => new ResultTable("", [new("a"), new("a")], []));
        Assert.Throws<ArgumentException>(() => new ResultTable("", [], []));
        Assert.Throws<ArgumentException>(() => new ResultTable("", [new("a")], [[DateTime.UnixEpoch]]));
    }

    [Fact]
    public void A_table_does_not_change_with_the_lists_it_was_made_from()
    {
        var rows = new List<object?[]> { new object?[] { "x" } };
        var table = new ResultTable("", [new("a")], rows);
        rows[0][0] = "y";
        rows.Clear();
        Assert.Equal("x", table.Text(0, 0));
    }
}
