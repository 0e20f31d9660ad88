using Mdf.Runtime;

namespace Mdf.Imaging;

/// <summary>Folders of images. Every command that lists a folder lists it here.</summary>
public static class ImageFolder
{
    /// <summary>
    /// How the names of a Mac's metadata files begin (AppleDouble, RFC 1740): where a file system cannot hold what macOS keeps beside a file, it writes
    /// <c>._a.png</c> beside <c>a.png</c>.
    /// </summary>
    private const string AppleDoublePrefix = "._";

    /// <summary>The folder in which macOS puts such files in a zip archive.</summary>
    private const string AppleDoubleFolder = "__MACOSX";

    /// <summary>How many folders are named in a message.</summary>
    private const int NamedFolders = 3;

    /// <summary>
    /// The images in a folder, not in those below it: the files that <see cref="ImageFile.Extensions"/> tells to be some. A Mac's metadata files
    /// (<c>._a.png</c>) are passed over. Of the path of an image, that image.
    /// </summary>
    /// <param name="folder">The folder, or an image.</param>
    /// <returns>At least one path, in the order of their names.</returns>
    /// <exception cref="InputException">There is no such folder, or it cannot be listed, or it holds no image.</exception>
    public static IReadOnlyList<string> List(string folder)
    {
        if (HasExtension(folder) && File.Exists(folder))
            return [folder];
        string[] named = [.. Entries(folder, Directory.EnumerateFiles).Where(HasExtension)];
        string[] images = [.. named.Where(file => !IsAppleDouble(file))];
        return images.Length > 0 ? images : throw new InputException($"'{folder}' holds no image ({string.Join(", ", ImageFile.Extensions)})"
            + (named.Length > 0 ? $", only a Mac's metadata files ('{Path.GetFileName(named[0])}')" : "")
            + (Subfolders(folder) is { Count: > 0 } below ? $"; the folders in it are not searched: {Names(below)}" : ""));
    }

    /// <summary>Says which folders lie in the given ones and are not searched. Hidden folders and <c>__MACOSX</c> do not count.</summary>
    /// <param name="paths">Folders that <see cref="List"/> has listed; files among them do not matter.</param>
    /// <param name="except">A folder that need not be mentioned, such as the one for results; null if there is none.</param>
    /// <returns>One line; null if there are no such folders.</returns>
    /// <exception cref="InputException">A folder cannot be listed.</exception>
    public static string? CautionOnSubfolders(IEnumerable<string> paths, string? except = null)
    {
        ArgumentNullException.ThrowIfNull(paths);
        var spared = Directory.Exists(except) ? RealPath.Of(except) : null;
        string[] below =
        [
            .. paths.Where(Directory.Exists).SelectMany(Subfolders).Where(folder => !RealPath.Comparer.Equals(RealPath.Of(folder), spared)).Distinct(),
        ];
        return below.Length == 0 ? null : $"folders in a folder are not searched: {Names(below)}";
    }

    private static IReadOnlyList<string> Subfolders(string folder) =>
        [.. Entries(folder, Directory.EnumerateDirectories).Where(path => Path.GetFileName(path) is not (['.', ..] or AppleDoubleFolder))];

    private static bool HasExtension(string file) => ImageFile.Extensions.Contains(Path.GetExtension(file).ToLowerInvariant());

    private static bool IsAppleDouble(string file) => Path.GetFileName(file).StartsWith(AppleDoublePrefix, StringComparison.Ordinal);

    private static string Names(IReadOnlyList<string> folders) => string.Join(", ", folders.Take(NamedFolders).Select(folder => $"'{folder}'"))
        + (folders.Count > NamedFolders ? $" and {folders.Count - NamedFolders} more" : "");

    private static string[] Entries(string folder, Func<string, IEnumerable<string>> enumerate)
    {
        try
        {
            return [.. enumerate(folder).Order(StringComparer.Ordinal)];
        }
        catch (DirectoryNotFoundException e)
        {
            throw new InputException($"cannot list '{folder}': there is no such folder; check the path", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"cannot list '{folder}': {e.Message.TrimEnd('.')}", e);
        }
    }
}
