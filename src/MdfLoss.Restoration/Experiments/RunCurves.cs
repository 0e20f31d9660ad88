using System.Text.Json.Nodes;
using Mdf.Reports;

namespace Mdf.Experiments;

/// <summary>Draws the curves of a run from its log.</summary>
internal sealed class RunCurves
{
    private readonly IReadOnlyList<JsonObject> _entries;

    private RunCurves(RunFolder folder) => _entries = TrainingLog.Read(folder);

    /// <summary>Draws the loss of a network's training and of its validations.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="loss">The loss's name.</param>
    public static void SaveNetwork(RunFolder folder, string loss)
    {
        var curves = new RunCurves(folder);
        if (curves._entries.Count == 0) // the log was deleted
            return;
        Plots.Save(folder.Curves, new CurvePlot(
            $"Training with {loss}", "iteration", "loss",
            [curves.Series("training", "train", "loss"), curves.Series("validation", "validation", "loss")], LogY: true));
    }

    /// <summary>Draws the discriminators' losses and the generators' reconstruction error over the training of a loss.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="task">The task that the loss is trained for.</param>
    public static void SaveLoss(RunFolder folder, string task)
    {
        var curves = new RunCurves(folder);
        if (curves._entries.Count == 0)
            return;
        Plots.Save(folder.DiscriminatorCurves, new CurvePlot(
            $"Training a loss for {task}: the discriminators, scale after scale", "iteration", "loss",
            [curves.Series("D(real)", "train", "d_real"), curves.Series("D(fake)", "train", "d_fake"), curves.Series("gradient penalty", "train", "penalty")]));
        var reconstruction = curves.Series("reconstruction", "train", "reconstruction");
        if (reconstruction.X.Count == 0)
            return; // a recipe without generators
        Plots.Save(folder.ReconstructionCurves, new CurvePlot(
            $"Training a loss for {task}: the generators, scale after scale", "iteration", "MSE of the reconstruction",
            [reconstruction], LogY: true));
    }

    private CurveSeries Series(string name, string group, string key)
    {
        var points = _entries.Where(entry => entry[group]?[key] is not null).ToArray();
        return new CurveSeries(name, [.. points.Select(point => Number(point["iteration"]))], [.. points.Select(point => Number(point[group]![key]))]);
    }

    // NaN and infinity are written as text.
    private static double Number(JsonNode? node) => node is JsonValue value && value.TryGetValue<double>(out var number) ? number : double.NaN;
}
