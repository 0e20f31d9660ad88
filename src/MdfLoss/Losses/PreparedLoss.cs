using Mdf.Runtime;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>A reconstruction loss against one reference; created by <see cref="ReconstructionLoss.Prepare"/>.</summary>
public sealed class PreparedLoss : nn.Module<Tensor, Tensor>
{
    private readonly ReferenceFeatures _features;
    private readonly Func<Tensor, Tensor> _compare;
    private bool _isDisposed;

    /// <summary>Takes over the features of a reference.</summary>
    /// <param name="name">The name of the loss.</param>
    /// <param name="features">The features. The prepared loss disposes of their tensors.</param>
    /// <param name="compare">Checks a restored image and computes its loss from the features.</param>
    internal PreparedLoss(string name, ReferenceFeatures features, Func<Tensor, Tensor> compare)
        : base(name)
    {
        _features = features;
        _compare = compare;
    }

    /// <summary>The memory of the reference's features, in bytes.</summary>
    public long FeatureBytes => _features.Tensors.Sum(feature => feature.numel() * feature.ElementSize);

    /// <summary>Computes the loss of a restored image.</summary>
    /// <param name="restored">The same shape, type and device as the reference.</param>
    /// <returns>The same value as <see cref="ReconstructionLoss.forward"/> for this image and the reference.</returns>
    /// <exception cref="ArgumentException">As for <see cref="ReconstructionLoss.forward"/>.</exception>
    /// <exception cref="InputException">As for <see cref="ReconstructionLoss.forward"/>.</exception>
    public override Tensor forward(Tensor restored)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        var values = _compare(restored);
        GC.KeepAlive(this);
        return values;
    }

    /// <summary>Frees the features of the reference. It does not dispose of the loss itself.</summary>
    /// <param name="disposing">Whether Dispose was called. False: the finalizer runs.</param>
    protected override void Dispose(bool disposing)
    {
        _isDisposed = true;
        if (disposing)
        {
            foreach (var feature in _features.Tensors)
                feature.Dispose();
        }

        base.Dispose(disposing);
    }
}
