using System.Globalization;
using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Training;

/// <summary>Reads the metadata of a checkpoint. Throws an exception with a one-line message if an entry is missing or invalid.</summary>
internal sealed class CheckpointMetadata
{
    private readonly TensorFile _file;

    /// <summary>Checks the kind of a checkpoint.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="format">The expected format of the checkpoint.</param>
    /// <exception cref="InputException">The file is of another kind.</exception>
    public CheckpointMetadata(TensorFile file, string format)
    {
        ArgumentNullException.ThrowIfNull(file);
        _file = file;
        var found = OptionalText(FileKind.Key);
        if (found != format)
            throw new InputException($"'{file.Path}': expected a checkpoint in the format '{format}', found {(found is null ? "another kind of file" : Untrusted.Quote(found))}");
    }

    /// <summary>Reads a text; null if there is none.</summary>
    public string? OptionalText(string key) => _file.Metadata.GetValueOrDefault(key);

    /// <summary>Reads a required text.</summary>
    public string Text(string key) => OptionalText(key) ?? throw Damaged(key);

    /// <summary>Reads a required integer that is not negative.</summary>
    public int Integer(string key) => int.TryParse(OptionalText(key), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : throw Damaged(key);

    /// <summary>Reads a required number.</summary>
    public double Number(string key) => double.TryParse(OptionalText(key), NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : throw Damaged(key);

    private InputException Damaged(string key) =>
        new($"'{_file.Path}': the checkpoint's '{key}' is missing or unusable: the file is corrupt");
}
