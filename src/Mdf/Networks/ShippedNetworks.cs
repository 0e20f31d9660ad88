using Mdf.Weights;

namespace Mdf.Networks;

/// <summary>The trained networks that come with the program, by their short names; <c>models/README.md</c> says how each was trained.</summary>
public static class ShippedNetworks
{
    /// <summary>The short names, in alphabetical order, such as <c>jpeg</c>.</summary>
    public static IReadOnlyList<string> Names => Files.Names;

    /// <summary>Their files.</summary>
    internal static ShippedFiles Files => ShippedFiles.Networks;
}
