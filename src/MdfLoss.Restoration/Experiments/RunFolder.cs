using System.Globalization;
using Mdf.Runtime;

namespace Mdf.Experiments;

/// <summary>The folder to which a training writes: the training of a network by an experiment, or the training of a loss.</summary>
/// <remarks>
/// <code>
/// experiment.yaml                    the experiment, with every key
/// distortion.png                     the artefact: clean, distorted, difference
/// log.jsonl                          one line of JSON for each tenth iteration, the last one, and each validation
/// tensorboard/                       the same numbers for TensorBoard
/// checkpoints/00001000.safetensors   for resuming; the last two are kept
/// checkpoints/00002000.safetensors.unusable   a checkpoint that could not be read; the run resumed from the previous one
/// distorted/                         the images that a program has distorted, if the task is a program
/// .lock, .lock-holder                held by the process that works in the folder; the name of this process
/// validation/00001000/baby.png       restored validation images
/// best.safetensors                   the network with the lowest validation loss
/// last.safetensors                   the network at the last validation, and at the end
/// curves.png                         loss and validation over the iterations
/// </code>
/// The training of a loss has <c>loss.json</c>, the description of the training, instead of the experiment. Instead of networks and validation images it has:
/// <code>
/// scales/3.png                       the photograph at scale 3, and its reconstruction by the generator
/// discriminator.png, reconstruction.png     the losses of D and the error of the reconstruction, over the iterations of all scales
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

    /// <summary>Names the folder of an experiment. Reads and creates nothing.</summary>
    /// <param name="path">The folder.</param>
    public RunFolder(string path)
        : this(path, Experiment)
    {
    }

    private RunFolder(string path, string description)
    {
        ArgumentNullException.ThrowIfNull(path);
        (Path, _description) = (path, description);
    }

    /// <summary>Names the folder of the training of a loss. Reads and creates nothing.</summary>
    /// <param name="path">The folder.</param>
    public static RunFolder OfLoss(string path) => new(path, Loss);

    /// <summary>The folder.</summary>
    public string Path { get; }

    /// <summary>The description of the run: the experiment with every key, or the description of the loss's training.</summary>
    public string Description => In(_description);

    /// <summary>The log.</summary>
    public string Log => In("log.jsonl");

    /// <summary>The folder for TensorBoard.</summary>
    public string TensorBoard => In("tensorboard");

    /// <summary>The network with the lowest validation loss.</summary>
    public string Best => In("best" + Extension);

    /// <summary>The network at the last validation, and at the end.</summary>
    public string Last => In("last" + Extension);

    /// <summary>The folder of the images that a program has distorted, if the task is a program.</summary>
    public string DistortedPictures => In(Distorted);

    /// <summary>The figure of the artefact: clean, distorted, and the difference.</summary>
    public string DistortionSheet => In("distortion.png");

    /// <summary>The curves of loss and validation over the iterations.</summary>
    public string Curves => In("curves.png");

    /// <summary>The curves of the discriminators' losses, over the iterations of all scales.</summary>
    public string DiscriminatorCurves => In("discriminator.png");

    /// <summary>The curves of the reconstruction's error, over the iterations of all scales.</summary>
    public string ReconstructionCurves => In("reconstruction.png");

    /// <summary>Whether a training was started in the folder.</summary>
    public bool IsBegun => File.Exists(Description);

    /// <summary>The existing checkpoints, the newest last: all entries with the name of a checkpoint, which is a number, usable or not. Copies with other names belong to the user.</summary>
    public IReadOnlyList<string> Checkpoints => Directory.Exists(In(CheckpointFolder))
        ? [.. Directory.EnumerateFileSystemEntries(In(CheckpointFolder), "*" + Extension).Where(path => IterationOf(path) is not null).OrderBy(IterationOf)]
        : [];

    /// <summary>The newest checkpoint that is a file; null if there is none.</summary>
    internal string? LastIntact => Checkpoints.LastOrDefault(File.Exists);

    /// <summary>Returns the file of the checkpoint of an iteration.</summary>
    /// <param name="iteration">The number of steps made.</param>
    public string Checkpoint(int iteration) => In(CheckpointFolder, Name(iteration) + Extension);

    /// <summary>Returns the file of a restored validation image.</summary>
    /// <param name="iteration">The number of steps made.</param>
    /// <param name="image">The image's name.</param>
    public string Validation(int iteration, string image) => In("validation", Name(iteration), image + ".png");

    /// <summary>Returns the file with the photograph at a scale and its reconstruction by the generator.</summary>
    /// <param name="scale">The scale.</param>
    public string Scale(int scale) => In("scales", scale.ToString(CultureInfo.InvariantCulture) + ".png");

    /// <summary>Checks that the folder contains a run of this kind if <paramref name="resume"/> is true, and no run otherwise.</summary>
    /// <param name="resume">Whether to resume.</param>
    /// <exception cref="InputException">The folder is in the other state.</exception>
    internal void RequireState(bool resume)
    {
        if (IsBegun && !resume)
            throw new InputException($"'{Path}' holds a run already: resume it, or choose another folder").With(Remedy.ResumeOrMoveRun);
        if (!IsBegun && new[] { In(Experiment), In(Loss), Log, In(CheckpointFolder) }.FirstOrDefault(System.IO.Path.Exists) is { } other)
            throw new InputException($"'{Path}' holds another run ('{other}'): choose another folder").With(Remedy.MoveRun);
        if (!IsBegun && resume)
            throw new InputException($"'{Path}' holds no run to resume: start a new run").With(Remedy.StartRun);
    }

    /// <summary>Describes how the run can be resumed, for the message of an error.</summary>
    internal (string Text, Remedy? Remedy) NextStep() => LastIntact is { } good ? ($"the checkpoint '{good}' is intact: fix this, then resume the run", Remedy.Resume)
        : IsBegun ? ("there is no checkpoint yet: fix this, then resume the run from the first step", Remedy.Resume)
        : ("nothing has been written yet: fix this, then start again", null);

    /// <summary>Describes the last good checkpoint, for the message of a training that diverged.</summary>
    internal string LastGood() => LastIntact is { } good ? $"the last good checkpoint is '{good}'" : "there is no checkpoint yet";

    /// <summary>Writes a checkpoint and deletes all checkpoints except the last two.</summary>
    /// <param name="iteration">The number of steps made.</param>
    /// <param name="write">Writes the file with the given path.</param>
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
            // The error names a temporary file that the user does not know.
            throw new IOException($"cannot write the checkpoint '{path}': {e.Message.TrimEnd('.')}", e);
        }

        foreach (var old in Checkpoints.Where(File.Exists).SkipLast(CheckpointsKept))
            File.Delete(old);
    }

    /// <summary>Returns the new name of a checkpoint that cannot be used.</summary>
    internal static string AsideOf(string checkpoint) => checkpoint + Unusable;

    /// <summary>Renames a checkpoint that cannot be used, so that the run can write a new one under its name. Deletes nothing.</summary>
    /// <param name="checkpoint">A file, a folder or a link.</param>
    internal static void SetAside(string checkpoint)
    {
        if (Directory.Exists(checkpoint))
            Directory.Move(checkpoint, Free(AsideOf(checkpoint)));
        else
            File.Move(checkpoint, AsideOf(checkpoint), overwrite: true);
    }

    // A folder cannot replace another folder, so a free name is used.
    private static string Free(string path) =>
        Enumerable.Range(0, int.MaxValue).Select(i => i == 0 ? path : $"{path}-{i}").First(name => !System.IO.Path.Exists(name));

    /// <summary>Deletes the incomplete files that a killed process left in the folders of the run. Nobody may write there at the same time.</summary>
    internal void RemoveAbandoned()
    {
        var validation = In("validation");
        string[] validations = Directory.Exists(validation) ? Directory.GetDirectories(validation) : [];
        foreach (var folder in (string[])[Path, In(CheckpointFolder), In("scales"), In(Distorted), .. validations])
            AtomicFile.RemoveAbandoned(folder);
    }

    // Names with leading zeros, or with more digits than ours, are accepted too.
    private static int? IterationOf(string checkpoint) =>
        int.TryParse(System.IO.Path.GetFileNameWithoutExtension(checkpoint), NumberStyles.None, CultureInfo.InvariantCulture, out var iteration) ? iteration : null;

    private static string Name(int iteration) => iteration.ToString("D8", CultureInfo.InvariantCulture);

    private string In(params string[] parts) => System.IO.Path.Combine([Path, .. parts]);
}
