using System.Globalization;
using Mdf.Runtime;

namespace Mdf.Experiments;

/// <summary>The lock that keeps a second process out of a folder, such as that of a run. The system releases it when its process ends in any way.</summary>
/// <remarks>
/// The lock is on the open file (<c>flock</c> on Unix, the sharing mode on Windows), not on its existence: a file that a killed process left locks nothing.
/// The file remains in the folder, because two processes could otherwise lock two files with the same name. A second file names the holder of the lock, because a
/// locked file cannot be read.
/// </remarks>
internal sealed class RunLock : IDisposable
{
    private const string Name = ".lock";
    private const string HolderName = ".lock-holder";
    private const int SharingViolation = 32; // ERROR_SHARING_VIOLATION
    private const int LockViolation = 33; // ERROR_LOCK_VIOLATION
    private const int WouldBlockOnLinux = 11; // EWOULDBLOCK
    private const int WouldBlockOnMac = 35;
    private const int LongestHolder = 200; // the number of bytes that are read from the file of another process

    private readonly FileStream _file;

    private RunLock(FileStream file) => _file = file;

    /// <summary>Takes the lock.</summary>
    /// <param name="folder">The run's folder. It is created if it is missing.</param>
    /// <exception cref="InputException">Another process holds it, or the folder cannot be written.</exception>
    public static RunLock Take(string folder)
    {
        var taken = TryTake(folder, Name)
            ?? throw new InputException($"'{folder}' is in use by {Holder(folder)}: wait until it has ended, stop it, or choose another folder").With(Remedy.MoveRun);
        try
        {
            File.WriteAllText(Path.Combine(folder, HolderName), string.Create(CultureInfo.InvariantCulture,
                $"process {Environment.ProcessId} on {Environment.MachineName}, since {DateTime.Now:yyyy-MM-dd HH:mm:ss}"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The disk is full. The lock is held anyway; only the name of its holder is missing.
        }

        return taken;
    }

    /// <summary>Takes a lock of a folder; null if another process, or other work of this process, holds it.</summary>
    /// <param name="folder">The folder. It is created if it is missing.</param>
    /// <param name="name">The name of the lock's file.</param>
    /// <exception cref="InputException">The folder cannot be written.</exception>
    public static RunLock? TryTake(string folder, string name)
    {
        var path = Path.Combine(folder, name);
        AtomicFile.Prepare(path);
        try
        {
            return new RunLock(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None));
        }
        catch (IOException e) when (IsHeld(e))
        {
            return null;
        }
    }

    /// <summary>Releases the lock.</summary>
    public void Dispose() => _file.Dispose();

    /// <summary>Whether another process has the file open. Other reasons are a full disk or too many open files.</summary>
    private static bool IsHeld(IOException e) => (e.HResult & 0xffff) is var error
        && (OperatingSystem.IsWindows() ? error is SharingViolation or LockViolation : error is WouldBlockOnLinux or WouldBlockOnMac);

    private static string Holder(string folder)
    {
        try
        {
            using var file = File.OpenRead(Path.Combine(folder, HolderName));
            var bytes = new byte[LongestHolder];
            var length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return length > 0 ? Untrusted.Quote(System.Text.Encoding.UTF8.GetString(bytes, 0, length)).Trim('\'') : "another process";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "another process";
        }
    }
}
