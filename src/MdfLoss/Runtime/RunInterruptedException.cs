namespace Mdf.Runtime;

/// <summary>A run was asked to stop. It stopped and wrote a checkpoint from which it can resume.</summary>
public sealed class RunInterruptedException : OperationCanceledException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="checkpoint">The checkpoint's file.</param>
    /// <param name="cause">The cancellation.</param>
    public RunInterruptedException(string checkpoint, OperationCanceledException cause)
        : base($"the checkpoint '{checkpoint}' is written: resume the run from there", cause, (cause ?? throw new ArgumentNullException(nameof(cause))).CancellationToken)
    {
        Checkpoint = checkpoint;
        this.With(Remedy.Resume);
    }

    /// <summary>Creates the exception for work that has no single checkpoint.</summary>
    /// <param name="message">What was done, and how to continue.</param>
    /// <param name="folder">The folder of the work.</param>
    /// <param name="cause">The cancellation.</param>
    internal RunInterruptedException(string message, string folder, OperationCanceledException cause)
        : base(message, cause, cause.CancellationToken) => Checkpoint = folder;

    /// <summary>The checkpoint's file, or the folder with several checkpoints.</summary>
    public string Checkpoint { get; }
}
