using System.Globalization;
using Mdf.Distortions;
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
    private const int MostShown = 5;

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
            $"'{path}': expected a network file of this program, found weights without their architecture: name the network that they belong to, such as --network edsr?factor=4");
        return Read(file, metadata);
    }

    /// <summary>Reads a network of this program, or weights that another project published, as <see cref="LoadWeights"/> takes them.</summary>
    /// <param name="path">A safetensors or PyTorch file, or the short name of one of <see cref="ShippedNetworks"/>.</param>
    /// <param name="architecture">What the network of another project's file is built as; null where there is none.</param>
    /// <param name="warn">Told in one line what of another project's file was passed over.</param>
    /// <returns>The network in evaluation mode, without gradients for its weights, on the CPU.</returns>
    /// <exception cref="InputException">The file is missing, damaged, or belongs to another architecture; or nothing says its architecture.</exception>
    internal static LoadedNetwork Load(string path, NetworkArchitecture? architecture, Action<string>? warn = null)
    {
        if (architecture is null)
        {
            var trained = Load(path);
            return new LoadedNetwork(trained.Network, trained.Metadata.Task, isForeign: false);
        }

        using var file = ShippedNetworks.Files.Open(path);
        if (NetworkMetadata.Read(file.Metadata, path) is { } metadata)
            return new LoadedNetwork(Read(file, metadata).Network, metadata.Task, isForeign: false);
        // A network that upscales undoes nothing else; what the others undo, their weights do not tell.
        return new LoadedNetwork(
            Ready(architecture, network => SetPublished(file, network, warn)),
            architecture.Factor > 1 ? string.Create(CultureInfo.InvariantCulture, $"sisr:{architecture.Factor}") : null,
            isForeign: true);
    }

    /// <summary>
    /// Sets a network's weights from a file of this program, or from one that BasicSR, KAIR or the network's authors published. Where BasicSR's holds
    /// two sets of weights, the moving average is taken.
    /// </summary>
    /// <param name="path">A safetensors or PyTorch file, or the short name of one of <see cref="ShippedNetworks"/>.</param>
    /// <param name="network">A network of the file's architecture, on any device. It is unchanged when the file is refused.</param>
    /// <param name="warn">Told in one line which scalars of another project's file were passed over, since the network has no such tensors.</param>
    /// <exception cref="InputException">The file is missing, damaged, or belongs to another architecture.</exception>
    public static void LoadWeights(string path, RestorationNetwork network, Action<string>? warn = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        using var file = ShippedNetworks.Files.Open(path);
        if (NetworkMetadata.Read(file.Metadata, path) is not { } metadata)
            SetPublished(file, network, warn);
        else if (metadata.Architecture.ToString() != network.Architecture.ToString())
            throw new InputException($"'{path}': expected the weights of {network.Architecture}, found those of {metadata.Architecture}: build the network as that");
        else
            ModuleWeights.Load(network, file.Tensors, path);
    }

    /// <summary>Writes another project's weights as a network file of this program.</summary>
    /// <param name="inputPath">A safetensors or PyTorch file, as <see cref="LoadWeights"/> takes them.</param>
    /// <param name="outputPath">The file to write; its name ends in <c>.safetensors</c>.</param>
    /// <param name="architecture">What the network is built as.</param>
    /// <param name="task">What it undoes, such as <c>denoise:25</c>; null for <c>sisr</c> of the factor of a network that upscales.</param>
    /// <param name="warn">Told in one line what of the file was passed over.</param>
    /// <returns>The number of tensors in the output.</returns>
    /// <exception cref="InputException">
    /// The input cannot be used, or is a network file of this program already; the task is missing or does not fit the network; or the output cannot be written.
    /// </exception>
    public static int Convert(string inputPath, string outputPath, NetworkArchitecture architecture, string? task, Action<string>? warn = null)
    {
        ArgumentNullException.ThrowIfNull(architecture);
        if (WeightConversion.FormatOf(outputPath) != TensorFileFormat.Safetensors)
            throw new InputException($"cannot convert to '{outputPath}': expected a network file's name to end in .safetensors");
        using var loaded = Load(inputPath, architecture, warn);
        WeightConversion.RequireDifferent(inputPath, outputPath);
        if (!loaded.IsForeign)
            throw new InputException($"'{inputPath}' is a network file of this program already ({loaded.Network.Architecture}): leave out --network to convert it to PyTorch");
        if ((task ?? loaded.Task) is not { } undone)
            throw new InputException($"'{inputPath}': expected the task of the network '{architecture.Name}', which its weights do not tell: give it with --task, such as --task denoise:25");
        if (Distortion.ParseForNetwork(undone).Factor != architecture.Factor)
            throw new InputException($"cannot convert '{inputPath}': expected a task that enlarges as the network does, found {undone} for {architecture}");
        Save(outputPath, loaded.Network, new NetworkMetadata { Architecture = architecture, Task = undone });
        return loaded.Network.state_dict().Count;
    }

    private static TrainedNetwork Read(TensorFile file, NetworkMetadata metadata)
    {
        // What the metadata claim is held against what is there before memory is taken for it.
        var held = file.Tensors.Values.Sum(stored => stored.Count);
        var needed = metadata.Architecture.ParameterCount;
        if (held < needed)
            throw new InputException($"'{file.Path}': expected {needed} numbers for {metadata.Architecture}, as its metadata says, found {held}: the file is damaged");
        return new TrainedNetwork(Ready(metadata.Architecture, network => ModuleWeights.Load(network, file.Tensors, file.Path)), metadata);
    }

    /// <summary>A new network with its weights set, to restore with.</summary>
    private static RestorationNetwork Ready(NetworkArchitecture architecture, Action<RestorationNetwork> setWeights)
    {
        var network = architecture.CreateNetwork(CPU);
        try
        {
            setWeights(network);
            network.eval();
            foreach (var parameter in network.parameters())
                parameter.requires_grad_(false);
            return network;
        }
        catch
        {
            network.Dispose();
            throw;
        }
    }

    private static void SetPublished(TensorFile file, RestorationNetwork network, Action<string>? warn)
    {
        var (tensors, leftOut) = ModuleWeights.WithoutUnknownScalars(network, network.FromPublished(Unwrap(file.Tensors), file.Path));
        ModuleWeights.Load(network, tensors, file.Path);
        if (leftOut.Count > 0)
            warn?.Invoke($"'{file.Path}': passed over {string.Join(", ", leftOut.Take(MostShown).Select(Untrusted.Quote))}{(leftOut.Count > MostShown ? ", …" : "")}, which the network does not have");
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
