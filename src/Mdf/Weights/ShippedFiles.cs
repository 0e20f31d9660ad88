using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>Trained weights of one kind that are part of the library, by their short names.</summary>
/// <param name="prefix">What the names of the resources start with.</param>
/// <param name="kind">What they are, for messages: <c>network</c>.</param>
internal sealed class ShippedFiles(string prefix, string kind)
{
    private const string Extension = ".safetensors";

    /// <summary>The short names, in alphabetical order.</summary>
    public IReadOnlyList<string> Names { get; } =
    [
        .. typeof(ShippedFiles).Assembly.GetManifestResourceNames()
            .Where(resource => resource.StartsWith(prefix, StringComparison.Ordinal))
            .Select(resource => resource[prefix.Length..^Extension.Length])
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Opens the file that a name stands for: a shipped one, unless there is a file of that name.</summary>
    /// <param name="nameOrPath">A short name or a path.</param>
    /// <exception cref="InputException">There is neither, or the file is damaged.</exception>
    public TensorFile Open(string nameOrPath)
    {
        if (File.Exists(nameOrPath) || Path.GetFileName(nameOrPath) != nameOrPath || Path.HasExtension(nameOrPath))
            return TensorFile.Open(nameOrPath);
        if (Names.Contains(nameOrPath))
            return TensorFile.Open(nameOrPath, (UnmanagedMemoryStream)typeof(ShippedFiles).Assembly.GetManifestResourceStream(prefix + nameOrPath + Extension)!);
        var known = Names.Count > 0 ? $"shipped are {string.Join(", ", Names)}" : "none comes with this version";
        throw new InputException($"there is neither a file nor a shipped {kind} called '{nameOrPath}': {known}; or give the path of a file, such as mine{Extension}");
    }
}
