using System.Globalization;
using Mdf.Distortions;
using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Networks;

/// <summary>
/// Reads and writes network files: safetensors with the architecture of the network in the metadata, so that the file is complete. Weights that other projects
/// published are read into a network of a given architecture.
/// </summary>
public static class NetworkFile
{
    private const int MostShown = 5;

    // BasicSR saves the trained weights as params and their moving average as params_ema; others save one of the two as state_dict.
    private static readonly string[] s_states = ["params_ema.", "params.", "state_dict."];

    // Prefixes of all names: from PyTorch's DataParallel, and from a network within a module.
    private static readonly string[] s_wrappers = ["module.", "net."];

    /// <summary>Writes a network and everything that is needed to use it.</summary>
    /// <param name="path">A <c>.safetensors</c> file.</param>
    /// <param name="network">The network, on any device. It is not changed.</param>
    /// <param name="metadata">The metadata of the file, for the architecture of the network.</param>
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
    /// <returns>The network in evaluation mode, without gradients for its weights, on the CPU, and the metadata of the file.</returns>
    /// <exception cref="InputException">The file is missing, is corrupt, or is not a network of this program.</exception>
    public static TrainedNetwork Load(string path)
    {
        using var file = ShippedNetworks.Files.Open(path);
        var metadata = NetworkMetadata.Read(file.Metadata, path) ?? throw new InputException(
            $"'{path}': expected a network file of this program, found weights without their architecture: name the network that they belong to, such as edsr?factor=4").With(Remedy.NameNetwork);
        return Read(file, metadata);
    }

    /// <summary>Reads a network of this program, or weights that another project published, in the forms that <see cref="LoadWeights"/> accepts.</summary>
    /// <param name="path">A safetensors or PyTorch file, or the short name of one of <see cref="ShippedNetworks"/>.</param>
    /// <param name="architecture">The architecture of the network in a file of another project; null if there is no such file.</param>
    /// <param name="warn">Takes one line about the tensors of another project's file that were ignored.</param>
    /// <returns>The network in evaluation mode, without gradients for its weights, on the CPU.</returns>
    /// <exception cref="InputException">The file is missing, is corrupt, or has another architecture; or its architecture is unknown.</exception>
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
        // The task of a network that upscales is super-resolution. The weights of other networks do not show their task.
        return new LoadedNetwork(
            Ready(architecture, network => SetPublished(file, network, warn)),
            architecture.Factor > 1 ? string.Create(CultureInfo.InvariantCulture, $"sisr:{architecture.Factor}") : null,
            isForeign: true);
    }

    /// <summary>
    /// Sets a network's weights from a file of this program, or from one that BasicSR, KAIR or the network's authors published. If a file of BasicSR contains
    /// two sets of weights, the moving average is used.
    /// </summary>
    /// <param name="path">A safetensors or PyTorch file, or the short name of one of <see cref="ShippedNetworks"/>.</param>
    /// <param name="network">A network of the file's architecture, on any device. It is unchanged if the file is refused.</param>
    /// <param name="warn">Takes one line about the scalars of another project's file that were ignored because the network has no such tensors.</param>
    /// <exception cref="InputException">The file is missing, is corrupt, or has another architecture.</exception>
    public static void LoadWeights(string path, RestorationNetwork network, Action<string>? warn = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        using var file = ShippedNetworks.Files.Open(path);
        if (NetworkMetadata.Read(file.Metadata, path) is not { } metadata)
            SetPublished(file, network, warn);
        else if (metadata.Architecture.ToString() != network.Architecture.ToString())
            throw new InputException($"'{path}': expected the weights of {network.Architecture}, found those of {metadata.Architecture}: build that network");
        else
            ModuleWeights.Load(network, file.Tensors, path);
    }

    /// <summary>Writes another project's weights as a network file of this program.</summary>
    /// <param name="inputPath">A safetensors or PyTorch file, in the forms that <see cref="LoadWeights"/> accepts.</param>
    /// <param name="outputPath">The file to write; its name ends in <c>.safetensors</c>.</param>
    /// <param name="architecture">The architecture of the network.</param>
    /// <param name="task">The task that it undoes, such as <c>denoise:25</c>. Null, for a network that upscales: <c>sisr</c> with its factor.</param>
    /// <param name="warn">Takes one line about the tensors of the file that were ignored.</param>
    /// <returns>The number of tensors in the output.</returns>
    /// <exception cref="InputException">
    /// The input cannot be used, or is already a network file of this program; the task is missing or does not fit the network; or the output cannot be written.
    /// </exception>
    public static int Convert(string inputPath, string outputPath, NetworkArchitecture architecture, string? task, Action<string>? warn = null)
    {
        ArgumentNullException.ThrowIfNull(architecture);
        if (WeightConversion.FormatOf(outputPath) != TensorFileFormat.Safetensors)
            throw new InputException($"cannot convert to '{outputPath}': expected a network file's name to end in .safetensors");
        using var loaded = Load(inputPath, architecture, warn);
        WeightConversion.RequireDifferent(inputPath, outputPath);
        if (!loaded.IsForeign)
            throw new InputException($"'{inputPath}' is a network file of this program already ({loaded.Network.Architecture}): convert it without naming a network").With(Remedy.OmitNetwork);
        if ((task ?? loaded.Task) is not { } undone)
            throw new InputException($"'{inputPath}': expected a task for the network '{architecture.Name}', since its weights do not record one: name it, such as denoise:25").With(Remedy.NameTask);
        if (Tasks.ParseForNetwork(undone).Factor != architecture.Factor)
            throw new InputException($"cannot convert '{inputPath}': expected a task that enlarges as the network does, found {undone} for {architecture}");
        Save(outputPath, loaded.Network, new NetworkMetadata { Architecture = architecture, Task = undone });
        return loaded.Network.state_dict().Count;
    }

    private static TrainedNetwork Read(TensorFile file, NetworkMetadata metadata)
    {
        // The claims of the metadata are checked against the tensors in the file before memory is allocated.
        var held = file.Tensors.Values.Sum(stored => stored.Count);
        var needed = metadata.Architecture.CountParameters();
        if (held < needed)
            throw new InputException($"'{file.Path}': expected {needed} numbers for {metadata.Architecture}, as its metadata says, found {held}: the file is corrupt; download it again");
        return new TrainedNetwork(Ready(metadata.Architecture, network => ModuleWeights.Load(network, file.Tensors, file.Path)), metadata);
    }

    /// <summary>Creates a network, sets its weights, and prepares it for restoring images.</summary>
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

    /// <summary>Returns the weights under the names in the network itself, without prefixes.</summary>
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
