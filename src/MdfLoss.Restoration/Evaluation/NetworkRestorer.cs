using Mdf.Distortions;
using Mdf.Networks;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>A network that restores images tile by tile (<see cref="TiledRestoration"/>).</summary>
internal sealed class NetworkRestorer : IRestorer
{
    private readonly RestorationNetwork _network;
    private readonly LoadedNetwork? _owned;

    /// <summary>Takes a network that the caller owns.</summary>
    /// <param name="name">The name in tables.</param>
    /// <param name="network">The network, in evaluation mode.</param>
    public NetworkRestorer(string name, RestorationNetwork network) => (Name, _network) = (name, network);

    /// <summary>Takes a network that was read from a file, and disposes of it in <see cref="Dispose"/>.</summary>
    /// <param name="name">The name in tables.</param>
    /// <param name="loaded">The network.</param>
    public NetworkRestorer(string name, LoadedNetwork loaded)
    {
        ArgumentNullException.ThrowIfNull(loaded);
        (Name, _network, _owned) = (name, loaded.Network, loaded);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <summary>The network.</summary>
    public RestorationNetwork Network => _network;

    /// <inheritdoc/>
    public int? Factor => _network.Factor;

    /// <inheritdoc/>
    public string? Task => _owned?.Task;

    /// <summary>Whether the weights are from another project, and the user gave the architecture.</summary>
    public bool IsForeign => _owned?.IsForeign == true;

    /// <summary>Whether the network is in training. Then <see cref="Restore"/> throws <see cref="DivergedException"/> if its output is not finite.</summary>
    public bool IsInTraining { get; init; }

    /// <inheritdoc/>
    public Tensor Restore(Tensor distorted, RestorationRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var restored = TiledRestoration.Run(_network, distorted, request.Tile, request.Progress, request.CancellationToken);
        return !IsInTraining || restored.isfinite().all().item<bool>()
            ? restored
            : throw new DivergedException("the training diverged: the network's output is infinite or NaN; try a lower learning rate");
    }

    /// <inheritdoc/>
    public void Dispose() => _owned?.Dispose();

    /// <summary>Reads a network for a task.</summary>
    /// <param name="name">The file, or the short name of a network.</param>
    /// <param name="setup">The input for creating a restorer.</param>
    /// <param name="shownAs">The name in tables. Default: <paramref name="name"/>.</param>
    internal static NetworkRestorer Load(string name, RestorerSetup setup, string? shownAs = null)
    {
        var loaded = NetworkFile.Load(name, setup.Architecture, setup.Warn);
        try
        {
            if (setup.Task is { } task)
                RequireFor(task, name, loaded);
            loaded.Network.to(setup.Device);
            return new NetworkRestorer(shownAs ?? name, loaded);
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    private static void RequireFor(Distortion task, string name, LoadedNetwork loaded)
    {
        // Pairs of files may have any distortion: a network trained on pairs is allowed for all tasks, and all networks are allowed for pairs. The task of
        // another project may be unknown.
        var recorded = loaded.Task is { } said ? Tasks.ReadRecorded(said) : ((string Kind, string Shown)?)null;
        var fits = recorded is not { Kind: var kind } || kind == task.Kind || kind == FilePairs.Name.Name || task is FilePairs;
        if (!fits || loaded.Network.Factor != task.Factor)
            throw new InputException($"'{name}' is a network {(recorded is { Shown: var shown } ? $"for the task {shown}" : "that keeps the size")}, expected one for {task.Task}");
    }
}
