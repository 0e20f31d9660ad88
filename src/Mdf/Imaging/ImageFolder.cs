using Mdf.Runtime;

namespace Mdf.Imaging;

/// <summary>Folders of images.</summary>
public static class ImageFolder
{
    /// <summary>The images in a folder, not in those below it: the files that <see cref="ImageFile.Extensions"/> tells to be some. Of the path of such a file, that file.</summary>
    /// <param name="folder">The folder, or an image.</param>
    /// <returns>At least one path, in the order of their names.</returns>
    /// <exception cref="InputException">There is no such folder, or it cannot be listed, or it holds no image.</exception>
    public static IReadOnlyList<string> List(string folder)
    {
        if (IsImage(folder) && File.Exists(folder))
            return [folder];
        try
        {
            string[] images =
            [
                .. Directory.EnumerateFiles(folder)
                    .Where(IsImage)
                    .Order(StringComparer.Ordinal),
            ];
            return images.Length > 0 ? images : throw new InputException($"'{folder}' holds no image ({string.Join(", ", ImageFile.Extensions)})");
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

    private static bool IsImage(string file) => ImageFile.Extensions.Contains(Path.GetExtension(file).ToLowerInvariant());
}
