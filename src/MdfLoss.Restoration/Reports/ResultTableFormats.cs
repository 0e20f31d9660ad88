using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;
using Mdf.Runtime;

namespace Mdf.Reports;

/// <summary>Converts a <see cref="ResultTable"/> to the formats of files.</summary>
internal static class ResultTableFormats
{
    private static readonly JsonSerializerOptions s_json = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals, // JSON has no infinite numbers: "Infinity"
    };

    private static readonly OrderedDictionary<string, Func<ResultTable, string>> s_formats = new()
    {
        [".csv"] = ToCsv,
        [".md"] = ToMarkdown,
        [".tex"] = ToLatex,
        [".json"] = ToJson,
    };

    /// <summary>The extensions of the files that a table can be written to.</summary>
    public static string Extensions => ".csv, .md, .tex or .json";

    /// <summary>Checks that a table can be written to a file of this name.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InputException">The extension is unknown.</exception>
    public static void RequireFormat(string path)
    {
        if (!s_formats.ContainsKey(Path.GetExtension(path).ToLowerInvariant()))
            throw new InputException($"cannot write '{path}': expected a table's name to end in {Extensions}");
    }

    /// <summary>Writes the table to a file. The extension decides the format.</summary>
    /// <param name="table">The results.</param>
    /// <param name="path">The file.</param>
    /// <exception cref="InputException">The extension is unknown, or the file cannot be written.</exception>
    public static void Save(this ResultTable table, string path)
    {
        RequireFormat(path);
        AtomicFile.Write(path, s_formats[Path.GetExtension(path).ToLowerInvariant()](table));
    }

    /// <summary>Converts to the title and a table in GitHub's Markdown. The columns are padded, so that the source is readable too.</summary>
    /// <param name="table">The results.</param>
    /// <returns>The text; it ends with a line break.</returns>
    public static string ToMarkdown(this ResultTable table)
    {
        var cells = Enumerable.Range(-1, table.Rows.Count + 1)
            .Select(row => table.Columns.Select((c, i) => row < 0 ? Escape(c.Name) : table.Bold.Contains((row, i)) ? $"**{Escape(table.Text(row, i))}**" : Escape(table.Text(row, i))).ToArray())
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

    /// <summary>Converts to comma-separated values (RFC 4180): a line of keys, then the rows. Every number has all of its digits.</summary>
    /// <param name="table">The results.</param>
    /// <returns>The text. A field without a result is empty. Infinite numbers are <c>inf</c> and <c>-inf</c>, as C, Python and R read them.</returns>
    public static string ToCsv(this ResultTable table)
    {
        var text = new StringBuilder();
        Line(table.Columns.Select(c => c.Key));
        foreach (var row in table.Rows)
            Line(row.Select(Field));
        return text.ToString();

        void Line(IEnumerable<string> fields) => text.AppendJoin(',', fields.Select(Quote)).Append("\r\n");

        static string Field(object? cell) => cell switch
        {
            double.PositiveInfinity or float.PositiveInfinity => "inf",
            double.NegativeInfinity or float.NegativeInfinity => "-inf",
            double.NaN or float.NaN => "nan",
            _ => Convert.ToString(cell, CultureInfo.InvariantCulture) ?? "",
        };

        static string Quote(string field) =>
            field.AsSpan().IndexOfAny("\",\r\n") >= 0 ? $"\"{field.Replace("\"", "\"\"")}\"" : field;
    }

    /// <summary>Converts to a tabular of LaTeX with the lines of the package booktabs, and with the title as a comment.</summary>
    /// <param name="table">The results.</param>
    /// <returns>The text; it ends with a line break.</returns>
    public static string ToLatex(this ResultTable table)
    {
        var text = new StringBuilder($"% {Plain(table.Title)}\n% \\usepackage{{booktabs}}\n");
        text.Append(CultureInfo.InvariantCulture, $"\\begin{{tabular}}{{{string.Concat(table.Columns.Select(column => column.Alignment == Alignment.Right ? 'r' : 'l'))}}}\n\\toprule\n");
        Line(table.Columns.Select(column => Escape(column.Name)));
        text.Append("\\midrule\n");
        for (var row = 0; row < table.Rows.Count; row++)
            Line(Enumerable.Range(0, table.Columns.Count).Select(column => table.Bold.Contains((row, column)) ? $"\\textbf{{{Escape(table.Text(row, column))}}}" : Escape(table.Text(row, column))));
        return text.Append("\\bottomrule\n\\end{tabular}\n").ToString();

        void Line(IEnumerable<string> cells) => text.AppendJoin(" & ", cells).Append(" \\\\\n");

        static string Plain(string line) => string.Concat(line.Select(c => char.IsControl(c) ? ' ' : c));

        static string Escape(string cell) => string.Concat(Plain(cell).Select(c => c switch
        {
            '\\' => "\\textbackslash{}",
            '&' or '%' or '$' or '#' or '_' or '{' or '}' => $"\\{c}",
            '~' => "\\textasciitilde{}",
            '^' => "\\textasciicircum{}",
            '|' => "$|$",
            '<' => "$<$",
            '>' => "$>$",
            '†' => "$\\dagger$",
            '↑' => "$\\uparrow$",
            '↓' => "$\\downarrow$",
            '∞' => "$\\infty$",
            'Δ' => "$\\Delta$",
            '–' => "--",
            '×' => "$\\times$",
            '±' => "$\\pm$",
            '○' => "$\\circ$",
            _ => $"{c}",
        }));
    }

    /// <summary>Converts to one JSON object with the title and the records of the rows.</summary>
    /// <param name="table">The results.</param>
    /// <returns>The text; it ends with a line break. Infinite numbers are the text <c>"Infinity"</c>, because JSON has no such number.</returns>
    public static string ToJson(this ResultTable table) => JsonSerializer.Serialize(new { table.Title, Rows = table.ToRecords() }, s_json) + "\n";

    /// <summary>Converts to one record per row, with the keys of the columns, for a JSON writer.</summary>
    /// <param name="table">The results.</param>
    /// <returns>The rows. The cells are unchanged and in the order of the columns.</returns>
    public static IReadOnlyList<IReadOnlyDictionary<string, object?>> ToRecords(this ResultTable table) =>
        [.. table.Rows.Select(row => new OrderedDictionary<string, object?>(
            table.Columns.Zip(row, (column, cell) => KeyValuePair.Create(column.Key, cell))))];
}
