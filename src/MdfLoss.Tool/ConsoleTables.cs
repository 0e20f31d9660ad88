using Mdf.Reports;
using Spectre.Console;

namespace Mdf.Cli;

/// <summary>Writes results to a terminal.</summary>
internal static class ConsoleTables
{
    /// <summary>Writes a table.</summary>
    public static void WriteTable(this IAnsiConsole console, ResultTable table)
    {
        var grid = new Table { Title = new TableTitle(Markup.Escape(table.Title)), Border = TableBorder.Simple };
        foreach (var column in table.Columns)
        {
            var alignment = column.Alignment == Alignment.Right ? Justify.Right : Justify.Left;
            grid.AddColumn(new TableColumn(new Text(column.Name)) { Alignment = alignment, NoWrap = true });
        }

        for (var row = 0; row < table.Rows.Count; row++)
            grid.AddRow(Enumerable.Range(0, table.Columns.Count).Select(column => new Text(table.Text(row, column))));
        console.Write(grid);
    }
}
