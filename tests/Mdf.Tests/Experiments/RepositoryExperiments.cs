using Mdf.Experiments;
using Mdf.Experiments.Comparisons;
using Mdf.Experiments.Sweeps;

namespace Mdf.Tests.Experiments;

/// <summary>The experiments that come with the program, and the sweeps and comparisons of them.</summary>
internal static class RepositoryExperiments
{
    public static string Folder { get; } = Path.Combine(Shared.Repository, "experiments");

    /// <summary>All files.</summary>
    public static IEnumerable<string> Files => Directory.GetFiles(Folder, "*.yaml", SearchOption.AllDirectories).Order(StringComparer.Ordinal);

    /// <summary>The experiment of a file, or those of all cells of a sweep or comparison.</summary>
    public static IReadOnlyList<Experiment> Read(string file)
    {
        var text = File.ReadAllText(file);
        if (text.Split('\n').Any(line => line.StartsWith("tasks:", StringComparison.Ordinal)))
            return [.. Local(text, path => Comparison.Load(path).Tasks.SelectMany(task => task.Sweep.Cells)).Select(cell => cell.Experiment)];
        if (!text.Split('\n').Any(line => line.StartsWith("experiment:", StringComparison.Ordinal)))
            return [ExperimentFile.Load(file)];
        return [.. Local(text, path => Sweep.Load(path, task: null, ExperimentArguments.InCode).Cells).Select(cell => cell.Experiment)];
    }

    // The paths in a sweep and in a comparison are relative to the current folder, which is not the repository here.
    private static IReadOnlyList<SweepCell> Local(string text, Func<string, IEnumerable<SweepCell>> read)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("local.yaml"), text.Replace("experiment: experiments/", $"experiment: {Shared.Repository}/experiments/", StringComparison.Ordinal));
        return [.. read(folder.File("local.yaml"))];
    }
}
