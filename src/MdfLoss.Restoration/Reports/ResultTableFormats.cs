using System.Globalization;
using System.Text;

namespace Mdf.Reports;

/// <summary>Converts a <see cref="ResultTable"/> to the formats of files.</summary>
internal static class ResultTableFormats
{
    /// <summary>Converts to the title and a table in GitHub's Markdown. The columns are padded, so that the source is readable too.</summary>
    /// <param name="table">The results.</param>
    /// <returns>The text; it ends with a line break.</returns>
    public static string ToMarkdown(this ResultTable table)
    {
        var cells = Enumerable.Range(-1, table.Rows.Count + 1)
            .Select(row => table.Columns.Select((c, i) => Escape(row < 0 ? c.Name : table.Text(row, i))).ToArray())
            .ToArray();
        // A rule needs at least three dashes, or two dashes and a colon.
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

    /// <summary>Converts to comma-separated values (RFC 4180): a line of headings, then the rows. Every number has all of its digits.</summary>
    /// <param name="table">The results.</param>
    /// <returns>The text. A field without a result is empty.</returns>
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

    /// <summary>Converts to one record per row, with the names of the columns as keys, for a JSON writer.</summary>
    /// <param name="table">The results.</param>
    /// <returns>The rows. The cells are unchanged and in the order of the columns.</returns>
    public static IReadOnlyList<IReadOnlyDictionary<string, object?>> ToRecords(this ResultTable table) =>
        [.. table.Rows.Select(row => new OrderedDictionary<string, object?>(
            table.Columns.Zip(row, (column, cell) => KeyValuePair.Create(column.Name, cell))))];
}
