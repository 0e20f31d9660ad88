using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>The tensors that a loss has computed from a reference, and the function that compares a restored image with them.</summary>
/// <param name="Tensors">All tensors that <paramref name="Compare"/> uses. A prepared loss keeps them.</param>
/// <param name="Compare">
/// Maps a restored image <c>(N, 3, H, W)</c> to its values: shape <c>(N)</c>, or a scalar for a loss that has one value for the
/// whole batch. Differentiable.
/// </param>
public sealed record ReferenceFeatures(IReadOnlyList<Tensor> Tensors, Func<Tensor, Tensor> Compare);
