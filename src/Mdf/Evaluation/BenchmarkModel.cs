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

    private readonly Func<Tensor, Tensor> _restore;
    private readonly IDisposable? _owned;

    private BenchmarkModel(string name, Func<Tensor, Tensor> restore, IDisposable? owned = null) => (Name, _restore, _owned) = (name, restore, owned);

    /// <summary>What the model is called in tables.</summary>
    public string Name { get; }

    /// <summary>A network that is at hand already; it stays its owner's.</summary>
    /// <param name="name">What to call it.</param>
    /// <param name="network">The network, in evaluation mode.</param>
    public static BenchmarkModel Of(string name, RestorationNetwork network) => new(name, distorted => TiledRestoration.Run(network, distorted));

    /// <summary>Finds a model by its name.</summary>
    /// <param name="name"><see cref="Bicubic"/>, <see cref="Identity"/>, or a network file.</param>
    /// <param name="task">What it is to undo.</param>
    /// <param name="device">Where to compute.</param>
    /// <returns>The model, to be disposed of.</returns>
    /// <exception cref="InputException">The file is no network, or the model is for another task or factor.</exception>
    public static BenchmarkModel Load(string name, Distortion task, Device device)
    {
        ArgumentNullException.ThrowIfNull(task);
        switch (name)
        {
            case Bicubic when task.Factor > 1:
                // As MATLAB enlarges: that is what the literature's figures for bicubic are.
                return new BenchmarkModel(name, distorted => Resampler.BicubicScale(distorted, task.Factor, Border.Symmetric));
            case Bicubic:
                throw new InputException($"'{Bicubic}' enlarges and does nothing for the task {task.Task}: use '{Identity}'");
            case Identity when task.Factor == 1:
                return new BenchmarkModel(name, distorted => distorted.alias());
            case Identity:
                throw new InputException($"'{Identity}' keeps the size, and the task {task.Task} does not: use '{Bicubic}'");
        }

        var trained = NetworkFile.Load(name);
        try
        {
            // Files may show any artefact: what was trained on pairs is tried on all, and all are tried on pairs.
            var (kind, shown) = Distortion.ReadRecorded(trained.Metadata.Task);
            if (kind != task.Kind && kind != FilePairs.Name.Name && task is not FilePairs || trained.Network.Factor != task.Factor)
                throw new InputException($"'{name}' is a network for the task {shown}, expected one for {task.Task}");
            trained.Network.to(device);
            return new BenchmarkModel(name, distorted => TiledRestoration.Run(trained.Network, distorted), trained);
        }
        catch
        {
            trained.Dispose();
            throw;
        }
    }

    /// <summary>Restores an image.</summary>
    /// <param name="distorted">Shape <c>(1, 3, H, W)</c>.</param>
    /// <returns>Shape <c>(1, 3, H · factor, W · factor)</c>, not clamped, on the same device.</returns>
    public Tensor Restore(Tensor distorted) => _restore(distorted);

    /// <summary>Frees the network that <see cref="Load"/> has read.</summary>
    public void Dispose() => _owned?.Dispose();
}
