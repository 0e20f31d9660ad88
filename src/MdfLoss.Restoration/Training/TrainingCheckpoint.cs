using System.Globalization;
using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Training;

/// <summary>A checkpoint of a network's training, from which the training can be resumed.</summary>
/// <param name="Iteration">The number of finished steps.</param>
/// <param name="Experiment">The experiment, as text. A resumed training must have the same experiment.</param>
/// <param name="LossSha256">The SHA-256 of the files of weights that the loss uses, in their order, separated by commas; null if the loss uses none, or if unknown.</param>
/// <param name="Validated">The iteration of the last validation; 0 before the first.</param>
/// <param name="Best">The best validation so far; null before the first.</param>
/// <param name="Measures">The measures of the last validation, as text; null before the first.</param>
/// <param name="LogWindow">The steps since the last entry of the log, as text; null if there are none.</param>
internal sealed record TrainingCheckpoint(int Iteration, string Experiment, string? LossSha256, int Validated, BestValidation? Best, string? Measures = null, string? LogWindow = null)
{
    private const string Format = FileKind.TrainingCheckpointFormat;

    /// <summary>Writes the checkpoint atomically: a reader never sees an incomplete file.</summary>
    /// <param name="path">A <c>.safetensors</c> file.</param>
    /// <param name="tensors">The tensors from <see cref="NetworkTrainer.Save"/>.</param>
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

    /// <summary>Reads a checkpoint's metadata.</summary>
    /// <param name="file">The open file.</param>
    /// <exception cref="InputException">The file is not a checkpoint of a network's training, or it is corrupt.</exception>
    public static TrainingCheckpoint Read(TensorFile file)
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
/// <param name="Iteration">The iteration of the validation.</param>
/// <param name="Loss">The mean of the experiment's loss over the validation images.</param>
public sealed record BestValidation(int Iteration, double Loss);
