using System.CommandLine;
using System.Globalization;
using Mdf.Evaluation;
using Mdf.Experiments.Comparisons;
using Mdf.Reports;
using Mdf.Reports.Site;
using Mdf.Runtime;
using TorchSharp;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf report</c>: makes the page of comparisons.</summary>
internal sealed class ReportCommand : ComputeCommand
{
    private static readonly string[] s_maps = [Measures.Flip, "resnet18", Measures.PsnrChroma];
    private static readonly string[] s_formats = [".csv", ".json", ".md", ".tex"];

    private readonly Argument<string[]> _runs = new("runs") { Description = "folders that 'mdf compare' has written, or folders of single tasks in them", Arity = ArgumentArity.OneOrMore };

    private readonly Option<string> _output = new("--output", "-o") { Description = "the folder of the site", HelpName = "folder", DefaultValueFactory = _ => "site" };

    public ReportCommand()
        : base(
            "report",
            "Makes a page from the results of comparisons: the same pictures under each loss, tables, and plots. It opens in a browser from the disk. Unfinished and failed runs are named on it.",
            new Example("report runs/matrix -o site", "make the page of one comparison"),
            new Example("report runs/matrix/jpeg10 runs/mine -o site", "put the tasks of several comparisons on one page"))
    {
        Arguments.Add(_runs);
        Options.Add(_output);
    }

    protected override int Run(CommandContext context, torch.Device device)
    {
        Write(context, context.Get(_runs), context.Get(_output), device);
        return CommandLine.Success;
    }

    /// <summary>Writes the site and the tables, and says where they are.</summary>
    /// <param name="context">The streams and the cancellation.</param>
    /// <param name="runs">The folders of comparisons or tasks.</param>
    /// <param name="folder">The folder of the site.</param>
    /// <param name="device">The device to compute on.</param>
    internal static void Write(CommandContext context, IReadOnlyList<string> runs, string folder, torch.Device device)
    {
        var tasks = ComparisonReport.Tasks(runs);
        var site = ComparisonReport.Read(tasks, threads => string.Create(CultureInfo.InvariantCulture, $"mdf train experiment.yaml -o run --threads {threads}"));
        using var measures = MeasureSet.Create(Measures.Parse(s_maps), niqe: null, device, warn: null); // without a map whose weights are missing
        var size = tasks.Max(task => TaskDescription.Read(task).PictureSize);
        var page = context.WithProgress(progress => SiteWriter.Write(folder, site, size, ErrorMaps.Of(measures, []), progress, context.Cancellation));
        var tables = site.Tasks.SelectMany(task => task.Sets.Select(set => (Task: task, Set: set, Table: ComparisonReport.TableOf(task.Title, set)))).ToList();
        foreach (var (task, set, table) in tables)
        {
            foreach (var format in s_formats)
                table.Save(Path.Combine(folder, "tables", $"{task.Id}-{SafeName.Of([set.Set])[0]}{format}"));
        }

        context.Result(
            new { Page = page, Tasks = site.Tasks.Select(task => new { task.Id, task.Title, Problems = task.Problems.Select(Text) }) },
            terminal =>
            {
                foreach (var problem in site.Tasks.SelectMany(task => task.Problems.Select(problem => $"{task.Title}: {Text(problem)}")))
                    terminal.WriteLine(problem);
                terminal.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{page}: open it in a browser; {Path.Combine(folder, "tables")} has {tables.Count} tables as CSV, JSON, Markdown and LaTeX"));
            });

        static string Text(SiteProblem problem) => problem.Subject is null ? problem.Text : $"{problem.Subject}: {problem.Text}";
    }
}
