using Mdf.Runtime;

namespace Mdf.Imaging;

/// <summary>Finds the results of a program by the names of the images. Programs add endings to the names: <c>img_x4.png</c>, <c>img_EDSR.png</c>.</summary>
internal static class ResultFiles
{
    // How well a name fits, the best last.
    private const int WithEnding = 1;
    private const int SameCommonName = 2;
    private const int SameName = 3;

    /// <summary>
    /// Finds the image to which each file belongs: the image with the same name; else the one with the same name except for endings such as <c>_HR</c> or <c>x4</c>
    /// (<see cref="DistortedPairs.CommonName"/>); else the one whose name is followed by <c>_</c> or <c>-</c> and any ending. Of several the longest name counts.
    /// </summary>
    /// <param name="images">The images: their names or their files.</param>
    /// <param name="files">The files of the results.</param>
    /// <returns>The file of each image that has one, by the image as given; and the files that belong to no image.</returns>
    /// <exception cref="InputException">Two files belong to one image, or a file could belong to two images.</exception>
    public static (IReadOnlyDictionary<string, string> Found, IReadOnlyList<string> Others) Match(IReadOnlyList<string> images, IReadOnlyList<string> files)
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        var others = new List<string>();
        foreach (var file in files)
        {
            if (ImageOf(file, images) is not { } image)
                others.Add(file);
            else if (!found.TryAdd(image, file))
                throw new InputException($"'{found[image]}' and '{file}' would both belong to the same reference '{image}'; keep only one of them");
        }

        return (found, others);
    }

    private static string? ImageOf(string file, IReadOnlyList<string> images)
    {
        var candidates = images.Select(image => (Image: image, Fit: Fit(NameOf(file), NameOf(image)))).Where(candidate => candidate.Fit.Kind > 0)
            .OrderByDescending(candidate => candidate.Fit).Take(2).ToArray();
        return candidates switch
        {
            [] => null,
            [var one, var other] when one.Fit == other.Fit => throw new InputException($"'{file}' could belong to '{one.Image}' or to '{other.Image}': rename it"),
            _ => candidates[0].Image,
        };
    }

    private static (int Kind, int Length) Fit(string name, string image)
    {
        var common = DistortedPairs.CommonName(image);
        if (name == image)
            return (SameName, image.Length);
        if (DistortedPairs.CommonName(name) == common)
            return (SameCommonName, common.Length);
        return common.Length > 0 && name.Length > common.Length && name.StartsWith(common, StringComparison.Ordinal) && name[common.Length] is ('_' or '-') ? (WithEnding, common.Length) : default;
    }

    // A name may contain a dot, so only the extension of an image is removed.
    private static string NameOf(string path) =>
        ImageFile.Extensions.Contains(Path.GetExtension(path).ToLowerInvariant()) ? Path.GetFileNameWithoutExtension(path) : Path.GetFileName(path);
}
