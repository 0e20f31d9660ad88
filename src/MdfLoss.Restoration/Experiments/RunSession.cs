using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Experiments;

/// <summary>A run's folder while a process works in it: the same for both phases. It holds the folder's lock, resumes, logs, writes checkpoints and explains failures.</summary>
internal sealed class RunSession : IDisposable
{
    /// <summary>How many steps an entry of the log sums up.</summary>
    public const int LogEvery = 10;

    private readonly RunFolder _folder;
    private readonly RunLock _lock;
    private TrainingLog? _log;

    private RunSession(RunFolder folder, RunLock runLock) => (_folder, _lock) = (folder, runLock);

    /// <summary>The log; see <see cref="OpenLog"/>.</summary>
    public TrainingLog Log => _log ?? throw new InvalidOperationException("the log is not open yet");

    /// <summary>Locks a run's folder.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="resume">Whether to resume the run that it holds; otherwise it must hold none.</param>
    /// <param name="elsewhere">The option that names another folder.</param>
    /// <exception cref="InputException">The folder holds a run and is not to be resumed, or holds none and is; or another process works in it.</exception>
    public static RunSession Open(RunFolder folder, bool resume, string elsewhere)
    {
        folder.RequireState(resume, elsewhere);
        var runLock = RunLock.Take(folder.Path, elsewhere);
        try
        {
            folder.RequireState(resume, elsewhere); // another process may have begun a run since
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

    /// <summary>Reads what the run does; where its file is corrupt, from the newest checkpoint, which says the same.</summary>
    /// <param name="parse">Reads the text; is told the file's name for messages, and throws <see cref="InputException"/>.</param>
    /// <param name="ofCheckpoint">The text in a checkpoint.</param>
    /// <param name="warn">Told, in one line, that a checkpoint was read instead.</param>
    /// <returns>What the run does, and whether its file has to be written anew.</returns>
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
                    warn?.Invoke($"'{_folder.Description}' cannot be read; what it said is taken from '{path}'");
                    return (description, true);
                }
                catch (InputException)
                {
                    // The one before may be intact.
                }
            }

            throw new InputException($"'{_folder.Description}' cannot be read, and no checkpoint says what it said ({e.Message.TrimEnd('.')}): put an intact copy there, or train anew in another folder", e);
        }
    }

    /// <summary>Loads the newest checkpoint that can be used. One that is corrupt, or that the disk cannot read, is set aside, and the one before takes its place.</summary>
    /// <param name="load">Takes the open file; throws <see cref="InputException"/> where it cannot be used. It may be called again with an older file then.</param>
    /// <param name="warn">Told, in one line, that an older checkpoint is used.</param>
    /// <returns>Whether there was a checkpoint.</returns>
    /// <exception cref="InputException">There are checkpoints, and none can be used.</exception>
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
            $"{newest.Message.TrimEnd('.')}; no other checkpoint of '{_folder.Path}' can be used: put an intact one there, or delete that folder's checkpoints and rerun with --resume to start from the first step");
    }

    /// <summary>Opens the log where the run stands: entries of steps that will be made again are removed.</summary>
    /// <param name="iteration">How many steps have been made.</param>
    /// <param name="validated">The iteration of the last validation; 0 before the first.</param>
    public void OpenLog(int iteration, int validated = 0) => _log = new TrainingLog(_folder, iteration, validated);

    /// <summary>Writes a checkpoint, and deletes all but the last two.</summary>
    /// <param name="iteration">How many steps have been made.</param>
    /// <param name="write">Writes the file of a name.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void WriteCheckpoint(int iteration, Action<string> write) => _folder.WriteCheckpoint(iteration, write);

    /// <summary>Does the work of the run; whatever ends it says from which checkpoint it can be resumed.</summary>
    /// <param name="work">The work.</param>
    /// <param name="cancellationToken">Cancels it. An input that cannot be used is no failure then: Ctrl-C may have ended the program that writes it.</param>
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
            throw new IOException($"{e.Message.TrimEnd('.')}; {_folder.Remedy()}", e);
        }
        catch (InputException e)
        {
            throw new InputException($"{e.Message.TrimEnd('.')}; {_folder.Remedy()}", e);
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
            // A full disk, which the write before has reported.
        }
        finally
        {
            _lock.Dispose();
        }
    }
}
