using Mdf.Runtime;

namespace Mdf.Imaging;

/// <summary>Folders of images.</summary>
public static class ImageFolder
{
    /// <summary>The images in a folder, not in those below it: the files that <see cref="ImageFile.Extensions"/> tells to be some.</summary>
    /// <param name="folder">The folder.</param>
    /// <returns>At least one path, in the order of their names.</returns>
    /// <exception cref="InputException">There is no such folder, or it cannot be listed, or it holds no image.</exception>
    public static IReadOnlyList<string> List(string folder)
    {
        try
        {
            string[] images =
            [
                .. Directory.EnumerateFiles(folder)
                    .Where(file => ImageFile.Extensions.Contains(Path.GetExtension(file).ToLowerInvariant()))
                    .Order(StringComparer.Ordinal),
            ];
            return images.Length > 0 ? images : throw new InputException($"'{folder}' holds no image ({string.Join(", ", ImageFile.Extensions)})");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InputException($"cannot list '{folder}': {e.Message}", e);
        }
    }
}
