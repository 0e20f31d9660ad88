using Mdf.Weights;

namespace Mdf.Discriminators;

/// <summary>The trained stacks that come with the program, by their short names; the folder <c>models/stacks</c> holds them.</summary>
public static class ShippedStacks
{
    /// <summary>The short names, in alphabetical order, such as <c>jpeg</c>.</summary>
    public static IReadOnlyList<string> Names => Files.Names;

    /// <summary>Their files.</summary>
    internal static ShippedFiles Files => ShippedFiles.Stacks;
}
