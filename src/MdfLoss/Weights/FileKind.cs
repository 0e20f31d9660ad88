using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>A kind of file that this program writes. The entry <c>format</c> of the file's metadata names the kind.</summary>
/// <remarks>
/// The name of a format ends with its version. Version 2 requires checksums of the tensors' bytes (<see cref="SafetensorsFormat"/>). Files of version 1
/// have no checksums; <see cref="WeightConversion"/> adds them.
/// </remarks>
internal sealed class FileKind
{
    /// <summary>The key of the metadata entry.</summary>
    public const string Key = "format";

    /// <summary>The format of a discriminator stack's file that this program writes.</summary>
    public const string StackFormat = "mdf-stack-2";

    /// <summary>The format of a restoration network's file that this program writes.</summary>
    public const string NetworkFormat = "mdf-network-2";

    /// <summary>The format of a network's training checkpoint that this program writes.</summary>
    public const string TrainingCheckpointFormat = "mdf-checkpoint-2";

    /// <summary>The format of a loss's training checkpoint that this program writes.</summary>
    public const string LossCheckpointFormat = "mdf-loss-checkpoint-2";

    /// <summary>The metadata entry with the SHA-256 of the files of weights that a loss used, in networks and checkpoints.</summary>
    public const string LossFilesKey = "loss_sha256";

    /// <summary>The same entry in files of earlier versions, in which only stacks were weights of a loss. It is read, but no longer written.</summary>
    public const string EarlierLossFilesKey = "stack_sha256";

    private const string Ours = "mdf-";
    private const string Extension = ".safetensors";

    private readonly string _format;
    private readonly string _earlier;
    private readonly string _description;

    private FileKind(string format, string earlier, string description) => (_format, _earlier, _description) = (format, earlier, description);

    /// <summary>A discriminator stack, the result of phase 1.</summary>
    public static FileKind Stack { get; } = new(StackFormat, "mdf-stack-1", "a discriminator stack");

    /// <summary>A restoration network, the result of phase 2.</summary>
    public static FileKind Network { get; } = new(NetworkFormat, "mdf-network-1", "a restoration network");

    private static FileKind TrainingCheckpoint { get; } = new(TrainingCheckpointFormat, "mdf-checkpoint-1", "the checkpoint of a network's training");

    private static FileKind LossCheckpoint { get; } = new(LossCheckpointFormat, "mdf-loss-checkpoint-1", "the checkpoint of a loss's training");

    private static FileKind[] Kinds { get; } = [Stack, Network, TrainingCheckpoint, LossCheckpoint];

    /// <summary>Whether this program wrote a file, in any version of any of its formats.</summary>
    /// <param name="metadata">The file's metadata.</param>
    public static bool IsOurs(IReadOnlyDictionary<string, string> metadata) =>
        metadata.TryGetValue(Key, out var format) && format.StartsWith(Ours, StringComparison.Ordinal);

    /// <summary>For a file in an earlier format: the name of the current format, and a description of such a file. Null for any other file.</summary>
    /// <param name="metadata">The file's metadata.</param>
    public static (string Format, string Description)? Successor(IReadOnlyDictionary<string, string> metadata) =>
        metadata.TryGetValue(Key, out var format) && Array.Find(Kinds, kind => kind._earlier == format) is { } found
            ? (found._format, found._description)
            : null;

    /// <summary>Whether a file is of this kind; false if this program did not write the file.</summary>
    /// <param name="metadata">The file's metadata.</param>
    /// <param name="where">The file's name, for messages.</param>
    /// <exception cref="InputException">The file is of another kind, or newer than this program.</exception>
    public bool IsKindOf(IReadOnlyDictionary<string, string> metadata, string where)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        if (!IsOurs(metadata))
            return false;
        var format = metadata[Key];
        if (format == _format)
            return true;
        throw new InputException(Array.Find(Kinds, kind => kind._format == format) is { } other
            ? $"'{where}': expected {_description}, found {other._description}: {Instead(other, where)}"
            : $"'{where}': expected {_description} of the format '{_format}', found {Untrusted.Quote(format)}: it is another kind of file, or it needs a newer version of mdf");
    }

    /// <summary>The advice which file to use instead of a file of another kind.</summary>
    private string Instead(FileKind found, string where) =>
        this == Network && found == TrainingCheckpoint ? NetworkOf(where)
        : this == Stack && found == LossCheckpoint ? StackOf(where)
        : $"give the file of {_description} instead";

    // A checkpoint is in the folder runs/NAME/checkpoints: see RunFolder.
    private static string NetworkOf(string checkpoint)
    {
        var best = Path.Combine(RunOf(checkpoint), "best" + Extension);
        return File.Exists(best) ? $"use the run's network '{best}'" : $"use the run's best{Extension}, which the next validation writes";
    }

    private static string StackOf(string checkpoint)
    {
        var run = RunOf(checkpoint);
        var stack = (run is "" or ".." ? Path.GetFullPath(Path.Combine(".", run)).TrimEnd(Path.DirectorySeparatorChar) : run) + Extension;
        return File.Exists(stack)
            ? $"use the stack '{stack}'"
            : "use the stack that the training writes when it ends; to finish the training, resume it";
    }

    private static string RunOf(string checkpoint) => Path.GetDirectoryName(checkpoint) is { Length: > 0 } folder ? Path.GetDirectoryName(folder) ?? "" : "..";
}
