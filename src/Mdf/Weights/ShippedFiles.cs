using Mdf.Runtime;

namespace Mdf.Weights;

/// <summary>Trained weights of one kind that are part of the library, by their short names.</summary>
/// <param name="prefix">What the names of the resources start with.</param>
/// <param name="kind">What they are, for messages: <c>network</c>.</param>
internal sealed class ShippedFiles(string prefix, string kind)
{
    private const string Extension = ".safetensors";
    private const string StackPrefix = "mdf:"; // as a loss expression names a stack

    /// <summary>The trained networks.</summary>
    public static ShippedFiles Networks { get; } = new("models/", "network");

    /// <summary>The trained discriminator stacks.</summary>
    public static ShippedFiles Stacks { get; } = new("stacks/", "stack");

    /// <summary>The short names, in alphabetical order.</summary>
    public IReadOnlyList<string> Names { get; } =
    [
        .. typeof(ShippedFiles).Assembly.GetManifestResourceNames()
            .Where(resource => resource.StartsWith(prefix, StringComparison.Ordinal))
            .Select(resource => resource[prefix.Length..^Extension.Length])
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>Opens the file that a name stands for, of either kind: <c>jpeg</c> is a network, <c>mdf:jpeg</c> a stack, as in a loss expression.</summary>
    /// <param name="nameOrPath">A short name, a path, or <c>mdf:</c> with either.</param>
    /// <param name="acceptsEarlier">Whether files of our earlier formats are read, which have no checksums of their tensors.</param>
    /// <exception cref="InputException">There is no such file, or it is damaged.</exception>
    public static TensorFile OpenAny(string nameOrPath, bool acceptsEarlier = false)
    {
        var stack = WithoutStackPrefix(nameOrPath);
        return stack == nameOrPath ? Networks.Open(nameOrPath, acceptsEarlier) : Stacks.Open(stack, acceptsEarlier);
    }

    /// <summary>The name of a stack without the <c>mdf:</c> that a loss expression has in front; a file of the whole name comes first.</summary>
    /// <param name="name">A short name, a path, or <c>mdf:</c> with either.</param>
    public static string WithoutStackPrefix(string name) =>
        name.StartsWith(StackPrefix, StringComparison.Ordinal) && !File.Exists(name) ? name[StackPrefix.Length..] : name;

    /// <summary>Opens the file that a name stands for: a shipped one, unless there is a file of that name.</summary>
    /// <param name="nameOrPath">A short name or a path.</param>
    /// <param name="acceptsEarlier">Whether files of our earlier formats are read, which have no checksums of their tensors.</param>
    /// <exception cref="InputException">There is neither, or the file is damaged.</exception>
    public TensorFile Open(string nameOrPath, bool acceptsEarlier = false)
    {
        if (File.Exists(nameOrPath) || Path.GetFileName(nameOrPath) != nameOrPath || Path.HasExtension(nameOrPath))
            return TensorFile.Open(nameOrPath, acceptsEarlier);
        if (Names.Contains(nameOrPath))
            return TensorFile.Open(nameOrPath, (UnmanagedMemoryStream)typeof(ShippedFiles).Assembly.GetManifestResourceStream(prefix + nameOrPath + Extension)!);
        var known = Names.Count > 0 ? $"shipped are {string.Join(", ", Names)}" : "none comes with this version";
        throw new InputException($"there is neither a file nor a shipped {kind} called '{nameOrPath}': {known}; or give the path of a file, such as mine{Extension}");
    }
}
