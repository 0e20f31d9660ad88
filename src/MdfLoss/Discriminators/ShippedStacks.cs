using Mdf.Weights;

namespace Mdf.Discriminators;

/// <summary>The trained stacks that are shipped with the library, by short name. Their files are in the folder <c>models/stacks</c>.</summary>
public static class ShippedStacks
{
    private const string StackPrefix = "mdf:"; // the prefix of a stack in a loss expression

    /// <summary>The short names, in alphabetical order, such as <c>jpeg</c>.</summary>
    public static IReadOnlyList<string> Names => Files.Names;

    /// <summary>The files of the shipped stacks.</summary>
    internal static ShippedFiles Files { get; } = new(typeof(ShippedStacks).Assembly, "stacks/", "stack");

    /// <summary>Removes the prefix <c>mdf:</c> of a loss expression from the name of a stack. If a file has the whole name, the name is unchanged.</summary>
    /// <param name="name">A short name or a path, with or without <c>mdf:</c>.</param>
    internal static string WithoutPrefix(string name) =>
        name.StartsWith(StackPrefix, StringComparison.Ordinal) && !File.Exists(name) ? name[StackPrefix.Length..] : name;
}
