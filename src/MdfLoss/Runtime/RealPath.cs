namespace Mdf.Runtime;

/// <summary>Finds the one real path of each file, to decide whether two paths are the same file.</summary>
internal static class RealPath
{
    /// <summary>The comparer of paths. It ignores case on systems whose file systems usually ignore it.</summary>
    public static StringComparer Comparer { get; } =
        OperatingSystem.IsWindows() || OperatingSystem.IsMacOS() ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal;

    /// <summary>Returns the full path, with all links resolved. A part of the path that does not exist is not a link.</summary>
    /// <param name="path">A file or folder. It need not exist.</param>
    /// <exception cref="InputException">The links form a loop, or permission for a folder is missing.</exception>
    public static string Resolve(string path)
    {
        var full = Path.GetFullPath(path);
        if (Path.GetDirectoryName(full) is not { } parent)
            return full;
        full = Path.Combine(Resolve(parent), Path.GetFileName(full));
        try
        {
            // .NET also resolves a link to a folder with this method.
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
