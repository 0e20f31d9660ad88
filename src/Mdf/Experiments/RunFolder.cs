using System.Globalization;

namespace Mdf.Experiments;

/// <summary>The folder that one experiment writes.</summary>
/// <remarks>
/// <code>
/// experiment.yaml                    the experiment, every key written out
/// log.jsonl                          one line of JSON for each tenth iteration and each validation
/// tensorboard/                       the same numbers for TensorBoard
/// checkpoints/00001000.safetensors   to go on from; the last two are kept
/// validation/00001000/baby.png       restored validation images
/// best.safetensors                   the network with the lowest validation loss
/// last.safetensors                   the network as it is at the last validation, and at the end
/// curves.png                         loss and validation over the iterations
/// </code>
/// </remarks>
public sealed class RunFolder
{
    private const string CheckpointFolder = "checkpoints";
    private const string Extension = ".safetensors";

    // One to go on from, and one in case that the disk loses it.
    private const int CheckpointsKept = 2;

    /// <summary>Names a folder; nothing is read or made yet.</summary>
    /// <param name="path">The folder.</param>
    public RunFolder(string path) => Path = path;

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The experiment, every key written out.</summary>
    public string Experiment => In("experiment.yaml");

    /// <summary>The log.</summary>
    public string Log => In("log.jsonl");

    /// <summary>The folder for TensorBoard.</summary>
    public string TensorBoard => In("tensorboard");

    /// <summary>The network with the lowest validation loss.</summary>
    public string Best => In("best" + Extension);

    /// <summary>The network as it is at the last validation, and at the end.</summary>
    public string Last => In("last" + Extension);

    /// <summary>Loss and validation over the iterations.</summary>
    public string Curves => In("curves.png");

    /// <summary>Whether an experiment has been begun in it.</summary>
    public bool IsBegun => File.Exists(Experiment);

    /// <summary>The checkpoints that are there, the newest last.</summary>
    public IReadOnlyList<string> Checkpoints => Directory.Exists(In(CheckpointFolder))
        ? [.. Directory.EnumerateFiles(In(CheckpointFolder), "*" + Extension).Order(StringComparer.Ordinal)]
        : [];

    /// <summary>The checkpoint of an iteration.</summary>
    /// <param name="iteration">How many steps had been made.</param>
    public string Checkpoint(int iteration) => In(CheckpointFolder, Name(iteration) + Extension);

    /// <summary>A restored validation image.</summary>
    /// <param name="iteration">How many steps had been made.</param>
    /// <param name="image">The image's name.</param>
    public string Validation(int iteration, string image) => In("validation", Name(iteration), image + ".png");

    /// <summary>Deletes all checkpoints but the last two.</summary>
    public void DropOldCheckpoints()
    {
        foreach (var old in Checkpoints.SkipLast(CheckpointsKept))
            File.Delete(old);
    }

    private static string Name(int iteration) => iteration.ToString("D8", CultureInfo.InvariantCulture);

    private string In(params string[] parts) => System.IO.Path.Combine([Path, .. parts]);
}
