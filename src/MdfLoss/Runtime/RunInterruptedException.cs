namespace Mdf.Runtime;

/// <summary>A run was asked to stop. It stopped and wrote a checkpoint from which it can resume.</summary>
public sealed class RunInterruptedException : OperationCanceledException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="checkpoint">The checkpoint's file.</param>
    /// <param name="cause">The cancellationToken.</param>
    public RunInterruptedException(string checkpoint, OperationCanceledException cause)
        : base($"the checkpoint '{checkpoint}' is written: resume the run from there", cause, (cause ?? throw new ArgumentNullException(nameof(cause))).CancellationToken)
    {
        Checkpoint = checkpoint;
        this.With(Remedy.Resume);
    }

    /// <summary>The checkpoint's file.</summary>
    public string Checkpoint { get; }
}
