namespace Mdf.Runtime;

/// <summary>Writes files so that a reader never sees half of one: temporary file beside it, flush to disk, rename.</summary>
public static class AtomicFile
{
    /// <summary>Writes <paramref name="path"/> whole or not at all; folders that are missing are made.</summary>
    /// <param name="path">The file to write. An existing file is replaced only once the new one is complete.</param>
    /// <param name="write">Writes the content. If it throws, nothing is left behind and the old file is untouched.</param>
    /// <exception cref="InputException">The path cannot be written: it is a folder, or a parent of it is a file, or permission is missing.</exception>
    public static void Write(string path, Action<Stream> write)
    {
        var target = MakeFolder(path);
        var temporary = TemporaryFor(target);
        var stream = Create(path, temporary);
        try
        {
            using (stream)
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, target, overwrite: true);
        }
        catch (UnauthorizedAccessException e)
        {
            File.Delete(temporary);
            throw new InputException($"cannot write '{path}': permission denied; choose another place", e);
        }
        catch
        {
            File.Delete(temporary);
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
    /// Makes the folder of <paramref name="path"/> and checks that a file can be written there, so that long work need not fail at its end.
    /// </summary>
    /// <param name="path">The file that is to be written later.</param>
    /// <returns>Its full path.</returns>
    /// <exception cref="InputException">The path is a folder, or a parent of it is a file, or permission is missing.</exception>
    public static string Prepare(string path)
    {
        var target = MakeFolder(path);
        Create(path, TemporaryFor(target), FileOptions.DeleteOnClose).Dispose();
        return target;
    }

    private static string TemporaryFor(string target) => $"{target}.{Guid.NewGuid():N}.tmp";

    private static FileStream Create(string path, string temporary, FileOptions options = FileOptions.None)
    {
        try
        {
            return new FileStream(temporary, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None, bufferSize: 4096, options);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new InputException($"cannot write '{path}': no file can be made in its folder ({e.Message}); choose another place", e);
        }
    }

    private static string MakeFolder(string path)
    {
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
        catch (Exception e) when (e is UnauthorizedAccessException or IOException)
        {
            throw new InputException($"cannot write '{path}': its folder cannot be made ({e.Message}); choose another place", e);
        }

        return target;
    }
}
