using static TorchSharp.torch;

namespace Mdf.Losses.Frozen;

/// <summary>The features of a reference. Only the distance that computed them can read their form.</summary>
/// <param name="Tensors">The features.</param>
/// <param name="Tiles">The tiles of the image.</param>
internal sealed record FrozenFeatures(IReadOnlyList<Tensor> Tensors, IReadOnlyList<Tile> Tiles);
