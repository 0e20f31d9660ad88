using Mdf.Experiments;
using Mdf.Experiments.Sweeps;

namespace Mdf.Tests.Experiments;

/// <summary>The experiments that come with the program, and the sweeps of them.</summary>
internal static class RepositoryExperiments
{
    public static string Folder { get; } = Path.Combine(Shared.Repository, "experiments");

    /// <summary>All files.</summary>
    public static IEnumerable<string> Files => Directory.GetFiles(Folder, "*.yaml", SearchOption.AllDirectories).Order(StringComparer.Ordinal);

    /// <summary>The experiment of a file, or those of all cells of a sweep.</summary>
    public static IReadOnlyList<Experiment> Read(string file)
    {
        var text = File.ReadAllText(file);
        if (!text.Split('\n').Any(line => line.StartsWith("experiment:", StringComparison.Ordinal)))
            return [ExperimentFile.Load(file)];
        // The paths in a sweep are relative to the current folder, which is not the repository here.
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("sweep.yaml"), text.Replace("experiment: experiments/", $"experiment: {Shared.Repository}/experiments/", StringComparison.Ordinal));
        return [.. Sweep.Load(folder.File("sweep.yaml"), task: null, ExperimentArguments.InCode).Cells.Select(cell => cell.Experiment)];
    }
}
