namespace Mdf.Runtime;

/// <summary>One name for each file, so that two paths can be told to be the same file.</summary>
internal static class RealPath
{
    /// <summary>How paths are compared: file names ignore case where the system's file systems usually do.</summary>
    public static StringComparer Comparer { get; } =
        OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;

    /// <summary>The full path, with every link on the way followed. What does not exist has no link.</summary>
    /// <param name="path">A file or folder, which need not exist.</param>
    /// <exception cref="InputException">Links go in circles, or a folder on the way is closed.</exception>
    public static string Resolve(string path)
    {
        var full = Path.GetFullPath(path);
        if (Path.GetDirectoryName(full) is not { } parent)
            return full;
        full = Path.Combine(Resolve(parent), Path.GetFileName(full));
        try
        {
            // .NET reads a link to a folder as a file's, too.
            return File.ResolveLinkTarget(full, returnFinalTarget: true) is { } target ? Resolve(target.FullName) : full;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return full;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"cannot use '{path}': {e.Message}", e);
        }
    }
}
