namespace Mdf.Networks;

/// <summary>A network that is ready to restore, and what its file says about it.</summary>
/// <param name="network">The network, which this owns from here on: in evaluation mode, no gradients for its weights, on the CPU.</param>
/// <param name="metadata">What its file says.</param>
public sealed class TrainedNetwork(RestorationNetwork network, NetworkMetadata metadata) : IDisposable
{
    /// <summary>The network: in evaluation mode, no gradients for its weights.</summary>
    public RestorationNetwork Network { get; } = network;

    /// <summary>What its file says.</summary>
    public NetworkMetadata Metadata { get; } = metadata;

    /// <summary>Disposes the network.</summary>
    public void Dispose() => Network.Dispose();
}
