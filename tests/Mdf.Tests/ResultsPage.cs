using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.VisualBasic.FileIO;

namespace Mdf.Tests;

/// <summary>
/// A Markdown page about tables that <c>mdf report</c> wrote. Every sentence with a decimal number has a comment that says where it is from:
/// <c>&lt;!-- jpeg10/set14 psnr_y: L1 = 29.63 --&gt;</c> or <c>&lt;!-- jpeg10/set14 psnr_y: MDF − L1 = −0.45, p &lt; 0.05 --&gt;</c>, where p is corrected for the number of pairs;
/// or <c>&lt;!-- jpeg10/set14 *: L1 is unbeaten --&gt;</c>: in all measures no other is significantly better. Instead of <c>unbeaten</c> also <c>best</c>, <c>tied</c> and <c>worse</c>.
/// </summary>
internal static partial class ResultsPage
{
    private const double Significant = 0.05;

    /// <summary>What is wrong with a page, one line each.</summary>
    /// <param name="page">The text of the page.</param>
    /// <param name="tables">The folder of the tables.</param>
    public static IReadOnlyList<string> Faults(string page, string tables)
    {
        List<string> faults = [];
        foreach (var file in Directory.EnumerateFiles(tables, "*.md", new EnumerationOptions { RecurseSubdirectories = true }).Order(StringComparer.Ordinal))
        {
            var table = File.ReadAllText(file).Trim();
            if (!page.Contains(table, StringComparison.Ordinal))
                faults.Add($"the page lacks the table {Path.GetRelativePath(tables, file)}, or has another version of it");
            page = page.Replace(table, "", StringComparison.Ordinal);
        }
        foreach (var paragraph in Code().Replace(page, "").Split("\n\n").SelectMany(block => Item().Split(block)))
        {
            List<string> claimed = [];
            var isTested = false;
            foreach (Match comment in Comment().Matches(paragraph))
            {
                if (Rank().Match(comment.Value) is { Success: true } rank)
                {
                    isTested = true;
                    if (RankFault(rank, tables) is { } wrong)
                        faults.Add($"{wrong}: {comment.Value}");
                    continue;
                }

                if (Claim().Match(comment.Value) is not { Success: true } claim)
                {
                    faults.Add($"not a claim: {comment.Value}");
                    continue;
                }
                claimed.Add(claim.Groups["value"].Value.TrimStart('−'));
                isTested |= claim.Groups["p"].Success;
                if (Fault(claim, tables) is { } fault)
                    faults.Add($"{fault}: {comment.Value}");
            }
            var prose = Comment().Replace(paragraph, "");
            faults.AddRange(Decimal().Matches(prose).Select(number => number.Value).Except(claimed).Select(number => $"no claim for {number} in: {prose.Trim()}"));
            if (prose.Contains("significant", StringComparison.OrdinalIgnoreCase) && !isTested)
                faults.Add($"no claim with a p-value in: {prose.Trim()}");
        }
        return faults;
    }

    private static string? Fault(Match claim, string tables)
    {
        var (table, measure, first, second) = (claim.Groups["table"].Value, claim.Groups["measure"].Value, claim.Groups["first"].Value.Trim(), claim.Groups["second"].Value.Trim());
        var written = claim.Groups["value"].Value.Replace('−', '-');
        var path = Path.Combine(tables, second.Length == 0 ? $"{table}.csv" : $"{table}.pairs.csv");
        if (!File.Exists(path))
            return $"no table {Path.GetFileName(path)}";
        var lines = Rows(path);
        var columns = lines[0].ToList();
        double value;
        if (second.Length == 0)
        {
            if (!columns.Contains(measure) || lines.Find(line => line[0] == first) is not { } row)
                return $"no {measure} of '{first}' in {Path.GetFileName(path)}";
            value = Number(row[columns.IndexOf(measure)]);
        }
        else
        {
            if (lines.Find(line => line[0] == measure && ((line[1] == first && line[2] == second) || (line[1] == second && line[2] == first))) is not { } row)
                return $"no {measure} of '{first}' and '{second}' in {Path.GetFileName(path)}";
            value = Number(row[columns.IndexOf("difference")]) * (row[1] == first ? 1 : -1);
            if (claim.Groups["p"].Success && (claim.Groups["p"].Value == "<") != Number(row[columns.IndexOf("p_corrected")]) < Significant)
                return $"the corrected p is {row[columns.IndexOf("p_corrected")]}";
        }
        var decimals = written.Length - written.IndexOf('.', StringComparison.Ordinal) - 1;
        var rounded = value.ToString($"F{decimals}", CultureInfo.InvariantCulture);
        return rounded == written ? null : $"the table has {rounded}";
    }

    private static string? RankFault(Match claim, string tables)
    {
        var (table, measure, name, expected) = (claim.Groups["table"].Value, claim.Groups["measure"].Value, claim.Groups["row"].Value, claim.Groups["rank"].Value);
        var path = Path.Combine(tables, $"{table}.csv");
        if (!File.Exists(path))
            return $"no table {Path.GetFileName(path)}";
        var lines = Rows(path);
        string[] columns = [.. lines[0].Where(column => column.EndsWith("_best", StringComparison.Ordinal) && (measure == "*" || column == $"{measure}_best"))];
        if (columns.Length == 0 || lines.Find(line => line[0] == name) is not { } row)
            return $"no {measure} of '{name}' in {Path.GetFileName(path)}";
        var found = columns.Select(column => (column, Rank: row[Array.IndexOf(lines[0], column)]))
            .FirstOrDefault(entry => entry.Rank != expected && (expected != "unbeaten" || entry.Rank is not ("best" or "tied")));
        return found.column is null ? null : $"the table has {found.Rank} in {found.column}";
    }

    private static List<string[]> Rows(string path)
    {
        using var parser = new TextFieldParser(path) { Delimiters = [","], TrimWhiteSpace = false };
        List<string[]> rows = [];
        while (parser.ReadFields() is { } row)
            rows.Add(row);
        return rows;
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"```.*?```|`[^`\n]*`|\]\([^)]*\)", RegexOptions.Singleline)]
    private static partial Regex Code();

    [GeneratedRegex(@"\n(?=- )")]
    private static partial Regex Item();

    [GeneratedRegex("<!--.*?-->", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"^<!-- (?<table>\S+) (?<measure>\w+): (?<first>[^=−]+?)( − (?<second>[^=]+?))? = (?<value>−?\d+\.\d+)(, p (?<p><|≥) 0\.05)? -->$")]
    private static partial Regex Claim();

    [GeneratedRegex(@"^<!-- (?<table>\S+) (?<measure>\w+|\*): (?<row>.+) is (?<rank>best|tied|worse|unbeaten) -->$")]
    private static partial Regex Rank();

    [GeneratedRegex(@"\d+\.\d+")]
    private static partial Regex Decimal();
}
