using System.Globalization;
using Mdf.Runtime;

namespace Mdf.Experiments;

/// <summary>Keeps a second process out of a run's folder. The system releases it when its process ends, however it ends.</summary>
/// <remarks>
/// The lock is on the open file (<c>flock</c> on Unix, the sharing mode on Windows), not on its existence: a file that a killed process left behind locks nothing.
/// It stays in the folder, because deleting it would let two processes lock two files of one name. Who holds it is in a file beside it, since a locked file cannot be read.
/// </remarks>
internal sealed class RunLock : IDisposable
{
    private const string Name = ".lock";
    private const string HolderName = ".lock-holder";
    private const int SharingViolation = 32; // ERROR_SHARING_VIOLATION
    private const int LockViolation = 33; // ERROR_LOCK_VIOLATION
    private const int WouldBlockOnLinux = 11; // EWOULDBLOCK
    private const int WouldBlockOnMac = 35;
    private const int LongestHolder = 200; // bytes that are read of another process's file

    private readonly FileStream _file;

    private RunLock(FileStream file) => _file = file;

    /// <summary>Takes the lock.</summary>
    /// <param name="folder">The run's folder; it is made if it is missing.</param>
    /// <param name="elsewhere">The option that names another folder.</param>
    /// <exception cref="InputException">Another process holds it, or the folder cannot be written.</exception>
    public static RunLock Take(string folder, string elsewhere)
    {
        var path = Path.Combine(folder, Name);
        AtomicFile.Prepare(path);
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException e) when (IsHeld(e))
        {
            throw new InputException($"'{folder}' is in use by {Holder(folder)}: wait until that has ended, stop it, or choose another folder with {elsewhere}");
        }

        try
        {
            File.WriteAllText(Path.Combine(folder, HolderName), string.Create(CultureInfo.InvariantCulture,
                $"process {Environment.ProcessId} on {Environment.MachineName}, since {DateTime.Now:yyyy-MM-dd HH:mm:ss}"));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A full disk: the lock is held all the same; only its holder's name is missing.
        }

        return new RunLock(file);
    }

    /// <summary>Releases the lock.</summary>
    public void Dispose() => _file.Dispose();

    /// <summary>Whether another process has the file open, rather than that the disk is full or no more files may be open.</summary>
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
