using System.Reflection;
using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>The files of trained weights of one kind that are embedded in an assembly, by short name.</summary>
/// <param name="assembly">The assembly.</param>
/// <param name="prefix">The prefix of the resources' names.</param>
/// <param name="kind">The kind of the files, for messages, such as <c>network</c>.</param>
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

    /// <summary>Opens a file by its path, or a shipped file by its short name. A file on disk takes precedence over a shipped file of the same name.</summary>
    /// <param name="nameOrPath">A short name or a path.</param>
    /// <param name="acceptsEarlier">Whether to accept files of our earlier formats, which have no checksums of their tensors.</param>
    /// <exception cref="InputException">There is no file and no shipped file of that name, or the file is corrupt.</exception>
    public TensorFile Open(string nameOrPath, bool acceptsEarlier = false)
    {
        ArgumentNullException.ThrowIfNull(nameOrPath);
        if (File.Exists(nameOrPath) || Path.GetFileName(nameOrPath) != nameOrPath || Path.HasExtension(nameOrPath))
            return TensorFile.Open(nameOrPath, acceptsEarlier);
        if (Names.Contains(nameOrPath))
            return TensorFile.Open(nameOrPath, (UnmanagedMemoryStream)assembly.GetManifestResourceStream(prefix + nameOrPath + Extension)!);
        var known = Names.Count > 0 ? $"give one of {string.Join(", ", Names)}, or" : "this version has none; give";
        throw new InputException($"there is neither a file nor a shipped {kind} called '{nameOrPath}': {known} the path of a file, such as mine{Extension}");
    }
}
