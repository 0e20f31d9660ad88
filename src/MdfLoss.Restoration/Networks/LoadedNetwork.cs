namespace Mdf.Networks;

/// <summary>A network that is ready to restore images, from this program or from another project.</summary>
/// <param name="network">The network, in evaluation mode, without gradients for its weights, on the CPU. This object then owns it.</param>
/// <param name="task">The task that it undoes, such as <c>sisr:4</c>; null if unknown.</param>
/// <param name="isForeign">Whether the file is from another project.</param>
internal sealed class LoadedNetwork(RestorationNetwork network, string? task, bool isForeign) : IDisposable
{
    /// <summary>The network, in evaluation mode, without gradients for its weights.</summary>
    public RestorationNetwork Network { get; } = network;

    /// <summary>
    /// The task that it undoes, such as <c>sisr:4</c>, from its file. For a file of another project it is super-resolution by the factor of the network. It is
    /// null if such a network keeps the size, because the weights do not show whether they remove noise or JPEG artefacts.
    /// </summary>
    public string? Task { get; } = task;

    /// <summary>Whether the file is from another project. Such a file does not contain the architecture.</summary>
    public bool IsForeign { get; } = isForeign;

    /// <summary>Disposes the network.</summary>
    public void Dispose() => Network.Dispose();
}
