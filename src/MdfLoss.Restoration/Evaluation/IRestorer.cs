using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Evaluation;

/// <summary>Restores images: a network, resampling, files of results, a program, or a restorer of a plugin. <see cref="Restorers"/> finds one by its name.</summary>
public interface IRestorer : IDisposable
{
    /// <summary>The name in tables.</summary>
    string Name { get; }

    /// <summary>The ratio of the restored image's size to the distorted image's size; null if only the results show it.</summary>
    int? Factor { get; }

    /// <summary>The task that it undoes, such as <c>jpeg:10</c>; null if the task is unknown, or if it undoes any task.</summary>
    string? Task => null;

    /// <summary>Restores an image.</summary>
    /// <param name="distorted">Shape <c>(1, 3, H, W)</c>, floating point, nominally in [0, 1]. The method must not change it.</param>
    /// <param name="request">The name of the image, the tile, and the cancellation.</param>
    /// <returns>A new tensor, <c>(1, 3, H · factor, W · factor)</c>, not clamped, on the same device.</returns>
    /// <exception cref="InputException">The image cannot be restored; the message gives the reason.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    Tensor Restore(Tensor distorted, RestorationRequest request);
}

/// <summary>The input of a restorer in addition to the pixels.</summary>
public sealed record RestorationRequest
{
    /// <summary>The image's name: the name of its file, without folder and extension.</summary>
    public required string Image { get; init; }

    /// <summary>The side of a tile, for a restorer that divides images. Default: the restorer chooses it.</summary>
    public int? Tile { get; init; }

    /// <summary>Takes reports about the progress of the image.</summary>
    public IProgress<ProgressUpdate>? Progress { get; init; }

    /// <summary>Stops the work.</summary>
    public CancellationToken CancellationToken { get; init; }
}
