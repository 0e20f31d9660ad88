using System.CommandLine;
using System.Globalization;
using Mdf.Evaluation;
using Mdf.Experiments;
using Mdf.Experiments.Comparisons;
using Mdf.Experiments.Sweeps;
using Mdf.Reports.Site;
using Mdf.Runtime;
using TorchSharp;

namespace Mdf.Cli.Commands;

/// <summary><c>mdf report</c>: makes a page of comparisons and sweeps.</summary>
internal sealed class ReportCommand : ComputeCommand
{
    private const string ResNet = "resnet18";

    private static readonly string[] s_maps = [Measures.Flip, ResNet, Measures.PsnrChroma];

    private readonly Argument<string[]> _runs = new("runs") { Description = "folders that 'mdf compare' or 'mdf sweep' has written, folders of single tasks of a comparison, or folders of pages", Arity = ArgumentArity.OneOrMore };

    private readonly Option<string> _output = new("--output", "-o") { Description = "the folder of the site", HelpName = "folder", DefaultValueFactory = _ => "site" };

    public ReportCommand()
        : base(
            "report",
            "Makes a page from the results of comparisons and sweeps: the same pictures under each loss, tables, and plots. It opens in a browser from the disk. Unfinished and failed runs are named on it.",
            new Example("report runs/matrix -o site", "make the page of one comparison"),
            new Example("report runs/matrix runs/search-resnet18 -o site", "put a search for a weight on the page, too"),
            new Example("report runs/matrix/jpeg10 runs/mine -o site", "put the tasks of several comparisons on one page"),
            new Example("report site runs/other -o new-site", "add tasks to a page that was made before"))
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
    /// <param name="runs">The folders of comparisons, tasks or sweeps.</param>
    /// <param name="folder">The folder of the site.</param>
    /// <param name="device">The device to compute on.</param>
    internal static void Write(CommandContext context, IReadOnlyList<string> runs, string folder, torch.Device device)
    {
        var parts = ComparisonReport.Parts(runs);
        var site = ComparisonReport.Read(parts, Train, Evaluate);
        // Without the weights of ResNet-18 its maps are left out. This is worth a line only where its scores are shown.
        var isExpected = site.Tasks.Any(task => task.Pictures.Count > 0 && task.PictureMeasures.Any(measure => measure.Name == ResNet));
        using var measures = site.Tasks.Any(task => task.Pictures.Count > 0)
            ? MeasureSet.Create(Measures.Parse(s_maps), niqe: null, device, isExpected ? problem => context.Warn($"error maps: {problem}") : null)
            : null;
        var page = context.WithProgress(progress => SiteWriter.Write(folder, site, measures, progress, context.Cancellation));
        var tables = site.Tasks.Sum(task => task.Sets.Count);
        var problems = site.Tasks.Select(task => (task.Title, task.Problems)).Concat(site.Searches.Select(search => (search.Title, search.Problems))).ToList();
        context.Result(
            new
            {
                Page = page,
                Tasks = site.Tasks.Select(task => new { task.Id, task.Title, Problems = task.Problems.Select(Text) }),
                Searches = site.Searches.Select(search => new { search.Id, search.Title, Problems = search.Problems.Select(Text) }),
            },
            terminal =>
            {
                foreach (var problem in problems.SelectMany(part => part.Problems.Select(problem => $"{part.Title}: {Text(problem)}")))
                    terminal.WriteLine(Untrusted.Line(problem));
                terminal.WriteLine($"{page}: open it in a browser");
                if (tables > 0)
                    terminal.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Path.Combine(folder, SiteTables.Folder)}: {tables} tables as CSV, JSON, Markdown and LaTeX, and the differences of all pairs"));
            });

        static IEnumerable<string> Train(RepeatedLoss loss) => loss.Seeds.Select(seed => string.Create(CultureInfo.InvariantCulture,
            $"mdf train {loss.Experiment} --set {Quoted($"loss={YamlText.From(loss.Loss)}")} --set seed={seed} --threads {loss.Threads} -o {loss.Folder}/seed-{seed}"));

        static string Evaluate(string folder, string task, IReadOnlyList<string> measures) =>
            $"mdf evaluate {folder}/*/seed-*/last.safetensors --task {Quoted(task)} {(measures.Count == 0 ? "" : $"--metrics {Quoted(string.Join(',', measures))} ")}--means --data TEST-SET";

        // A word for a shell.
        static string Quoted(string text) => text.All(c => char.IsAsciiLetterOrDigit(c) || "=:,./_-+".Contains(c)) ? text : SlurmScript.Quote(text);

        static string Text(SiteProblem problem) => problem.Subject is null ? problem.Text : $"{problem.Subject}: {problem.Text}";
    }
}
