namespace Mdf.Networks;

/// <summary>A network that is ready to restore images, and the metadata of its file.</summary>
/// <param name="network">The network, in evaluation mode, without gradients for its weights, on the CPU. This object then owns it.</param>
/// <param name="metadata">The metadata of its file.</param>
public sealed class TrainedNetwork(RestorationNetwork network, NetworkMetadata metadata) : IDisposable
{
    /// <summary>The network, in evaluation mode, without gradients for its weights.</summary>
    public RestorationNetwork Network { get; } = network;

    /// <summary>The metadata of its file.</summary>
    public NetworkMetadata Metadata { get; } = metadata;

    /// <summary>Disposes the network.</summary>
    public void Dispose() => Network.Dispose();
}
