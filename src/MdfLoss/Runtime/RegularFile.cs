namespace Mdf.Runtime;

/// <summary>Checks that a path is a regular file, before the file is opened.</summary>
internal static class RegularFile
{
    /// <summary>
    /// Refuses everything except a regular file with content. Opening a named pipe waits for its writer, and a device may never end.
    /// Links are followed.
    /// </summary>
    /// <param name="path">The file that will be opened next.</param>
    /// <param name="expected">The expected kind of file, for the message, such as <c>an image file</c>.</param>
    /// <exception cref="InputException">
    /// The path is empty or has a NUL character; there is no such file; it is a folder, a pipe, a socket, a device, or empty.
    /// </exception>
    public static void Require(string path, string expected = "a file")
    {
        ArgumentNullException.ThrowIfNull(path);
        if (string.IsNullOrWhiteSpace(path))
            throw new InputException($"expected {expected}, found an empty path");
        if (path.Contains('\0', StringComparison.Ordinal))
            throw new InputException($"cannot read '{path}': expected {expected}, found a NUL character in its path");
        if (Directory.Exists(path))
            throw new InputException($"cannot read '{path}': expected {expected}, found a folder; name a file in it");
        try
        {
            // .NET does not tell the kind of a file, but only a regular file has a length before it is opened.
            var file = File.ResolveLinkTarget(path, returnFinalTarget: true) as FileInfo ?? new FileInfo(path);
            if (file.Length == 0)
            {
                throw new InputException(
                    $"cannot read '{path}': expected {expected}, found nothing in it, or a pipe or a device; download it again, or save it to disk first");
            }
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException($"cannot read '{path}': there is no such file; check the path", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"cannot read '{path}': {e.Message}", e);
        }
    }
}
