using System.Globalization;
using Mdf.Runtime;

namespace Mdf.Experiments;

/// <summary>The folder that a training writes: one of a network, as an experiment asks for it, or one of a loss.</summary>
/// <remarks>
/// <code>
/// experiment.yaml                    the experiment, every key written out
/// distortion.png                     the artefact: clean, damaged, difference
/// log.jsonl                          one line of JSON for each tenth iteration, the last one, and each validation
/// tensorboard/                       the same numbers for TensorBoard
/// checkpoints/00001000.safetensors   to resume from; the last two are kept
/// checkpoints/00002000.safetensors.unusable   one that could not be read, when the run was resumed from the one before
/// distorted/                         the pictures that a program has damaged, where the task is a program's
/// .lock, .lock-holder                held by the process that works in the folder; which that is
/// validation/00001000/baby.png       restored validation images
/// best.safetensors                   the network with the lowest validation loss
/// last.safetensors                   the network as it is at the last validation, and at the end
/// curves.png                         loss and validation over the iterations
/// </code>
/// The training of a loss has <c>loss.json</c>, which says what is trained, in the place of the experiment, and in that of networks and validation:
/// <code>
/// scales/3.png                       the photograph at scale 3, and what the generator made of it
/// discriminator.png, reconstruction.png     D's losses, and the reconstruction's error, over the iterations of all scales
/// </code>
/// </remarks>
public sealed class RunFolder
{
    private const string Experiment = "experiment.yaml";
    private const string Loss = "loss.json";
    private const string CheckpointFolder = "checkpoints";
    private const string Extension = ".safetensors";
    private const string Unusable = ".unusable";
    private const string Distorted = "distorted";

    // One to resume from, and one in case the newest is corrupt.
    private const int CheckpointsKept = 2;

    private readonly string _description;

    /// <summary>Names the folder of an experiment; nothing is read or made yet.</summary>
    /// <param name="path">The folder.</param>
    public RunFolder(string path)
        : this(path, Experiment)
    {
    }

    private RunFolder(string path, string description) => (Path, _description) = (path, description);

    /// <summary>Names the folder in which a loss is trained; nothing is read or made yet.</summary>
    /// <param name="path">The folder.</param>
    public static RunFolder OfLoss(string path) => new(path, Loss);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>What the run does: the experiment, every key written out, or what loss is trained.</summary>
    public string Description => In(_description);

    /// <summary>The log.</summary>
    public string Log => In("log.jsonl");

    /// <summary>The folder for TensorBoard.</summary>
    public string TensorBoard => In("tensorboard");

    /// <summary>The network with the lowest validation loss.</summary>
    public string Best => In("best" + Extension);

    /// <summary>The network as it is at the last validation, and at the end.</summary>
    public string Last => In("last" + Extension);

    /// <summary>The pictures that a program has damaged, where the task is a program's.</summary>
    public string DistortedPictures => In(Distorted);

    /// <summary>The artefact: clean, damaged, and the difference.</summary>
    public string DistortionSheet => In("distortion.png");

    /// <summary>Loss and validation over the iterations.</summary>
    public string Curves => In("curves.png");

    /// <summary>What the discriminators found, over the iterations of all scales.</summary>
    public string DiscriminatorCurves => In("discriminator.png");

    /// <summary>The reconstruction's error, over the iterations of all scales.</summary>
    public string ReconstructionCurves => In("reconstruction.png");

    /// <summary>Whether a training has been begun in it.</summary>
    public bool IsBegun => File.Exists(Description);

    /// <summary>The checkpoints that are there, the newest last: whatever has a checkpoint's name, which is a number, usable or not. Copies with other names are the user's.</summary>
    public IReadOnlyList<string> Checkpoints => Directory.Exists(In(CheckpointFolder))
        ? [.. Directory.EnumerateFileSystemEntries(In(CheckpointFolder), "*" + Extension).Where(path => IterationOf(path) is not null).OrderBy(IterationOf)]
        : [];

    /// <summary>The newest checkpoint that is a file; null where there is none.</summary>
    internal string? LastIntact => Checkpoints.LastOrDefault(File.Exists);

    /// <summary>The checkpoint of an iteration.</summary>
    /// <param name="iteration">How many steps had been made.</param>
    public string Checkpoint(int iteration) => In(CheckpointFolder, Name(iteration) + Extension);

    /// <summary>A restored validation image.</summary>
    /// <param name="iteration">How many steps had been made.</param>
    /// <param name="image">The image's name.</param>
    public string Validation(int iteration, string image) => In("validation", Name(iteration), image + ".png");

    /// <summary>The photograph at a scale, and what the generator made of it.</summary>
    /// <param name="scale">The scale.</param>
    public string Scale(int scale) => In("scales", scale.ToString(CultureInfo.InvariantCulture) + ".png");

    /// <summary>Checks that the folder holds this kind of run if it is to be resumed, and no run otherwise.</summary>
    /// <param name="resume">Whether to resume.</param>
    /// <param name="elsewhere">The option that names another folder.</param>
    /// <exception cref="InputException">The folder is in the other state.</exception>
    internal void RequireState(bool resume, string elsewhere)
    {
        if (IsBegun && !resume)
            throw new InputException($"'{Path}' holds a run already: resume it with --resume, or choose another folder with {elsewhere}");
        if (!IsBegun && new[] { In(Experiment), In(Loss), Log, In(CheckpointFolder) }.FirstOrDefault(System.IO.Path.Exists) is { } other)
            throw new InputException($"'{Path}' holds another run ('{other}'): choose another folder with {elsewhere}");
        if (!IsBegun && resume)
            throw new InputException($"'{Path}' holds no run to resume: start it without --resume");
    }

    /// <summary>From where the run can be resumed, for the message of an error.</summary>
    internal string Remedy() => LastIntact is { } good ? $"the checkpoint '{good}' is intact: fix this, then rerun with --resume"
        : IsBegun ? "there is no checkpoint yet: fix this, then rerun with --resume to start from the first step"
        : "nothing has been written yet: fix this, then start again";

    /// <summary>Which checkpoint is good, for the message of a training that diverged.</summary>
    internal string LastGood() => LastIntact is { } good ? $"the last good checkpoint is '{good}'" : "there is no checkpoint yet";

    /// <summary>Writes a checkpoint and deletes all but the last two.</summary>
    /// <param name="iteration">How many steps have been made.</param>
    /// <param name="write">Writes the file of a name.</param>
    /// <exception cref="IOException">The disk failed or is full.</exception>
    internal void WriteCheckpoint(int iteration, Action<string> write)
    {
        var path = Checkpoint(iteration);
        try
        {
            write(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InputException)
        {
            // What failed is a temporary file, whose name says nothing.
            throw new IOException($"cannot write the checkpoint '{path}': {e.Message.TrimEnd('.')}", e);
        }

        foreach (var old in Checkpoints.Where(File.Exists).SkipLast(CheckpointsKept))
            File.Delete(old);
    }

    /// <summary>The name that a checkpoint which cannot be used gets.</summary>
    internal static string AsideOf(string checkpoint) => checkpoint + Unusable;

    /// <summary>Renames a checkpoint that cannot be used, so that the run can write another in its place. Nothing is deleted.</summary>
    /// <param name="checkpoint">A file, a folder or a link.</param>
    internal static void SetAside(string checkpoint)
    {
        if (Directory.Exists(checkpoint))
            Directory.Move(checkpoint, Free(AsideOf(checkpoint)));
        else
            File.Move(checkpoint, AsideOf(checkpoint), overwrite: true);
    }

    // A folder cannot be moved over another.
    private static string Free(string path) =>
        Enumerable.Range(0, int.MaxValue).Select(i => i == 0 ? path : $"{path}-{i}").First(name => !System.IO.Path.Exists(name));

    /// <summary>Deletes what a process that was killed has left half written in the folders of the run. Nobody may be writing there.</summary>
    internal void RemoveAbandoned()
    {
        var validation = In("validation");
        string[] validations = Directory.Exists(validation) ? Directory.GetDirectories(validation) : [];
        foreach (var folder in (string[])[Path, In(CheckpointFolder), In("scales"), In(Distorted), .. validations])
            AtomicFile.RemoveAbandoned(folder);
    }

    // Also of a name with leading zeros, or more digits than ours have.
    private static int? IterationOf(string checkpoint) =>
        int.TryParse(System.IO.Path.GetFileNameWithoutExtension(checkpoint), NumberStyles.None, CultureInfo.InvariantCulture, out var iteration) ? iteration : null;

    private static string Name(int iteration) => iteration.ToString("D8", CultureInfo.InvariantCulture);

    private string In(params string[] parts) => System.IO.Path.Combine([Path, .. parts]);
}
