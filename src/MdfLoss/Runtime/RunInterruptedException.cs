namespace Mdf.Runtime;

/// <summary>A run was asked to stop, and stopped with a checkpoint from which it can be resumed.</summary>
/// <param name="checkpoint">The checkpoint's file.</param>
/// <param name="cause">The cancellationToken.</param>
public sealed class RunInterruptedException(string checkpoint, OperationCanceledException cause)
    : OperationCanceledException($"the checkpoint '{checkpoint}' is written; rerun with --resume to continue", cause, cause.CancellationToken)
{
    /// <summary>The checkpoint's file.</summary>
    public string Checkpoint { get; } = checkpoint;
}
