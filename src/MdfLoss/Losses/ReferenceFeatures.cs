using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>What a loss found in a reference, and how to compare a restored image with it.</summary>
/// <param name="Tensors">Every tensor that <paramref name="Compare"/> uses, so that a prepared loss can keep them.</param>
/// <param name="Compare">
/// Maps a restored image <c>(N, 3, H, W)</c> to its values: shape <c>(N)</c>, or a scalar for a loss that has one value for the
/// whole batch. Differentiable.
/// </param>
public sealed record ReferenceFeatures(IReadOnlyList<Tensor> Tensors, Func<Tensor, Tensor> Compare);
