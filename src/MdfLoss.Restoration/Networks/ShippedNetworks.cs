using Mdf.Discriminators;
using Mdf.Runtime;
using Mdf.Weights;

namespace Mdf.Networks;

/// <summary>The trained networks that come with the program, by their short names. <c>models/README.md</c> describes the training of each.</summary>
internal static class ShippedNetworks
{
    /// <summary>The short names, in alphabetical order, such as <c>jpeg</c>.</summary>
    public static IReadOnlyList<string> Names => Files.Names;

    /// <summary>The files of the networks.</summary>
    internal static ShippedFiles Files { get; } = new(typeof(ShippedNetworks).Assembly, "models/", "network");

    /// <summary>Opens the file with a short name, of a network or of a stack: <c>jpeg</c> is a network, <c>mdf:jpeg</c> a stack, as in a loss expression.</summary>
    /// <param name="nameOrPath">A short name, a path, or <c>mdf:</c> with either.</param>
    /// <param name="acceptsEarlier">Whether to accept files in our earlier formats, which have no checksums of their tensors.</param>
    /// <exception cref="InputException">There is no such file, or it is corrupt.</exception>
    internal static TensorFile OpenAny(string nameOrPath, bool acceptsEarlier = false)
    {
        var stack = ShippedStacks.WithoutPrefix(nameOrPath);
        return stack == nameOrPath ? Files.Open(nameOrPath, acceptsEarlier) : ShippedStacks.Files.Open(stack, acceptsEarlier);
    }
}
