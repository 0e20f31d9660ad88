using System.Globalization;
using Mdf.Runtime;

namespace Mdf.Experiments;

/// <summary>Keeps a second process out of a run's folder. The system releases it when its process ends, however it ends.</summary>
/// <remarks>
/// The lock is on the open file (<c>flock</c> on Unix, the sharing mode on Windows), not on its existence: a file that a killed process left behind locks nothing.
/// The file says who holds it. It stays in the folder, because deleting it would let two processes lock two files of one name.
/// </remarks>
internal sealed class RunLock : IDisposable
{
    private const string Name = ".lock";
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
        catch (IOException)
        {
            throw new InputException($"'{folder}' is in use by {Holder(path)}: wait until that has ended, stop it, or choose another folder with {elsewhere}");
        }

        try
        {
            file.SetLength(0);
            file.Write(System.Text.Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
                $"process {Environment.ProcessId} on {Environment.MachineName}, since {DateTime.Now:yyyy-MM-dd HH:mm:ss}")));
            file.Flush();
        }
        catch (IOException)
        {
            // A full disk: the lock is held all the same; only its holder's name is missing.
        }

        return new RunLock(file);
    }

    /// <summary>Releases the lock.</summary>
    public void Dispose()
    {
        try
        {
            _file.Dispose();
        }
        catch (IOException)
        {
            // A full disk; the file is closed, and so released.
        }
    }

    private static string Holder(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            var bytes = new byte[LongestHolder];
            var length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            return length > 0 ? Untrusted.Quote(System.Text.Encoding.UTF8.GetString(bytes, 0, length)).Trim('\'') : "another process";
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "another process"; // Windows lets nobody read a locked file
        }
    }
}
