using System.Globalization;
using System.Text;
using Mdf.Evaluation;
using Mdf.Reports;
using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Experiments.Sweeps;

/// <summary>Writes the tables and plots of a sweep, and the best cell.</summary>
internal static class SweepReport
{
    private static readonly string[] s_formats = [".csv", ".json", ".md"];

    /// <summary>Writes the tables of all cells and of the means.</summary>
    /// <param name="folder">The folder of the sweep.</param>
    /// <param name="results">The results.</param>
    public static void WriteTables(SweepFolder folder, SweepResults results)
    {
        foreach (var format in s_formats)
        {
            results.ToTable().Save(folder.Table + format);
            results.ToMeans().Save(folder.Means + format);
        }
    }

    /// <summary>Creates a function that writes the tables while cells run: at most once in an interval, and not while another thread or process writes them.</summary>
    /// <param name="folder">The folder of the sweep.</param>
    /// <param name="sweep">The sweep.</param>
    /// <param name="interval">The shortest time between two writes.</param>
    public static Action WriteTablesMeanwhile(SweepFolder folder, Sweep sweep, TimeSpan interval)
    {
        var written = TimeProvider.System.GetTimestamp();
        return () =>
        {
            if (TimeProvider.System.GetElapsedTime(Volatile.Read(ref written)) < interval)
                return;
            try
            {
                using var taken = folder.TryLockTables();
                if (taken is null)
                    return;
                Volatile.Write(ref written, TimeProvider.System.GetTimestamp());
                WriteTables(folder, SweepResults.Read(sweep, folder));
            }
            catch (Exception e) when (e is IOException or InputException)
            {
                // The tables at the end say what is wrong.
            }
        };
    }

    /// <summary>Writes the experiment of the chosen setting, and why it was chosen.</summary>
    /// <param name="folder">The folder of the sweep.</param>
    /// <param name="sweep">The sweep.</param>
    /// <param name="rule">The rule.</param>
    /// <param name="chosen">The chosen setting.</param>
    /// <param name="tests">The measures on the test sets; null if there are none.</param>
    public static void WriteBest(SweepFolder folder, Sweep sweep, BestRule rule, SettingResult chosen, ResultTable? tests)
    {
        ArgumentNullException.ThrowIfNull(chosen);
        var first = chosen.Cells[0].Cell;
        AtomicFile.Write(folder.BestExperiment, $"# The best setting of the sweep {sweep.Name} by '{rule}': {first.Setting}\n{first.Experiment.ToYaml()}");
        var text = new StringBuilder(string.Create(CultureInfo.InvariantCulture,
            $"**The best setting of the sweep {sweep.Name} by `{rule}`, chosen on the validation images: `{first.Setting}`**\n\n{string.Join(", ", rule.Measures.Select(measure => Text(chosen, measure)))}"));
        text.Append(chosen.Cells.Count == 1
            ? "\n\nOne seed: the difference to other settings may be smaller than that between two seeds.\n"
            : string.Create(CultureInfo.InvariantCulture, $" (means of {chosen.Cells.Count} seeds)\n"));
        if (tests is not null)
            text.Append('\n').Append(tests.ToMarkdown());
        AtomicFile.Write(folder.BestReport, text.ToString());
    }

    /// <summary>Measures the networks of the chosen setting on the test sets.</summary>
    /// <param name="folder">The folder of the sweep.</param>
    /// <param name="test">The test sets.</param>
    /// <param name="chosen">The chosen setting.</param>
    /// <param name="device">The device to compute on.</param>
    /// <param name="warn">Takes one line for each measure that is left out.</param>
    /// <param name="progress">Takes a report for every image.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    /// <exception cref="InputException">A folder or an image cannot be used.</exception>
    public static ResultTable Measure(
        SweepFolder folder, TestSets test, SettingResult chosen, Device device, Action<string>? warn, IProgress<ProgressUpdate>? progress, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(chosen);
        using var measures = MeasureSet.Create(test.Measures, test.Niqe is { } niqe ? NiqeModel.Load(niqe) : null, device, warn);
        var rows = new List<IEnumerable<object?>>();
        foreach (var data in test.Folders)
        {
            foreach (var cell in chosen.Cells)
            {
                var run = folder.Run(cell.Cell);
                var images = new BenchmarkImages(data, cell.Cell.Experiment.CreateDistortion(run.DistortedPictures));
                using var network = NetworkRestorer.Load(run.Last, new RestorerSetup { Task = images.Distortion, Device = device, Warn = warn });
                var mean = Benchmark.Mean(Benchmark.Run([network], images, measures, [], device, restored: null, progress, cancellationToken));
                rows.Add([Path.GetFileName(Path.TrimEndingDirectorySeparator(data)), cell.Cell.Seed ?? cell.Cell.Experiment.Training.Seed, .. measures.Entries.Select(measure => (object?)mean.Scores[measure.Name])]);
            }
        }

        return new ResultTable("On the test sets", [new ResultColumn("test set"), ResultColumn.Number("seed", "D"), .. measures.Entries.Select(ResultColumn.Of)], rows);
    }

    private static string Text(SettingResult setting, Measure measure) =>
        $"{measure.Title} {measure.Text(setting.Mean(measure))}{(setting.Deviation(measure) is { } deviation ? $" ± {deviation.ToString(measure.Format, CultureInfo.InvariantCulture)}" : "")}";
}
