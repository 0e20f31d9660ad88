using System.Globalization;
using System.Text;

namespace Mdf.Reports;

/// <summary>The forms in which a <see cref="ResultTable"/> is written to files.</summary>
public static class ResultTableFormats
{
    /// <summary>A Markdown (GitHub) table under the title, its columns padded so that the source can be read too.</summary>
    /// <param name="table">The results.</param>
    /// <returns>The text, which ends with a line break.</returns>
    public static string ToMarkdown(this ResultTable table)
    {
        var cells = Enumerable.Range(-1, table.Rows.Count + 1)
            .Select(row => table.Columns.Select((c, i) => Escape(row < 0 ? c.Name : table.Text(row, i))).ToArray())
            .ToArray();
        // Three dashes, or two and a colon, are the least that a rule may have.
        var widths = table.Columns.Select((_, i) => Math.Max(3, cells.Max(row => row[i].Length))).ToArray();
        var text = new StringBuilder($"**{Escape(table.Title)}**\n\n");
        for (var row = 0; row < cells.Length; row++)
        {
            Line(i => table.Columns[i].Alignment == Alignment.Right
                ? cells[row][i].PadLeft(widths[i])
                : cells[row][i].PadRight(widths[i]));
            if (row == 0)
            {
                Line(i => table.Columns[i].Alignment == Alignment.Right
                    ? new string('-', widths[i] - 1) + ':'
                    : new string('-', widths[i]));
            }
        }

        return text.ToString();

        void Line(Func<int, string> cell) =>
            text.Append("| ").AppendJoin(" | ", Enumerable.Range(0, widths.Length).Select(cell)).Append(" |\n");

        static string Escape(string cell) =>
            string.Concat(cell.Select(c => c switch
            {
                '\\' or '|' or '*' or '_' or '`' or '<' or '[' => $"\\{c}",
                _ when char.IsControl(c) => " ",
                _ => $"{c}",
            }));
    }

    /// <summary>Comma-separated values (RFC 4180): a heading line, then the rows, every number with all of its digits.</summary>
    /// <param name="table">The results.</param>
    /// <returns>The text; where there is no result the field is empty.</returns>
    public static string ToCsv(this ResultTable table)
    {
        var text = new StringBuilder();
        Line(table.Columns.Select(c => c.Name));
        foreach (var row in table.Rows)
            Line(row.Select(cell => Convert.ToString(cell, CultureInfo.InvariantCulture) ?? ""));
        return text.ToString();

        void Line(IEnumerable<string> fields) => text.AppendJoin(',', fields.Select(Quote)).Append("\r\n");

        static string Quote(string field) =>
            field.AsSpan().IndexOfAny("\",\r\n") >= 0 ? $"\"{field.Replace("\"", "\"\"")}\"" : field;
    }

    /// <summary>One record per row, keyed by the columns' names: what a JSON writer takes.</summary>
    /// <param name="table">The results.</param>
    /// <returns>The rows, their cells as they are, in the columns' order.</returns>
    public static IReadOnlyList<IReadOnlyDictionary<string, object?>> ToRecords(this ResultTable table) =>
        [.. table.Rows.Select(row => new OrderedDictionary<string, object?>(
            table.Columns.Zip(row, (column, cell) => KeyValuePair.Create(column.Name, cell))))];
}
