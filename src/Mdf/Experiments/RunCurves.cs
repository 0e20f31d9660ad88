using System.Text.Json.Nodes;
using Mdf.Reports;

namespace Mdf.Experiments;

/// <summary>The curves of a run, drawn from its log.</summary>
internal static class RunCurves
{
    /// <summary>Draws the training's loss and the validation's.</summary>
    /// <param name="folder">The run's folder.</param>
    /// <param name="loss">What the loss is called.</param>
    public static void Save(RunFolder folder, string loss)
    {
        var entries = TrainingLog.Read(folder);
        Plots.Save(folder.Curves, new CurvePlot(
            $"Training with {loss}", "iteration", "loss", [Series("training", "train"), Series("validation", "validation")], LogY: true));

        CurveSeries Series(string name, string group)
        {
            var points = entries.Where(entry => entry[group]?["loss"] is not null).ToArray();
            return new CurveSeries(name, [.. points.Select(point => Number(point["iteration"]))], [.. points.Select(point => Number(point[group]!["loss"]))]);
        }

        // NaN and infinity are written as text.
        static double Number(JsonNode? node) => node is JsonValue value && value.TryGetValue<double>(out var number) ? number : double.NaN;
    }
}
