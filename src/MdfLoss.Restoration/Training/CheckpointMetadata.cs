using System.Globalization;
using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Training;

/// <summary>What a checkpoint says of itself, read with one line of refusal for whatever is not as it should be.</summary>
internal sealed class CheckpointMetadata
{
    private readonly TensorFile _file;

    /// <summary>Looks at what kind of checkpoint it is.</summary>
    /// <param name="file">The open file.</param>
    /// <param name="format">The kind of checkpoint that it must be.</param>
    /// <exception cref="InputException">It is another kind of file.</exception>
    public CheckpointMetadata(TensorFile file, string format)
    {
        ArgumentNullException.ThrowIfNull(file);
        _file = file;
        var found = OptionalText(FileKind.Key);
        if (found != format)
            throw new InputException($"'{file.Path}': expected a checkpoint in the format '{format}', found {(found is null ? "another kind of file" : Untrusted.Quote(found))}");
    }

    /// <summary>A text; null where there is none.</summary>
    public string? OptionalText(string key) => _file.Metadata.GetValueOrDefault(key);

    /// <summary>A text that must be there.</summary>
    public string Text(string key) => OptionalText(key) ?? throw Damaged(key);

    /// <summary>A whole number, not negative.</summary>
    public int Integer(string key) => int.TryParse(OptionalText(key), NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : throw Damaged(key);

    /// <summary>A number.</summary>
    public double Number(string key) => double.TryParse(OptionalText(key), NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : throw Damaged(key);

    private InputException Damaged(string key) =>
        new($"'{_file.Path}': the checkpoint's '{key}' is missing or unusable: the file is corrupt");
}
