using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Networks;

/// <summary>
/// A network file: safetensors with the network's architecture in the metadata, so that it needs nothing else. Weights that other projects
/// published go into a network that is built beforehand.
/// </summary>
public static class NetworkFile
{
    // BasicSR saves the trained weights as params and their moving average as params_ema; others save one of them as state_dict.
    private static readonly string[] s_states = ["params_ema.", "params.", "state_dict."];

    // What stands before all names: PyTorch's DataParallel, and a network within a module.
    private static readonly string[] s_wrappers = ["module.", "net."];

    /// <summary>Writes a network and all that is needed to use it.</summary>
    /// <param name="path">A <c>.safetensors</c> file.</param>
    /// <param name="network">The network, on any device; it is not changed.</param>
    /// <param name="metadata">What the file is to say; of the network's architecture.</param>
    /// <exception cref="ArgumentException">The metadata describe another architecture.</exception>
    /// <exception cref="InputException">The path cannot be written.</exception>
    public static void Save(string path, RestorationNetwork network, NetworkMetadata metadata)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(metadata);
        if (metadata.Architecture.ToString() != network.Architecture.ToString())
            throw new ArgumentException($"expected metadata for {network.Architecture}, found {metadata.Architecture}", nameof(metadata));
        SafetensorsFormat.Write(path, ModuleWeights.Save(network), metadata.ToDictionary());
    }

    /// <summary>Reads a network.</summary>
    /// <param name="path">A file that <see cref="Save"/> wrote, or the short name of one of <see cref="ShippedNetworks"/>.</param>
    /// <returns>The network in evaluation mode, without gradients for its weights, on the CPU, and what the file says about it.</returns>
    /// <exception cref="InputException">The file is missing, damaged, or not a network of this program.</exception>
    public static TrainedNetwork Load(string path)
    {
        using var file = ShippedNetworks.Files.Open(path);
        var metadata = NetworkMetadata.Read(file.Metadata, path) ?? throw new InputException(
            $"'{path}': expected a network file of this program, found weights without their architecture: build the network they belong to, such as edsr?factor=4, and load them into it");
        // What the metadata claim is held against what is there before memory is taken for it.
        var held = file.Tensors.Values.Sum(stored => stored.Count);
        var needed = metadata.Architecture.ParameterCount;
        if (held < needed)
            throw new InputException($"'{path}': expected {needed} numbers for {metadata.Architecture}, as its metadata says, found {held}: the file is damaged");

        var network = metadata.Architecture.CreateNetwork(CPU);
        try
        {
            ModuleWeights.Load(network, file.Tensors, path);
            network.eval();
            foreach (var parameter in network.parameters())
                parameter.requires_grad_(false);
            return new TrainedNetwork(network, metadata);
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Sets a network's weights from a file of this program, or from one that BasicSR, KAIR or the network's authors published. Where BasicSR's holds
    /// two sets of weights, the moving average is taken.
    /// </summary>
    /// <param name="path">A safetensors or PyTorch file.</param>
    /// <param name="network">A network of the file's architecture, on any device. It is unchanged when the file is refused.</param>
    /// <exception cref="InputException">The file is missing, damaged, or belongs to another architecture.</exception>
    public static void LoadWeights(string path, RestorationNetwork network)
    {
        ArgumentNullException.ThrowIfNull(network);
        using var file = TensorFile.Open(path);
        var metadata = NetworkMetadata.Read(file.Metadata, path);
        if (metadata is not null && metadata.Architecture.ToString() != network.Architecture.ToString())
            throw new InputException($"'{path}': expected the weights of {network.Architecture}, found those of {metadata.Architecture}: build the network as that");
        ModuleWeights.Load(network, metadata is null ? network.FromPublished(Unwrap(file.Tensors), path) : file.Tensors, path);
    }

    /// <summary>The weights alone, under the names that the network has by itself.</summary>
    private static IReadOnlyDictionary<string, StoredTensor> Unwrap(IReadOnlyDictionary<string, StoredTensor> tensors)
    {
        if (Array.Find(s_states, state => tensors.Keys.Any(name => name.StartsWith(state, StringComparison.Ordinal))) is { } found)
            tensors = Behind(found, tensors);
        while (tensors.Count > 0 && Array.Find(s_wrappers, wrapper => tensors.Keys.All(name => name.StartsWith(wrapper, StringComparison.Ordinal))) is { } wrapper)
            tensors = Behind(wrapper, tensors);
        return tensors;
    }

    private static Dictionary<string, StoredTensor> Behind(string prefix, IReadOnlyDictionary<string, StoredTensor> tensors) => tensors
        .Where(entry => entry.Key.StartsWith(prefix, StringComparison.Ordinal))
        .ToDictionary(entry => entry.Key[prefix.Length..], entry => entry.Value, StringComparer.Ordinal);
}
