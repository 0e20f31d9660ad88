using System.Text.RegularExpressions;
using Mdf.Runtime;

namespace Mdf.Imaging;

/// <summary>A clean picture and its distorted version, as files.</summary>
/// <param name="Reference">The clean picture's file.</param>
/// <param name="Distorted">The distorted one's.</param>
public sealed record DistortedPair(string Reference, string Distorted);

/// <summary>Finds the distorted version of each clean picture, by name.</summary>
public static partial class DistortedPairs
{
    /// <summary>
    /// Matches files with a folder. Files belong together that have the same name except for the extension and an ending such as <c>_HR</c>, <c>_LR</c> or <c>x4</c>.
    /// </summary>
    /// <param name="references">The files of the clean pictures; at least one.</param>
    /// <param name="distorted">The folder of the distorted ones: one for each clean picture, and no others.</param>
    /// <returns>The pairs, in the order of the references.</returns>
    /// <exception cref="InputException">The folder is missing or has no image, a file has no counterpart, or two would have the same.</exception>
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

    /// <summary>The images of a folder, by what their names have in common with those of their references.</summary>
    /// <param name="folder">The folder.</param>
    /// <exception cref="InputException">The folder is missing or has no image, or two would belong to one reference.</exception>
    internal static Dictionary<string, string> ByCommonName(string folder)
    {
        var byName = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var file in ImageFolder.List(folder))
        {
            if (!byName.TryAdd(CommonName(file), file))
                throw new InputException($"'{byName[CommonName(file)]}' and '{file}' would both belong to one reference: keep one");
        }

        return byName;
    }

    /// <summary>What the names of files that belong together have in common.</summary>
    internal static string CommonName(string path) => Ending().Replace(Path.GetFileNameWithoutExtension(path), "");

    [GeneratedRegex("([_-]?(HR|LR|GT|LQ|x[234]))+$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex Ending();
}
