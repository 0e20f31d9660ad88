using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>A kind of file that this program writes, which the file's metadata tells by its entry <c>format</c>.</summary>
internal sealed class FileKind
{
    /// <summary>The metadata entry.</summary>
    public const string Key = "format";

    /// <summary>The version of a discriminator stack's file that this program writes.</summary>
    public const string StackFormat = "mdf-stack-1";

    /// <summary>The version of a restoration network's file that this program writes.</summary>
    public const string NetworkFormat = "mdf-network-1";

    private const string Ours = "mdf-";

    private readonly string _format;
    private readonly string _description;

    private FileKind(string format, string description) => (_format, _description) = (format, description);

    /// <summary>What phase 1 makes.</summary>
    public static FileKind Stack { get; } = new(StackFormat, "a discriminator stack");

    /// <summary>What phase 2 makes.</summary>
    public static FileKind Network { get; } = new(NetworkFormat, "a restoration network");

    /// <summary>Whether a file is of this kind; false when this program did not write it.</summary>
    /// <param name="metadata">The file's metadata.</param>
    /// <param name="where">The file's name, for messages.</param>
    /// <exception cref="InputException">The file is of another kind, or newer than this program.</exception>
    public bool IsKindOf(IReadOnlyDictionary<string, string> metadata, string where)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        if (!metadata.TryGetValue(Key, out var format) || !format.StartsWith(Ours, StringComparison.Ordinal))
            return false;
        if (format == _format)
            return true;
        FileKind[] kinds = [Stack, Network];
        throw new InputException(Array.Find(kinds, kind => kind._format == format) is { } other
            ? $"'{where}': expected {_description}, found {other._description}: give the file of {_description} in its place"
            : $"'{where}': expected {_description} of the format '{_format}', found {Untrusted.Quote(format)}: it is another kind of file, or needs a newer mdf");
    }
}
