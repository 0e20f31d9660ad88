using System.Globalization;
using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Training;

/// <summary>A checkpoint of the training of a loss, from which the training can be resumed.</summary>
/// <param name="Scale">The scale in training.</param>
/// <param name="Iteration">The number of finished iterations of that scale.</param>
/// <param name="Description">The description of the training, as text. A resumed training must have the same description.</param>
/// <param name="Program">The version and the number of threads of the program, for the stack's metadata.</param>
/// <param name="LogWindow">The steps since the last entry of the log, as text; null if there are none.</param>
internal sealed record LossCheckpoint(int Scale, int Iteration, string Description, TrainingProgram Program, string? LogWindow = null)
{
    private const string Format = FileKind.LossCheckpointFormat;

    /// <summary>Writes the checkpoint atomically: a reader never sees an incomplete file.</summary>
    /// <param name="path">A <c>.safetensors</c> file.</param>
    /// <param name="tensors">The tensors from <see cref="LossTrainer.Save"/>.</param>
    public void Write(string path, IReadOnlyDictionary<string, StoredTensor> tensors)
    {
        var metadata = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            [FileKind.Key] = Format,
            ["scale"] = Scale.ToString(CultureInfo.InvariantCulture),
            ["iteration"] = Iteration.ToString(CultureInfo.InvariantCulture),
            ["training"] = Description,
            ["program_version"] = Program.Version,
            ["threads"] = Program.Threads.ToString(CultureInfo.InvariantCulture),
        };
        if (LogWindow is not null)
            metadata["log_window"] = LogWindow;
        SafetensorsFormat.Write(path, tensors, metadata);
    }

    /// <summary>Reads a checkpoint's metadata.</summary>
    /// <param name="file">The open file.</param>
    /// <exception cref="InputException">The file is not a checkpoint of a loss's training, or it is corrupt.</exception>
    public static LossCheckpoint Read(TensorFile file)
    {
        var metadata = new CheckpointMetadata(file, Format);
        return new LossCheckpoint(
            metadata.Integer("scale"), metadata.Integer("iteration"), metadata.Text("training"),
            new TrainingProgram(metadata.Text("program_version"), metadata.Integer("threads")), metadata.OptionalText("log_window"));
    }
}
