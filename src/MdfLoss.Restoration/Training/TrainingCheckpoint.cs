using System.Globalization;
using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Training;

/// <summary>A training that was interrupted: its iteration, its tensors, and what it was doing.</summary>
/// <param name="Iteration">How many steps had been made.</param>
/// <param name="Experiment">The experiment, as text; the training that goes on must be the same.</param>
/// <param name="LossSha256">The SHA-256 of the files of weights that its loss uses, in their order, with commas between; null where it uses none, or not known.</param>
/// <param name="Validated">The iteration of the last validation; 0 before the first.</param>
/// <param name="Best">The best validation so far, if there was one.</param>
/// <param name="Measures">What the last validation measured, as text; null before the first.</param>
/// <param name="LogWindow">The steps since the log's last entry, as text; null where there are none.</param>
public sealed record TrainingCheckpoint(int Iteration, string Experiment, string? LossSha256, int Validated, BestValidation? Best, string? Measures = null, string? LogWindow = null)
{
    private const string Format = FileKind.TrainingCheckpointFormat;

    /// <summary>Writes a checkpoint, whole or not at all.</summary>
    /// <param name="path">A <c>.safetensors</c> file.</param>
    /// <param name="tensors">What <see cref="NetworkTrainer.Save"/> gave.</param>
    public void Write(string path, IReadOnlyDictionary<string, StoredTensor> tensors)
    {
        var metadata = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            [FileKind.Key] = Format,
            ["iteration"] = Iteration.ToString(CultureInfo.InvariantCulture),
            ["experiment"] = Experiment,
            ["validated"] = Validated.ToString(CultureInfo.InvariantCulture),
        };
        if (LossSha256 is not null)
            metadata[FileKind.LossFilesKey] = LossSha256;
        if (Best is not null)
        {
            metadata["best_iteration"] = Best.Iteration.ToString(CultureInfo.InvariantCulture);
            metadata["best_loss"] = Best.Loss.ToString("R", CultureInfo.InvariantCulture);
        }

        if (Measures is not null)
            metadata["measures"] = Measures;
        if (LogWindow is not null)
            metadata["log_window"] = LogWindow;
        SafetensorsFormat.Write(path, tensors, metadata);
    }

    /// <summary>Reads what a checkpoint says of itself.</summary>
    /// <param name="file">The open file.</param>
    /// <exception cref="InputException">It is no checkpoint, or a damaged one.</exception>
    public static TrainingCheckpoint Of(TensorFile file)
    {
        var metadata = new CheckpointMetadata(file, Format);
        return new TrainingCheckpoint(
            metadata.Integer("iteration"),
            metadata.Text("experiment"),
            metadata.OptionalText(FileKind.LossFilesKey) ?? metadata.OptionalText(FileKind.EarlierLossFilesKey),
            metadata.Integer("validated"),
            metadata.OptionalText("best_iteration") is null ? null : new BestValidation(metadata.Integer("best_iteration"), metadata.Number("best_loss")),
            metadata.OptionalText("measures"),
            metadata.OptionalText("log_window"));
    }
}

/// <summary>The validation with the lowest loss so far.</summary>
/// <param name="Iteration">When it was.</param>
/// <param name="Loss">The mean of the experiment's loss over the validation images.</param>
public sealed record BestValidation(int Iteration, double Loss);
