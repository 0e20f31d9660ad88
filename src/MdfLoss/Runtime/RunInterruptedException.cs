namespace Mdf.Runtime;

/// <summary>A run was asked to stop. It stopped and wrote a checkpoint from which it can resume.</summary>
/// <param name="checkpoint">The checkpoint's file.</param>
/// <param name="cause">The cancellation.</param>
public sealed class RunInterruptedException(string checkpoint, OperationCanceledException cause)
    : OperationCanceledException($"the checkpoint '{checkpoint}' is written; rerun with --resume to continue", cause, cause.CancellationToken)
{
    /// <summary>The checkpoint's file.</summary>
    public string Checkpoint { get; } = checkpoint;
}
