using static TorchSharp.torch;

namespace Mdf.Experiments;

/// <summary>The photographs of the demonstration: RGB, <c>(1, 3, H, W)</c> in [0, 1], on the device to compute on.</summary>
/// <param name="Photo">The only photograph on which the loss is trained.</param>
/// <param name="Sha256">The SHA-256 of its file.</param>
/// <param name="Second">The second photograph for the training of the networks.</param>
/// <param name="Unseen">The photograph that the networks restore. Nothing is trained on it.</param>
internal sealed record DemoPhotographs(Tensor Photo, string Sha256, Tensor Second, Tensor Unseen);
