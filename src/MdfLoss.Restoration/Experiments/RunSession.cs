using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Experiments;

/// <summary>The work of a process in a run's folder, for both phases. It holds the lock of the folder, resumes, logs, writes checkpoints and explains failures.</summary>
internal sealed class RunSession : IDisposable
{
    /// <summary>The number of steps that one entry of the log averages.</summary>
    public const int LogEvery = 10;

    private readonly RunFolder _folder;
    private readonly RunLock _lock;
    private TrainingLog? _log;

    private RunSession(RunFolder folder, RunLock runLock) => (_folder, _lock) = (folder, runLock);

    /// <summary>The log; see <see cref="OpenLog"/>.</summary>
    public TrainingLog Log => _log ?? throw new InvalidOperationException("the log is not open yet");

    /// <summary>Locks a run's folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="resume">Whether to resume the run in the folder. Otherwise the folder must not contain a run.</param>
    /// <exception cref="InputException">The folder holds a run and is not to be resumed, or holds none and is; or another process works in it.</exception>
    public static RunSession Open(RunFolder folder, bool resume)
    {
        folder.RequireState(resume);
        var runLock = RunLock.Take(folder.Path);
        try
        {
            folder.RequireState(resume); // another process may have started a run in the meantime
            if (resume)
                folder.RemoveAbandoned();
            return new RunSession(folder, runLock);
        }
        catch
        {
            runLock.Dispose();
            throw;
        }
    }

    /// <summary>Reads the description of the run. If its file is corrupt, it is read from the newest checkpoint, which contains the same description.</summary>
    /// <param name="parse">Parses the file. It gets the path, and throws <see cref="InputException"/> if the file cannot be used.</param>
    /// <param name="ofCheckpoint">Reads the description from a checkpoint.</param>
    /// <param name="warn">Takes one line if a checkpoint was read instead.</param>
    /// <returns>The description, and whether its file must be written again.</returns>
    /// <exception cref="InputException">Neither the file nor any checkpoint can be read.</exception>
    public (T Description, bool IsLost) ReadDescription<T>(Func<string, T> parse, Func<TensorFile, T> ofCheckpoint, Action<string>? warn)
    {
        try
        {
            return (parse(_folder.Description), false);
        }
        catch (InputException e) when (e.InnerException is not UnauthorizedAccessException)
        {
            foreach (var path in _folder.Checkpoints.Reverse())
            {
                try
                {
                    using var file = TensorFile.Open(path);
                    var description = ofCheckpoint(file);
                    warn?.Invoke($"'{_folder.Description}' cannot be read; its content is taken from '{path}'");
                    return (description, true);
                }
                catch (InputException)
                {
                    // The previous checkpoint may be intact.
                }
            }

            throw new InputException($"'{_folder.Description}' cannot be read, and no checkpoint has its content ({e.Message.TrimEnd('.')}): put an intact copy there, or train anew in another folder", e).With(Remedy.MoveRun);
        }
    }

    /// <summary>Loads the newest checkpoint that can be used. A checkpoint that is corrupt, or that cannot be read from the disk, is renamed, and the previous checkpoint is used.</summary>
    /// <param name="load">Takes the open file, and throws <see cref="InputException"/> if it cannot be used. Then it may be called again with an older file.</param>
    /// <param name="warn">Takes one line if an older checkpoint is used.</param>
    /// <returns>Whether there was a checkpoint.</returns>
    /// <exception cref="InputException">There are checkpoints, but none can be used.</exception>
    public bool Restore(Action<TensorFile> load, Action<string>? warn)
    {
        InputException? newest = null;
        var unusable = new List<string>();
        foreach (var path in _folder.Checkpoints.Reverse())
        {
            try
            {
                using var file = TensorFile.Open(path);
                load(file);
            }
            catch (InputException e) when (e.InnerException is not UnauthorizedAccessException)
            {
                newest ??= e;
                unusable.Add(path);
                continue;
            }

            unusable.ForEach(RunFolder.SetAside);
            if (newest is not null)
                warn?.Invoke($"{newest.Message.TrimEnd('.')}; it is set aside as '{RunFolder.AsideOf(unusable[0])}', and the run resumes from the checkpoint before it, '{path}'");
            return true;
        }

        return newest is null ? false : throw new InputException(
            $"{newest.Message.TrimEnd('.')}; no other checkpoint of '{_folder.Path}' can be used: put an intact one there, or delete that folder's checkpoints and resume the run from the first step").With(Remedy.Resume);
    }

    /// <summary>Opens the log at the position of the run. Entries of steps that will be repeated are removed.</summary>
    /// <param name="iteration">The number of steps made.</param>
    /// <param name="validated">The iteration of the last validation; 0 before the first.</param>
    public void OpenLog(int iteration, int validated = 0) => _log = new TrainingLog(_folder, iteration, validated);

    /// <summary>Writes a checkpoint, and deletes all checkpoints except the last two.</summary>
    /// <param name="iteration">The number of steps made.</param>
    /// <param name="write">Writes the file with the given path.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void WriteCheckpoint(int iteration, Action<string> write) => _folder.WriteCheckpoint(iteration, write);

    /// <summary>Does the work of the run. Every exception that stops it says from which checkpoint the run can resume.</summary>
    /// <param name="work">The work.</param>
    /// <param name="cancellationToken">Cancels the work. Then an input that cannot be used does not count as a failure, because Ctrl-C may have stopped the program that writes it.</param>
    /// <exception cref="RunInterruptedException">It was cancelled, and there is a checkpoint.</exception>
    /// <exception cref="DivergedException">A number became infinite or NaN.</exception>
    /// <exception cref="IOException">A file of the run could not be written: the disk is full, or the folder has become read-only.</exception>
    /// <exception cref="InputException">Something that the run reads cannot be used.</exception>
    public T Guard<T>(Func<T> work, CancellationToken cancellationToken)
    {
        try
        {
            return work();
        }
        catch (OperationCanceledException e) when (_folder.LastIntact is { } checkpoint)
        {
            throw new RunInterruptedException(checkpoint, e);
        }
        catch (InputException e) when (cancellationToken.IsCancellationRequested)
        {
            var cause = new OperationCanceledException(e.Message, e, cancellationToken);
            throw _folder.LastIntact is { } checkpoint ? new RunInterruptedException(checkpoint, cause) : cause;
        }
        catch (DivergedException e)
        {
            throw new DivergedException($"{e.Message}; {_folder.LastGood()}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InputException { InnerException: IOException or UnauthorizedAccessException })
        {
            var (next, remedy) = _folder.NextStep();
            throw new IOException($"{e.Message.TrimEnd('.')}; {next}", e).With(remedy);
        }
        catch (InputException e)
        {
            var (next, remedy) = _folder.NextStep();
            throw new InputException($"{e.Message.TrimEnd('.')}; {next}", e).With(remedy);
        }
    }

    /// <summary>Closes the log and releases the folder.</summary>
    public void Dispose()
    {
        try
        {
            _log?.Dispose();
        }
        catch (IOException)
        {
            // The disk is full, and the previous write has reported this.
        }
        finally
        {
            _lock.Dispose();
        }
    }
}
