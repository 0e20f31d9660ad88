using static TorchSharp.torch;

namespace Mdf.Losses.Frozen;

/// <summary>A reference's features, in a form that only the distance reads that computed them.</summary>
/// <param name="Tensors">The features.</param>
/// <param name="Tiles">How the image was divided.</param>
internal sealed record FrozenFeatures(IReadOnlyList<Tensor> Tensors, IReadOnlyList<Tile> Tiles);
