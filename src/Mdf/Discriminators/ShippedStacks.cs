using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Discriminators;

/// <summary>The trained stacks that come with the program, by their short names; <c>models/stacks/README.md</c> says how each was trained.</summary>
public static class ShippedStacks
{
    private const string Prefix = "stacks/";
    private const string Extension = ".safetensors";

    /// <summary>The short names, in alphabetical order, such as <c>jpeg</c>.</summary>
    public static IReadOnlyList<string> Names { get; } =
    [
        .. typeof(ShippedStacks).Assembly.GetManifestResourceNames()
            .Where(resource => resource.StartsWith(Prefix, StringComparison.Ordinal))
            .Select(resource => resource[Prefix.Length..^Extension.Length])
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Opens the file that a name stands for: a shipped stack's, unless there is a file of that name.</summary>
    /// <param name="nameOrPath">A short name or a path.</param>
    /// <exception cref="InputException">There is neither, or the file is damaged.</exception>
    internal static TensorFile Open(string nameOrPath)
    {
        if (File.Exists(nameOrPath) || Path.GetFileName(nameOrPath) != nameOrPath || Path.HasExtension(nameOrPath))
            return TensorFile.Open(nameOrPath);
        return Names.Contains(nameOrPath)
            ? TensorFile.Open(nameOrPath, (UnmanagedMemoryStream)typeof(ShippedStacks).Assembly.GetManifestResourceStream(Prefix + nameOrPath + Extension)!)
            : throw new InputException($"there is neither a file nor a shipped stack called '{nameOrPath}' ({(Names.Count > 0 ? $"shipped are {string.Join(", ", Names)}" : "none comes with this version")}): give the path of a stack file, such as mdf:stack.safetensors");
    }
}
