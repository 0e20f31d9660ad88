using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>A reconstruction loss against one reference; created by <see cref="ReconstructionLoss.Prepare"/>.</summary>
public sealed class PreparedLoss : nn.Module<Tensor, Tensor>
{
    private readonly ReconstructionLoss _loss;
    private readonly ReferenceFeatures _features;
    private readonly ReconstructionLoss.ImageKind _reference;
    private bool _isDisposed;

    internal PreparedLoss(ReconstructionLoss loss, ReferenceFeatures features, ReconstructionLoss.ImageKind reference)
        : base(loss.GetName())
    {
        _loss = loss;
        _features = features;
        _reference = reference;
    }

    /// <summary>The memory of the reference's features, in bytes.</summary>
    public long FeatureBytes => _features.Tensors.Sum(feature => feature.numel() * feature.ElementSize);

    /// <summary>Computes the loss of a restored image.</summary>
    /// <param name="restored">The same shape, type and device as the reference.</param>
    /// <returns>The same value as <see cref="ReconstructionLoss.forward"/> for this image and the reference.</returns>
    public override Tensor forward(Tensor restored)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        var values = _loss.CompareWithPrepared(restored, _features, _reference);
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
