namespace Mdf.Networks;

/// <summary>A network that is ready to restore, of this program or of another project.</summary>
/// <param name="network">The network, which this owns from here on: in evaluation mode, no gradients for its weights, on the CPU.</param>
/// <param name="task">What it undoes, such as <c>sisr:4</c>; null if unknown.</param>
/// <param name="isForeign">Whether the file is another project's.</param>
internal sealed class LoadedNetwork(RestorationNetwork network, string? task, bool isForeign) : IDisposable
{
    /// <summary>The network: in evaluation mode, no gradients for its weights.</summary>
    public RestorationNetwork Network { get; } = network;

    /// <summary>
    /// What it undoes, such as <c>sisr:4</c>: as its file says; for another project's the super-resolution by its factor, null where it keeps the size,
    /// since the weights do not tell noise from JPEG artefacts.
    /// </summary>
    public string? Task { get; } = task;

    /// <summary>Whether the file is another project's, and so does not say what the network is built as.</summary>
    public bool IsForeign { get; } = isForeign;

    /// <summary>Disposes the network.</summary>
    public void Dispose() => Network.Dispose();
}
