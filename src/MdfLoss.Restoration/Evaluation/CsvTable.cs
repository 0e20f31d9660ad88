using System.Globalization;
using System.Text;
using Mdf.Runtime;

namespace Mdf.Evaluation;

/// <summary>A table of comma-separated values (RFC 4180) that a user wrote: a line of column names, then at least one row.</summary>
/// <remarks>Only commas separate fields. A field in double quotes may contain commas, line breaks and doubled quotes. Empty lines are ignored.</remarks>
internal sealed class CsvTable
{
    /// <summary>The largest allowed file, in bytes. PIPAL's 23,200 images need about 2 MB.</summary>
    private const long Largest = 64 << 20;

    private CsvTable(string path, IReadOnlyList<string> columns, IReadOnlyList<CsvRow> rows) => (Path, Columns, Rows) = (path, columns, rows);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The names of the columns, as the file has them.</summary>
    public IReadOnlyList<string> Columns { get; }

    /// <summary>The rows, at least one.</summary>
    public IReadOnlyList<CsvRow> Rows { get; }

    /// <summary>Reads a table.</summary>
    /// <param name="path">The file, in UTF-8. It is not trusted.</param>
    /// <param name="required">The columns that the table must have, among others and in any order.</param>
    /// <exception cref="InputException">There is no such file, or it is no such table; the message has the line.</exception>
    public static CsvTable Read(string path, params IReadOnlyList<string> required)
    {
        RegularFile.Require(path, "a CSV file");
        using var records = Split(path, ReadText(path)).GetEnumerator();
        var wanted = $"a CSV file whose first line has the columns {string.Join(", ", required)}";
        if (!records.MoveNext())
            throw new InputException($"cannot read '{path}': expected {wanted}, found only empty lines");
        var columns = records.Current.Fields;
        if (required.FirstOrDefault(name => !columns.Contains(name)) is not null)
            throw new InputException($"cannot read '{path}': expected {wanted}, with commas between them, found {Untrusted.Quote(string.Join(',', columns))}");
        if (columns.GroupBy(name => name).FirstOrDefault(same => same.Count() > 1) is { } twice)
            throw new InputException($"cannot read '{path}': expected columns with different names, found {Untrusted.Quote(twice.Key)} {twice.Count()} times");

        var rows = new List<CsvRow>();
        var table = new CsvTable(path, columns, rows);
        while (records.MoveNext())
        {
            var (line, fields) = records.Current;
            if (fields.Length != columns.Length)
                throw new InputException($"'{path}', line {line}: expected {columns.Length} fields, as the first line has, found {fields.Length}; a field that contains a comma must be in double quotes");
            rows.Add(new CsvRow(table, line, fields));
        }

        return rows.Count > 0 ? table : throw new InputException($"cannot read '{path}': expected rows after the line of column names, found none");
    }

    private static string ReadText(string path)
    {
        try
        {
            if (new FileInfo(path).Length is var length and > Largest)
                throw new InputException($"cannot read '{path}': expected a CSV file of at most {Largest >> 20} MB, found {length >> 20} MB");
            var text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(File.ReadAllBytes(path));
            return text.StartsWith('\uFEFF') ? text[1..] : text; // spreadsheets write a byte order mark
        }
        catch (ArgumentException e)
        {
            throw new InputException($"cannot read '{path}': expected text in UTF-8, found other bytes; save it as a CSV file in UTF-8", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"cannot read '{path}': {e.Message}", e);
        }
    }

    /// <returns>The records that are not empty lines, each with the line at which it begins, from 1.</returns>
    private static IEnumerable<(int Line, string[] Fields)> Split(string path, string text)
    {
        var fields = new List<string>();
        for (var (at, line) = (0, 1); at < text.Length; line++)
        {
            var first = line;
            var isQuoted = text[at] == '"';
            while (true)
            {
                fields.Add(at < text.Length && text[at] == '"' ? Quoted(ref at, ref line) : Plain(ref at));
                if (at == text.Length || text[at] != ',')
                    break;
                at++;
            }

            at += at < text.Length && text[at] == '\r' ? 1 : 0;
            at += at < text.Length && text[at] == '\n' ? 1 : 0;
            if (fields is not [""] || isQuoted)
                yield return (first, [.. fields]);
            fields.Clear();
        }

        string Plain(ref int at)
        {
            var length = text.AsSpan(at).IndexOfAny(",\r\n");
            var field = length < 0 ? text[at..] : text.Substring(at, length);
            at += field.Length;
            return field.Trim();
        }

        string Quoted(ref int at, ref int line)
        {
            var first = line;
            var field = new StringBuilder();
            for (at++; at < text.Length; at++)
            {
                if (text[at] == '"' && (at + 1 == text.Length || text[at + 1] != '"'))
                {
                    at++;
                    if (at < text.Length && text[at] is not (',' or '\r' or '\n'))
                        throw new InputException($"'{path}', line {line}: expected a comma or the end of the line after a closing quote, found {Untrusted.Quote(text[at].ToString())}");
                    return field.ToString();
                }

                if (text[at] == '"')
                    at++;
                line += text[at] == '\n' ? 1 : 0;
                field.Append(text[at]);
            }

            throw new InputException($"'{path}', line {first}: a quote \" is not closed");
        }
    }
}

/// <summary>A row of a <see cref="CsvTable"/>.</summary>
/// <param name="Table">The table.</param>
/// <param name="Line">The line at which the row begins, from 1.</param>
/// <param name="Fields">The fields, in the order of the columns.</param>
internal sealed record CsvRow(CsvTable Table, int Line, IReadOnlyList<string> Fields)
{
    /// <summary>Returns the text in a column, which the table must have.</summary>
    public string this[string column] => Fields[Enumerable.Range(0, Fields.Count).First(i => Table.Columns[i] == column)];

    /// <summary>Reads a finite number.</summary>
    /// <exception cref="InputException">The field has none; the message has the line.</exception>
    public double Number(string column) =>
        double.TryParse(this[column], NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
            ? number
            : throw Refuse($"expected a finite number in the column '{column}', such as 3.25, found {Untrusted.Quote(this[column])}");

    /// <summary>Reads a whole number of at least 0.</summary>
    /// <exception cref="InputException">The field has none; the message has the line.</exception>
    public int Count(string column) =>
        int.TryParse(this[column], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : throw Refuse($"expected a whole number of at least 0 in the column '{column}', found {Untrusted.Quote(this[column])}");

    /// <summary>Finds a file whose path in the table is relative to the table's folder.</summary>
    /// <returns>Its full path. The file exists.</returns>
    /// <exception cref="InputException">There is no such file; the message has the line.</exception>
    public string ExistingFile(string column)
    {
        var name = this[column];
        var path = name.Length == 0 || name.Contains('\0', StringComparison.Ordinal) ? null : Path.GetFullPath(name, Path.GetDirectoryName(Path.GetFullPath(Table.Path))!);
        return File.Exists(path) ? path : throw Refuse($"there is no image {Untrusted.Quote(name)} (column '{column}'); the paths are relative to the folder of the CSV file");
    }

    /// <summary>Creates an exception about this row.</summary>
    /// <param name="message">What was expected and what was found.</param>
    public InputException Refuse(string message) => new($"'{Table.Path}', line {Line}: {message}");
}
