using System.Text.RegularExpressions;
using Mdf.Runtime;

namespace Mdf.Imaging;

/// <summary>The files of a clean image and of its distorted version.</summary>
/// <param name="Reference">The file of the clean image.</param>
/// <param name="Distorted">The file of the distorted image.</param>
internal sealed record DistortedPair(string Reference, string Distorted);

/// <summary>Finds the distorted version of each clean image, by name.</summary>
internal static partial class DistortedPairs
{
    /// <summary>
    /// Matches files with the files of a folder. Two files are a pair if they have the same name, except for the extension and a suffix such as <c>_HR</c>, <c>_LR</c> or <c>x4</c>.
    /// </summary>
    /// <param name="references">The files of the clean images; at least one.</param>
    /// <param name="distorted">The folder of the distorted images: one for each clean image, and no others.</param>
    /// <returns>The pairs, in the order of the references.</returns>
    /// <exception cref="InputException">The folder is missing or has no image, a file has no counterpart, or two files would have the same counterpart.</exception>
    public static IReadOnlyList<DistortedPair> Match(IReadOnlyList<string> references, string distorted)
    {
        ArgumentNullException.ThrowIfNull(references);
        ArgumentOutOfRangeException.ThrowIfZero(references.Count);
        var byName = ByCommonName(distorted);
        DistortedPair[] pairs =
        [
            .. references.Select(reference => byName.Remove(CommonName(reference), out var file)
                ? new DistortedPair(reference, file)
                : throw new InputException($"'{reference}' has no distorted counterpart in '{distorted}'")),
        ];
        return byName.Count == 0
            ? pairs
            : throw new InputException($"'{byName.Values.Order(StringComparer.Ordinal).First()}' has no reference in '{Path.GetDirectoryName(references[0])}'");
    }

    /// <summary>Finds the images of a folder by the part of their names that they share with their references.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="InputException">The folder is missing or has no image, or two would belong to one reference.</exception>
    internal static Dictionary<string, string> ByCommonName(string folder)
    {
        var byName = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in ImageFolder.List(folder))
        {
            if (!byName.TryAdd(CommonName(file), file))
                throw new InputException($"'{byName[CommonName(file)]}' and '{file}' would both belong to the same reference; keep only one of them");
        }

        return byName;
    }

    /// <summary>Returns the part of a name that the files of a pair have in common.</summary>
    internal static string CommonName(string path) => Ending().Replace(Path.GetFileNameWithoutExtension(path), "");

    [GeneratedRegex("([_-]?(HR|LR|GT|LQ|x[234]))+$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Ending();
}
