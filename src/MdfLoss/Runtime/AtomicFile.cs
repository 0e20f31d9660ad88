namespace Mdf.Runtime;

/// <summary>Writes files so that a reader never sees half of a file. It writes a temporary file in the same folder, flushes it to disk, and renames it.</summary>
internal static class AtomicFile
{
    private const int ReadOnlyFileSystem = 30; // EROFS, on Linux and macOS
    private const int WriteProtected = 19; // ERROR_WRITE_PROTECT

    private const string TemporaryStart = ".mdf-";
    private const string TemporaryEnd = ".tmp";

    /// <summary>Writes the whole file <paramref name="path"/> or nothing. Creates missing folders.</summary>
    /// <param name="path">The file to write. An existing file is replaced only once the new one is complete.</param>
    /// <param name="write">Writes the content. If it throws, no temporary file remains and the old file is unchanged.</param>
    /// <exception cref="InputException">
    /// The path cannot be written: it is a folder, or a parent of it is a file, or its name is too long, or permission is
    /// missing, or the file system is read-only. Failures of the device, such as a full disk, give an <see cref="IOException"/>.
    /// </exception>
    /// <exception cref="IOException">The device failed or is full.</exception>
    /// <remarks>Links are followed: the target of a link is replaced. The Unix permissions of an existing file are kept.</remarks>
    public static void Write(string path, Action<Stream> write)
    {
        var (target, mode) = Resolve(path);
        var temporary = TemporaryFor(target);
        var stream = Create(path, temporary, mode);
        try
        {
            using (stream)
            {
                write(stream);
                stream.Flush(flushToDisk: true);
                if (mode is { } bits && !OperatingSystem.IsWindows())
                    File.SetUnixFileMode(stream.SafeFileHandle, bits); // creation is subject to the umask
            }

            Move(path, temporary, target);
        }
        catch (IOException e) when (e.Message.Contains(temporary, StringComparison.Ordinal))
        {
            Remove(temporary);
            throw Renamed(e, temporary, path);
        }
        catch
        {
            Remove(temporary);
            throw;
        }
    }

    /// <summary>Writes bytes; see <see cref="Write(string, Action{Stream})"/>.</summary>
    /// <param name="path">The file to write.</param>
    /// <param name="content">All of its bytes.</param>
    public static void Write(string path, ReadOnlyMemory<byte> content) =>
        Write(path, stream => stream.Write(content.Span));

    /// <summary>Writes text as UTF-8 without a mark; see <see cref="Write(string, Action{Stream})"/>.</summary>
    /// <param name="path">The file to write.</param>
    /// <param name="content">All of its text.</param>
    public static void Write(string path, string content) => Write(path, System.Text.Encoding.UTF8.GetBytes(content));

    /// <summary>
    /// Creates the folder of <paramref name="path"/> and checks that a file can be written there. So long work does not fail at its end.
    /// </summary>
    /// <param name="path">The file that will be written later.</param>
    /// <returns>Its full path.</returns>
    /// <exception cref="InputException">The path is a folder, or a parent of it is a file, or permission is missing.</exception>
    public static string Prepare(string path)
    {
        var (target, mode) = Resolve(path);
        Create(path, TemporaryFor(target), mode, FileOptions.DeleteOnClose).Dispose();
        return target;
    }

    /// <summary>Deletes the temporary files that killed writers left in a folder, but not in its subfolders. Nobody may write there at the same time.</summary>
    /// <param name="folder">The folder. If it does not exist, the method does nothing.</param>
    public static void RemoveAbandoned(string folder)
    {
        if (!Directory.Exists(folder))
            return;
        foreach (var temporary in Directory.EnumerateFiles(folder, $"{TemporaryStart}*{TemporaryEnd}"))
            Remove(temporary);
    }

    /// <summary>The path of a new temporary file. Its name is short, because a name may have at most 255 bytes and the name of the target may have them all.</summary>
    private static string TemporaryFor(string target) =>
        Path.Combine(Path.GetDirectoryName(target)!, $"{TemporaryStart}{Path.GetRandomFileName()[..8]}{TemporaryEnd}");

    private static FileStream Create(string path, string temporary, UnixFileMode? mode, FileOptions options = FileOptions.None)
    {
        var creation = new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.ReadWrite,
            Share = FileShare.None,
            Options = options,
        };
        // The permissions are set at creation, so that others can never read the copy of a private file.
        if (!OperatingSystem.IsWindows())
            creation.UnixCreateMode = mode;
        try
        {
            return new FileStream(temporary, creation);
        }
        catch (Exception e) when (IsAboutThePath(e))
        {
            throw new InputException($"cannot write '{path}': no file can be made in its folder ({Renamed(e, temporary, path).Message}); choose another place", e);
        }
        catch (IOException e) when (e.Message.Contains(temporary, StringComparison.Ordinal))
        {
            throw Renamed(e, temporary, path);
        }
    }

    /// <summary>The same error with the path of the target: the user does not know the temporary file.</summary>
    private static IOException Renamed(Exception e, string temporary, string path) => new(e.Message.Replace(temporary, path, StringComparison.Ordinal), e.HResult);

    private static void Move(string path, string temporary, string target)
    {
        try
        {
            File.Move(temporary, target, overwrite: true);
        }
        catch (Exception e) when (IsAboutThePath(e))
        {
            throw new InputException($"cannot write '{path}': {e.Message}; choose another place", e);
        }
    }

    private static void Remove(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The folder no longer exists or failed. The error of the write itself is more useful.
        }
    }

    private static bool IsAboutThePath(Exception e) =>
        e is UnauthorizedAccessException or DirectoryNotFoundException or FileNotFoundException or PathTooLongException
        || e is IOException && (e.HResult & 0xffff) == (OperatingSystem.IsWindows() ? WriteProtected : ReadOnlyFileSystem);

    /// <returns>The file to replace, and its Unix permissions if the file exists. Its folder exists after the call.</returns>
    private static (string Target, UnixFileMode? Mode) Resolve(string path)
    {
        var target = MakeFolder(path);
        try
        {
            // Only a link is resolved: ResolveLinkTarget fails for a file that does not exist.
            if (new FileInfo(target) is { LinkTarget: not null } link)
                target = MakeFolder(link.ResolveLinkTarget(returnFinalTarget: true)!.FullName);
            return (target, OperatingSystem.IsWindows() ? null : File.GetUnixFileMode(target));
        }
        catch (FileNotFoundException)
        {
            return (target, null);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new InputException($"cannot write '{path}': {e.Message}; choose another place", e);
        }
    }

    private static string MakeFolder(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (string.IsNullOrWhiteSpace(path))
            throw new InputException("expected an output file, found an empty path");
        if (path.Contains('\0', StringComparison.Ordinal))
            throw new InputException($"cannot write '{path}': expected a path, found a NUL character in it");
        var target = Path.GetFullPath(path);
        if (Directory.Exists(target))
            throw new InputException($"cannot write '{path}': it is a folder; give a file name in it");
        for (var parent = Path.GetDirectoryName(target); parent is not null; parent = Path.GetDirectoryName(parent))
        {
            if (File.Exists(parent))
                throw new InputException($"cannot write '{path}': '{parent}' is a file, not a folder; choose another place");
        }

        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        }
        catch (Exception e) when (IsAboutThePath(e))
        {
            throw new InputException($"cannot write '{path}': its folder cannot be made ({e.Message}); choose another place", e);
        }

        return target;
    }
}
