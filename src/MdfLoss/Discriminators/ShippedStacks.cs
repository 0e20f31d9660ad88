using Mdf.Weights;

namespace Mdf.Discriminators;

/// <summary>The trained stacks that come with the program, by their short names; the folder <c>models/stacks</c> holds them.</summary>
public static class ShippedStacks
{
    private const string StackPrefix = "mdf:"; // as a loss expression names a stack

    /// <summary>The short names, in alphabetical order, such as <c>jpeg</c>.</summary>
    public static IReadOnlyList<string> Names => Files.Names;

    /// <summary>Their files.</summary>
    internal static ShippedFiles Files { get; } = new(typeof(ShippedStacks).Assembly, "stacks/", "stack");

    /// <summary>The name of a stack without the <c>mdf:</c> that a loss expression has in front; a file of the whole name comes first.</summary>
    /// <param name="name">A short name, a path, or <c>mdf:</c> with either.</param>
    internal static string WithoutPrefix(string name) =>
        name.StartsWith(StackPrefix, StringComparison.Ordinal) && !File.Exists(name) ? name[StackPrefix.Length..] : name;
}
