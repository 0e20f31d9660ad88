using System.Reflection;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>Trained weights of one kind that are part of an assembly, by their short names.</summary>
/// <param name="assembly">The assembly.</param>
/// <param name="prefix">What the names of the resources start with.</param>
/// <param name="kind">What they are, for messages: <c>network</c>.</param>
internal sealed class ShippedFiles(Assembly assembly, string prefix, string kind)
{
    private const string Extension = ".safetensors";

    /// <summary>The short names, in alphabetical order.</summary>
    public IReadOnlyList<string> Names { get; } =
    [
        .. assembly.GetManifestResourceNames()
            .Where(resource => resource.StartsWith(prefix, StringComparison.Ordinal))
            .Select(resource => resource[prefix.Length..^Extension.Length])
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Opens the file that a name stands for: a shipped one, unless there is a file of that name.</summary>
    /// <param name="nameOrPath">A short name or a path.</param>
    /// <param name="acceptsEarlier">Whether files of our earlier formats are read, which have no checksums of their tensors.</param>
    /// <exception cref="InputException">There is neither, or the file is damaged.</exception>
    public TensorFile Open(string nameOrPath, bool acceptsEarlier = false)
    {
        if (File.Exists(nameOrPath) || Path.GetFileName(nameOrPath) != nameOrPath || Path.HasExtension(nameOrPath))
            return TensorFile.Open(nameOrPath, acceptsEarlier);
        if (Names.Contains(nameOrPath))
            return TensorFile.Open(nameOrPath, (UnmanagedMemoryStream)assembly.GetManifestResourceStream(prefix + nameOrPath + Extension)!);
        var known = Names.Count > 0 ? $"shipped are {string.Join(", ", Names)}" : "none comes with this version";
        throw new InputException($"there is neither a file nor a shipped {kind} called '{nameOrPath}': {known}; or give the path of a file, such as mine{Extension}");
    }
}
