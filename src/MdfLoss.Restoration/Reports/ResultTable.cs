using System.Globalization;
using Mdf.Runtime;

namespace Mdf.Reports;

/// <summary>Where a column's text stands.</summary>
public enum Alignment
{
    /// <summary>At the left; for names.</summary>
    Left,

    /// <summary>At the right; for numbers.</summary>
    Right,
}

/// <summary>One column of a <see cref="ResultTable"/>.</summary>
/// <param name="Name">The heading, with the unit: <c>PSNR (dB)</c>. Also the key in JSON, so unique in its table.</param>
/// <param name="Format">
/// A .NET format for the column's numbers where people read them (<c>F2</c>); files for programs keep every digit.
/// </param>
/// <param name="Alignment">Where the column's text stands.</param>
public sealed record ResultColumn(string Name, string? Format = null, Alignment Alignment = Alignment.Left)
{
    /// <summary>A column of numbers, at the right.</summary>
    /// <param name="name">The heading, with the unit.</param>
    /// <param name="format">A .NET format (<c>F2</c>).</param>
    /// <returns>The column.</returns>
    public static ResultColumn Number(string name, string format) => new(name, format, Alignment.Right);
}

/// <summary>Results, once: every output (Markdown, CSV, JSON, a terminal) only reads them.</summary>
/// <remarks>A cell is a text, a whole number, a floating-point number, or null where there is no result.</remarks>
public sealed class ResultTable
{
    /// <summary>Makes a table.</summary>
    /// <param name="title">What the table shows; one line.</param>
    /// <param name="columns">The columns; at least one, with different names.</param>
    /// <param name="rows">The rows, each with one cell (string, int, long, float, double or null) per column.</param>
    /// <exception cref="ArgumentException">The columns or a row are not as said.</exception>
    public ResultTable(string title, IEnumerable<ResultColumn> columns, IEnumerable<IEnumerable<object?>> rows)
    {
        Title = title;
        Columns = [.. columns];
        Rows = [.. rows.Select(row => (IReadOnlyList<object?>)[.. row])];
        if (Columns.Count == 0 || Columns.DistinctBy(c => c.Name).Count() != Columns.Count)
            throw new ArgumentException("a table needs at least one column, and columns with different names", nameof(columns));
        if (Rows.FirstOrDefault(row => row.Count != Columns.Count) is { } odd)
            throw new ArgumentException($"a row has {odd.Count} cells for {Columns.Count} columns", nameof(rows));
        if (Rows.SelectMany(row => row).FirstOrDefault(c => c is not (null or string or int or long or float or double)) is { } cell)
            throw new ArgumentException($"a cell is a {cell.GetType().Name}: text, a number or null", nameof(rows));
    }

    /// <summary>What the table shows.</summary>
    public string Title { get; }

    /// <summary>The columns.</summary>
    public IReadOnlyList<ResultColumn> Columns { get; }

    /// <summary>The rows; each has one cell per column.</summary>
    public IReadOnlyList<IReadOnlyList<object?>> Rows { get; }

    /// <summary>A cell as people read it: numbers in the column's format, <c>–</c> where there is no result.</summary>
    /// <param name="row">The row, from 0.</param>
    /// <param name="column">The column, from 0.</param>
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
