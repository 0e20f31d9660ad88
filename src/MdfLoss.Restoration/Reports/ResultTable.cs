using System.Globalization;
using Mdf.Evaluation;
using Mdf.Runtime;

namespace Mdf.Reports;

/// <summary>The alignment of the text in a column.</summary>
internal enum Alignment
{
    /// <summary>Aligned to the left, for names.</summary>
    Left,

    /// <summary>Aligned to the right, for numbers.</summary>
    Right,
}

/// <summary>One column of a <see cref="ResultTable"/>.</summary>
/// <param name="Name">The heading for people, with the unit, such as <c>PSNR (dB) ↑</c>.</param>
/// <param name="Format">
/// The .NET format of the column's numbers in output for people, such as <c>F2</c>. Files for programs keep all digits.
/// </param>
/// <param name="Alignment">The alignment of the column's text.</param>
internal sealed record ResultColumn(string Name, string? Format = null, Alignment Alignment = Alignment.Left)
{
    /// <summary>The stable identifier of the column in JSON and CSV, such as <c>psnr</c>. It is unique in the table. Default: the heading.</summary>
    public string Key { get; init; } = Name;

    /// <summary>Creates the column of a measure.</summary>
    /// <param name="measure">The measure.</param>
    public static ResultColumn Of(Measure measure) => new(measure.Heading, measure.Format, Alignment.Right) { Key = measure.Name };

    /// <summary>Creates the column of a loss, which is computed as in training.</summary>
    /// <param name="expression">The expression of the loss.</param>
    public static ResultColumn OfLoss(string expression) => new($"loss {expression} ↓", "G5", Alignment.Right) { Key = $"loss:{expression}" };

    /// <summary>Creates a column of numbers, aligned to the right.</summary>
    /// <param name="name">The heading, with the unit.</param>
    /// <param name="format">The .NET format, such as <c>F2</c>.</param>
    /// <returns>The column.</returns>
    public static ResultColumn Number(string name, string format) => new(name, format, Alignment.Right);
}

/// <summary>A table of results. It is the only source of every output (Markdown, CSV, LaTeX, JSON, terminal).</summary>
/// <remarks>A cell is a text, an integer, a floating-point number, or null if there is no result.</remarks>
internal sealed class ResultTable
{
    /// <summary>Creates a table.</summary>
    /// <param name="title">The title; one line.</param>
    /// <param name="columns">The columns; at least one, with unique keys.</param>
    /// <param name="rows">The rows, each with one cell (string, int, long, float, double or null) per column.</param>
    /// <exception cref="ArgumentException">The columns or a row are invalid.</exception>
    public ResultTable(string title, IEnumerable<ResultColumn> columns, IEnumerable<IEnumerable<object?>> rows)
    {
        Title = title;
        Columns = [.. columns];
        Rows = [.. rows.Select(row => (IReadOnlyList<object?>)[.. row])];
        if (Columns.Count == 0 || Columns.DistinctBy(c => c.Key).Count() != Columns.Count)
            throw new ArgumentException("a table needs at least one column, and columns with different keys", nameof(columns));
        if (Rows.FirstOrDefault(row => row.Count != Columns.Count) is { } odd)
            throw new ArgumentException($"a row has {odd.Count} cells for {Columns.Count} columns", nameof(rows));
        if (Rows.SelectMany(row => row).FirstOrDefault(c => c is not (null or string or int or long or float or double)) is { } cell)
            throw new ArgumentException($"a cell is a {cell.GetType().Name}: expected text, a number or null", nameof(rows));
    }

    /// <summary>The title of the table.</summary>
    public string Title { get; }

    /// <summary>The columns.</summary>
    public IReadOnlyList<ResultColumn> Columns { get; }

    /// <summary>The rows; each has one cell per column.</summary>
    public IReadOnlyList<IReadOnlyList<object?>> Rows { get; }

    /// <summary>The cells in bold, by row and column; in Markdown and LaTeX.</summary>
    public IReadOnlySet<(int Row, int Column)> Bold { get; init; } = new HashSet<(int, int)>();

    /// <summary>Formats a cell for people: a number in the column's format; <c>–</c> if there is no result.</summary>
    /// <param name="row">The index of the row, from 0.</param>
    /// <param name="column">The index of the column, from 0.</param>
    /// <returns>The text.</returns>
    public string Text(int row, int column) => Rows[row][column] switch
    {
        null => "–",
        float.PositiveInfinity or double.PositiveInfinity => "∞",
        float.NegativeInfinity or double.NegativeInfinity => "-∞",
        float number => PlainNumber.Format(number, Columns[column].Format),
        double number => PlainNumber.Format(number, Columns[column].Format),
        IFormattable number => number.ToString(Columns[column].Format, CultureInfo.InvariantCulture),
        var text => (string)text,
    };
}
