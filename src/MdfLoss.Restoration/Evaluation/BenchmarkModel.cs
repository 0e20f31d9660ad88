using Mdf.Distortions;
using Mdf.Imaging;
using Mdf.Networks;
using Mdf.Runtime;
using TorchSharp;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>What restores the images of a benchmark: a network, or nothing but resampling to compare it with.</summary>
public sealed class BenchmarkModel : IDisposable
{
    /// <summary>The name of bicubic upscaling, for super-resolution.</summary>
    public const string Bicubic = "bicubic";

    /// <summary>The name of doing nothing, for tasks that keep the size.</summary>
    public const string Identity = "identity";

    private readonly Func<Tensor, CancellationToken, Tensor> _restore;
    private readonly LoadedNetwork? _owned;

    private BenchmarkModel(string name, Func<Tensor, CancellationToken, Tensor> restore, LoadedNetwork? owned = null) =>
        (Name, _restore, _owned, IsForeign) = (name, restore, owned, owned?.IsForeign == true);

    /// <summary>What the model is called in tables.</summary>
    public string Name { get; }

    /// <summary>Whether it is another project's weights, in a network whose architecture was given.</summary>
    public bool IsForeign { get; }

    /// <summary>A network that is being trained; the caller keeps ownership. Restoring throws <see cref="DivergedException"/> where its output is not finite.</summary>
    /// <param name="name">What to call it.</param>
    /// <param name="network">The network, in evaluation mode.</param>
    public static BenchmarkModel Of(string name, RestorationNetwork network)
    {
        var restore = Tiles(network);
        return new BenchmarkModel(name, (distorted, cancellation) =>
        {
            var restored = restore(distorted, cancellation);
            return restored.isfinite().all().item<bool>() ? restored : throw new DivergedException("the training diverged: the network's output is infinite or NaN; try a lower learning rate");
        });
    }

    /// <summary>Finds a model by its name.</summary>
    /// <param name="name"><see cref="Bicubic"/>, <see cref="Identity"/>, or a network file.</param>
    /// <param name="task">What it is to undo.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="architecture">What the network of another project's file is built as; null where there is none.</param>
    /// <param name="warn">Told in one line what of another project's file was passed over.</param>
    /// <returns>The model, to be disposed of.</returns>
    /// <exception cref="InputException">The file is no network, or the model is for another task or factor.</exception>
    public static BenchmarkModel Load(string name, Distortion task, Device device, NetworkArchitecture? architecture = null, Action<string>? warn = null)
    {
        ArgumentNullException.ThrowIfNull(task);
        switch (name)
        {
            case Bicubic when task.Factor > 1:
                // As MATLAB enlarges: that is what the literature's figures for bicubic are.
                return new BenchmarkModel(name, (distorted, _) => Resampler.BicubicScale(distorted, task.Factor, Border.Symmetric));
            case Bicubic:
                throw new InputException($"'{Bicubic}' enlarges and does nothing for the task {task.Task}: use '{Identity}'");
            case Identity when task.Factor == 1:
                return new BenchmarkModel(name, (distorted, _) => distorted.alias());
            case Identity:
                throw new InputException($"'{Identity}' keeps the size, and the task {task.Task} does not: use '{Bicubic}'");
        }

        var loaded = NetworkFile.Load(name, architecture, warn);
        try
        {
            // Files may show any artefact: a network trained on pairs is tried on all tasks, and all networks are tried on pairs. Another project's task may be unknown.
            var recorded = loaded.Task is { } said ? Distortion.ReadRecorded(said) : ((string Kind, string Shown)?)null;
            var fits = recorded is not { Kind: var kind } || kind == task.Kind || kind == FilePairs.Name.Name || task is FilePairs;
            if (!fits || loaded.Network.Factor != task.Factor)
                throw new InputException($"'{name}' is a network {(recorded is { Shown: var shown } ? $"for the task {shown}" : "that keeps the size")}, expected one for {task.Task}");
            loaded.Network.to(device);
            return new BenchmarkModel(name, Tiles(loaded.Network), loaded);
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    /// <summary>Restores an image; a network does so tile by tile (<see cref="TiledRestoration"/>).</summary>
    /// <param name="distorted">Shape <c>(1, 3, H, W)</c>.</param>
    /// <param name="cancellation">Ends it between two tiles.</param>
    /// <returns>Shape <c>(1, 3, H · factor, W · factor)</c>, not clamped, on the same device.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public Tensor Restore(Tensor distorted, CancellationToken cancellation = default) => _restore(distorted, cancellation);

    /// <summary>Frees the network that <see cref="Load"/> has read.</summary>
    public void Dispose() => _owned?.Dispose();

    private static Func<Tensor, CancellationToken, Tensor> Tiles(RestorationNetwork network) =>
        (distorted, cancellation) => TiledRestoration.Run(network, distorted, cancellation: cancellation);
}
