using System.Text;
using Mdf.Evaluation;
using Mdf.Runtime;

namespace Mdf.Tests.Evaluation;

public sealed class CsvTableTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a,b\n1,x\n2,y\n")]
    [InlineData("a,b\r\n1,x\r\n2,y")]
    [InlineData("\uFEFFa,b\r1,x\r2,y\r")]
    [InlineData("\n\nb,a,c\n\nx,1,\ny, 2 ,\n\n")]
    [InlineData("\"a\",b\n\"1\",\"x\"\n2,y\n")]
    public void Rows_have_their_fields_by_the_name_of_the_column(string text)
    {
        var rows = Read(text).Rows;
        Assert.Equal([("1", "x"), ("2", "y")], rows.Select(row => (row["a"], row["b"])));
        Assert.Equal([1, 2], rows.Select(row => row.Number("a")));
        Assert.Equal([1, 2], rows.Select(row => row.Count("a")));
    }

    [Fact]
    public void Quoted_fields_may_contain_commas_quotes_and_lines()
    {
        var rows = Read("a,b\n\"1,\"\"2\"\"\n3\",\"\"\n\"\",x\n").Rows;
        Assert.Equal([("1,\"2\"\n3", ""), ("", "x")], rows.Select(row => (row["a"], row["b"])));
        Assert.Equal([2, 4], rows.Select(row => row.Line));
    }

    [Theory]
    [InlineData("\n\n", "found only empty lines")]
    [InlineData("a,b\n", "expected rows after the line of column names, found none")]
    [InlineData("a;b\n1;2\n", "the columns a, b, with commas between them, found 'a;b'")]
    [InlineData("a,c\n1,2\n", "found 'a,c'")]
    [InlineData("a,b,a\n1,2,3\n", "found 'a' 2 times")]
    [InlineData("a,b\n1,2\n1,2,3\n", "line 3: expected 2 fields, as the first line has, found 3")]
    [InlineData("a,b\n\n1\n", "line 3: expected 2 fields, as the first line has, found 1")]
    [InlineData("a,b\n1,\"2\n\n", "line 2: a quote \" is not closed")]
    [InlineData("a,b\n1,\"2\"x\n", "line 2: expected a comma or the end of the line after a closing quote, found 'x'")]
    public void Other_texts_are_refused(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<InputException>(() => Read(text)).Message);

    [Fact]
    public void Other_files_are_refused()
    {
        Assert.Contains("there is no such file", Assert.Throws<InputException>(() => CsvTable.Read(_folder.File("none.csv"), "a")).Message);
        Assert.Contains("found a folder", Assert.Throws<InputException>(() => CsvTable.Read(_folder.File(""), "a")).Message);
        var latin = _folder.File("latin.csv", [(byte)'a', (byte)'\n', 0xE9, (byte)'\n']);
        Assert.Contains("expected text in UTF-8", Assert.Throws<InputException>(() => CsvTable.Read(latin, "a")).Message);
    }

    [Fact]
    public void Fields_that_are_no_numbers_are_refused_with_their_line()
    {
        var row = Read("a,b\n\"1,5\",-1\n").Rows[0];
        Assert.Contains("line 2: expected a finite number in the column 'a', such as 3.25, found '1,5'", Assert.Throws<InputException>(() => row.Number("a")).Message);
        Assert.Contains("expected a whole number of at least 0 in the column 'b', found '-1'", Assert.Throws<InputException>(() => row.Count("b")).Message);
        Assert.Throws<InputException>(() => Read("a,b\nNaN,1\n").Rows[0].Number("a"));
        Assert.Throws<InputException>(() => Read("a,b\n1e999,1\n").Rows[0].Number("a"));
        Assert.Throws<InputException>(() => Read("a,b\n99999999999,1\n").Rows[0].Count("a"));
    }

    [Fact]
    public void Paths_are_relative_to_the_folder_of_the_table()
    {
        Directory.CreateDirectory(_folder.File("images"));
        var image = _folder.File(Path.Combine("images", "x.png"), [1]);
        var row = Read("a,b\nimages/x.png,\"y\0\"\n").Rows[0];
        Assert.Equal(image, row.ExistingFile("a"));
        Assert.Contains("there is no image 'y?' (column 'b')", Assert.Throws<InputException>(() => row.ExistingFile("b")).Message);
    }

    private CsvTable Read(string text) => CsvTable.Read(_folder.File("table.csv", Encoding.UTF8.GetBytes(text)), "a", "b");
}
