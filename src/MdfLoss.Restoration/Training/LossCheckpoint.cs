using System.Globalization;
using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Training;

/// <summary>The training of a loss that was interrupted.</summary>
/// <param name="Scale">The scale that was being trained.</param>
/// <param name="Iteration">How many iterations of it had been made.</param>
/// <param name="Description">What was being trained, as text; the training that goes on must be the same.</param>
/// <param name="Program">The version of the program, and how many threads it had: what the stack says of its making.</param>
/// <param name="LogWindow">The steps since the log's last entry, as text; null where there are none.</param>
public sealed record LossCheckpoint(int Scale, int Iteration, string Description, TrainingProgram Program, string? LogWindow = null)
{
    private const string Format = FileKind.LossCheckpointFormat;

    /// <summary>Writes a checkpoint, whole or not at all.</summary>
    /// <param name="path">A <c>.safetensors</c> file.</param>
    /// <param name="tensors">What <see cref="LossTrainer.Save"/> gave.</param>
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

    /// <summary>Reads what a checkpoint says of itself.</summary>
    /// <param name="file">The open file.</param>
    /// <exception cref="InputException">It is no such checkpoint, or a damaged one.</exception>
    public static LossCheckpoint Of(TensorFile file)
    {
        var metadata = new CheckpointMetadata(file, Format);
        return new LossCheckpoint(
            metadata.Integer("scale"), metadata.Integer("iteration"), metadata.Text("training"),
            new TrainingProgram(metadata.Text("program_version"), metadata.Integer("threads")), metadata.OptionalText("log_window"));
    }
}
