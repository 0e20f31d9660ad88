using static TorchSharp.torch;

namespace Mdf.Networks;

/// <summary>A network's entry in the table of <see cref="NetworkArchitecture"/>.</summary>
internal sealed record NetworkKind
{
    /// <summary>The short name, in lower case.</summary>
    public required string Name { get; init; }

    /// <summary>The upscaling factors it can have, ascending; only 1 where the size stays.</summary>
    public required IReadOnlyList<int> Factors { get; init; }

    /// <summary>Its options.</summary>
    public required IReadOnlyList<NetworkOption> Options { get; init; }

    /// <summary>Makes the network on a device, with weights yet to be set.</summary>
    public required Func<NetworkArchitecture, Device, RestorationNetwork> Create { get; init; }

    /// <summary>Whether it makes the image larger.</summary>
    public bool Upscales => Factors is not [1];
}
