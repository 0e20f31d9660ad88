using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>What restores images: a network, resampling, files of results, a program, or something of a plugin. <see cref="Restorers"/> finds one by its name.</summary>
public interface IRestorer : IDisposable
{
    /// <summary>What it is called in tables.</summary>
    string Name { get; }

    /// <summary>The restored image's size by the distorted one's; null where only its results tell.</summary>
    int? Factor { get; }

    /// <summary>The task that it undoes, such as <c>jpeg:10</c>; null where that is unknown, or it undoes any.</summary>
    string? Task => null;

    /// <summary>Restores an image.</summary>
    /// <param name="distorted">Shape <c>(1, 3, H, W)</c>, floating point, nominally in [0, 1]; it must not be changed.</param>
    /// <param name="request">Which image it is, and when to stop.</param>
    /// <returns>A tensor of its own, <c>(1, 3, H · factor, W · factor)</c>, not clamped, on the same device.</returns>
    /// <exception cref="InputException">The image cannot be restored so; the message says why.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    Tensor Restore(Tensor distorted, RestorationRequest request);
}

/// <summary>What a restorer is told besides the pixels.</summary>
public sealed record RestorationRequest
{
    /// <summary>The image's name: its file's, without folder and extension.</summary>
    public required string Image { get; init; }

    /// <summary>The side of a tile for a restorer that divides images; it chooses where this is null.</summary>
    public int? Tile { get; init; }

    /// <summary>Told how far the image is.</summary>
    public IProgress<ProgressUpdate>? Progress { get; init; }

    /// <summary>Ends the work.</summary>
    public CancellationToken CancellationToken { get; init; }
}
