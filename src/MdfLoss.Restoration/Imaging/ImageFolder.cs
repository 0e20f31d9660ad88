using Mdf.Runtime;

namespace Mdf.Imaging;

/// <summary>Lists folders of images, for all commands.</summary>
internal static class ImageFolder
{
    /// <summary>
    /// The prefix of macOS metadata files (AppleDouble, RFC 1740). If a file system cannot store the metadata of <c>a.png</c>, macOS writes them to the file
    /// <c>._a.png</c> in the same folder.
    /// </summary>
    private const string AppleDoublePrefix = "._";

    /// <summary>The folder of such files in a zip archive of macOS.</summary>
    private const string AppleDoubleFolder = "__MACOSX";

    /// <summary>The largest number of folders that a message names.</summary>
    private const int NamedFolders = 3;

    /// <summary>
    /// Lists the images in a folder, without its subfolders: the files with one of <see cref="ImageFile.Extensions"/>. Metadata files of macOS
    /// (<c>._a.png</c>) are skipped. If the path is an image, the list is that image.
    /// </summary>
    /// <param name="folder">The folder, or an image.</param>
    /// <returns>At least one path, sorted by name.</returns>
    /// <exception cref="InputException">The folder does not exist, cannot be listed, or contains no image.</exception>
    public static IReadOnlyList<string> List(string folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (HasExtension(folder) && File.Exists(folder))
            return [folder];
        string[] named = [.. Entries(folder, Directory.EnumerateFiles).Where(HasExtension)];
        string[] images = [.. named.Where(file => !IsAppleDouble(file))];
        return images.Length > 0 ? images : throw new InputException($"'{folder}' holds no image ({string.Join(", ", ImageFile.Extensions)})"
            + (named.Length > 0 ? $", only a Mac's metadata files ('{Path.GetFileName(named[0])}')" : "")
            + (Subfolders(folder) is { Count: > 0 } below ? $"; the folders in it are not searched: {Names(below)}" : ""));
    }

    /// <summary>Creates a warning that names the subfolders, because they are not searched. Hidden folders and <c>__MACOSX</c> are ignored.</summary>
    /// <param name="paths">Folders that <see cref="List"/> has listed. Files in the list are ignored.</param>
    /// <param name="except">A subfolder that the warning does not name, such as the folder of results. Default: none.</param>
    /// <returns>One line; null if there are no subfolders.</returns>
    /// <exception cref="InputException">A folder cannot be listed.</exception>
    public static string? CautionOnSubfolders(IEnumerable<string> paths, string? except = null)
    {
        ArgumentNullException.ThrowIfNull(paths);
        var spared = Directory.Exists(except) ? RealPath.Resolve(except) : null;
        string[] below =
        [
            .. paths.Where(Directory.Exists).SelectMany(Subfolders).Where(folder => !RealPath.Comparer.Equals(RealPath.Resolve(folder), spared)).Distinct(),
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
