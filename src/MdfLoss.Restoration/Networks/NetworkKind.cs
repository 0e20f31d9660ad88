using static TorchSharp.torch;

namespace Mdf.Networks;

/// <summary>The entry of a network in the table <c>Architectures</c>.</summary>
internal sealed record NetworkKind
{
    /// <summary>The short name, in lower case.</summary>
    public required string Name { get; init; }

    /// <summary>The upscaling factors that it supports, ascending; only 1 if the size does not change.</summary>
    public required IReadOnlyList<int> Factors { get; init; }

    /// <summary>Its options.</summary>
    public required IReadOnlyList<NetworkOption> Options { get; init; }

    /// <summary>Creates the network on a device. The caller must set its weights.</summary>
    public required Func<NetworkArchitecture, Device, RestorationNetwork> Create { get; init; }

    /// <summary>Whether it makes the image larger.</summary>
    public bool Upscales => Factors is not [1];
}
