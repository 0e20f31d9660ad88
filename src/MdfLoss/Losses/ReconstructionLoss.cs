using Mdf.Runtime;
using Mdf.Weights;
using static TorchSharp.torch;

namespace Mdf.Losses;

/// <summary>
/// A criterion <c>(restored, reference) → scalar</c> for training restoration networks. Lower is better, equal images give zero, and the gradients
/// are finite everywhere. Default: the mean over the batch (see <see cref="Reduction"/>).
/// </summary>
/// <remarks>
/// <para>Images are floating-point tensors <c>(N, 3, H, W)</c> in [0, 1]. The restored image may be outside this range, as
/// the output of a network may be.</para>
/// <para>A new loss is one class with the method <see cref="Analyze"/>, and a line in <see cref="LossExpression"/> for its short name. <see cref="Analyze"/>
/// computes the tensors of the reference that the loss needs, and returns the function that compares a restored image with them.</para>
/// </remarks>
public abstract class ReconstructionLoss : nn.Module<Tensor, Tensor, Tensor>
{
    private bool _isDisposed;

    /// <summary>Creates the loss.</summary>
    /// <param name="name">Its short name in loss expressions, such as <c>ms-ssim</c>.</param>
    protected ReconstructionLoss(string name)
        : base(name)
    {
    }

    /// <summary>The name of the loss in tables and messages: the loss expression that it comes from, if there is one.</summary>
    public virtual string Expression => GetName();

    /// <summary>The smallest allowed height and width of an image, in pixels.</summary>
    public virtual int MinimumSize => 1;

    /// <summary>Whether each image of a batch has its own value. Only then the reduction can be <see cref="Reduction.Sum"/> or <see cref="Reduction.None"/>.</summary>
    public virtual bool IsPerImage => true;

    /// <summary>Whether the loss is zero for equal images. Only the authors' SSIM variants are not.</summary>
    public virtual bool IsZeroForEqualImages => true;

    /// <summary>
    /// The files of the trained weights that the loss uses, always in the same order; empty for most losses. A network that is trained with the loss
    /// records their hashes, and its training resumes only with the same files. Create the entries when the weights are read (<see cref="WeightsFile.Read"/>).
    /// </summary>
    public virtual IEnumerable<WeightsFile> Files => [];

    /// <summary>A caution about long work with this loss on a device, as one line; null if there is none.</summary>
    /// <param name="device">The device of the images.</param>
    public virtual string? CautionOn(Device device) => null;

    /// <summary>The reduction of the values of a batch. Default: the mean.</summary>
    /// <exception cref="ArgumentException">Per-image values, or their sum, are requested of a loss that has one value for the whole batch.</exception>
    public Reduction Reduction
    {
        get;
        set
        {
            if (value != Reduction.Mean && !IsPerImage)
                throw new ArgumentException($"'{Expression}' has one value for the whole batch, not one per image: give it one image at a time", nameof(value));
            field = value;
        }
    }

    /// <summary>Computes the loss of a restored image.</summary>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>, floating point.</param>
    /// <param name="reference">The same shape, type and device, in [0, 1].</param>
    /// <returns>A scalar, or shape <c>(N)</c> if <see cref="Reduction"/> is <see cref="Reduction.None"/>.</returns>
    /// <exception cref="ArgumentException">A tensor is not a batch of images, or their types or devices differ.</exception>
    /// <exception cref="InputException">The sizes differ, or are smaller than <see cref="MinimumSize"/>.</exception>
    public sealed override Tensor forward(Tensor restored, Tensor reference)
    {
        RequirePair(restored, reference);
        using var scope = NewDisposeScope();
        return Reduce(Compare(restored, reference)).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// Computes the loss of a restored image of any size as a number, without gradients: always the mean over the batch, for any <see cref="Reduction"/>. The
    /// memory does not grow with the image: the losses of this library read one strip or tile after the other, and sum in double precision. For validation and
    /// benchmarks.
    /// </summary>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>, floating point.</param>
    /// <param name="reference">The same shape, type and device, in [0, 1].</param>
    /// <param name="cancellationToken">Stops the work between two strips.</param>
    /// <returns>The mean that <see cref="forward"/> returns, except for the rounding of sums.</returns>
    /// <exception cref="ArgumentException">As for <see cref="forward"/>.</exception>
    /// <exception cref="InputException">As for <see cref="forward"/>.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <remarks>
    /// The losses with a Fourier transform (<c>fsim</c>, <c>fsimc</c>, <c>focal-frequency</c>) get the whole images. A loss from outside the library is measured in strips if it derives from <see cref="PixelwiseLoss"/>. Any other loss gets the whole images.
    /// </remarks>
    public double Measure(Tensor restored, Tensor reference, CancellationToken cancellationToken = default)
    {
        RequirePair(restored, reference);
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        return Measure(restored, reference, ImageStrips.Divide(restored.shape, cancellationToken: cancellationToken));
    }

    /// <summary>Computes the loss as a number. This implementation takes whole images, for losses that cannot be measured in strips or that divide images themselves.</summary>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>, validated.</param>
    /// <param name="reference">The same.</param>
    /// <param name="strips">The strips of the images. The sequence may be enumerated more than once.</param>
    internal virtual double Measure(Tensor restored, Tensor reference, IEnumerable<ImageStrip> strips) =>
        Compare(restored, reference).mean().Number();

    /// <summary>
    /// Computes once all that depends only on the reference, for comparing many images with one reference. Gradients reach only the
    /// restored image.
    /// </summary>
    /// <param name="reference">Shape <c>(N, 3, H, W)</c>, floating point, in [0, 1].</param>
    /// <returns>The prepared loss. It owns its tensors; the caller disposes of it. It uses this loss, which must live at least as long.</returns>
    /// <exception cref="ArgumentException">The reference is not a batch of images.</exception>
    /// <exception cref="InputException">The reference is smaller than <see cref="MinimumSize"/>.</exception>
    public PreparedLoss Prepare(Tensor reference)
    {
        RequireImage(reference, nameof(reference));
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        var features = Analyze(reference.detach().clone());
        foreach (var feature in features.Tensors)
            feature.DetachFromDisposeScope();
        var kind = ImageKind.FromImage(reference);
        return new PreparedLoss(GetName(), features, CompareWithPrepared);

        Tensor CompareWithPrepared(Tensor restored)
        {
            RequireImage(restored, nameof(restored));
            RequireSameKind(ImageKind.FromImage(restored), kind);
            using var scope = NewDisposeScope();
            return Reduce(features.Compare(restored)).MoveToOuterDisposeScope();
        }
    }

    /// <summary>Computes the tensors of the reference that the loss needs. Differentiable.</summary>
    /// <param name="reference">Shape <c>(N, 3, H, W)</c>, validated.</param>
    /// <returns>The tensors, and the function that compares a restored image with them.</returns>
    protected internal abstract ReferenceFeatures Analyze(Tensor reference);

    /// <summary>
    /// Compares a restored image with a reference that is used only once. A loss can override it if this is faster than <see cref="Analyze"/>.
    /// </summary>
    /// <param name="restored">Shape <c>(N, 3, H, W)</c>, validated.</param>
    /// <param name="reference">The same.</param>
    /// <returns>The same values as <see cref="ReferenceFeatures.Compare"/>.</returns>
    protected internal virtual Tensor Compare(Tensor restored, Tensor reference) => Analyze(reference).Compare(restored);

    /// <summary>Computes the mean over all dimensions except the batch: <c>(N, …) → (N)</c>.</summary>
    /// <param name="values">A tensor whose first dimension is the batch.</param>
    protected static Tensor MeanPerImage(Tensor values) => values.flatten(1).mean([1]);

    private Tensor Reduce(Tensor values) => Reduction switch
    {
        _ when !IsPerImage => values,
        Reduction.Mean => values.mean(),
        Reduction.Sum => values.sum(),
        _ => values,
    };

    /// <summary>Frees the loss's weights.</summary>
    /// <param name="disposing">Whether Dispose was called. False: the finalizer runs.</param>
    protected override void Dispose(bool disposing)
    {
        _isDisposed = true;
        base.Dispose(disposing);
    }

    private protected void RequirePair(Tensor restored, Tensor reference)
    {
        RequireImage(reference, nameof(reference));
        RequireImage(restored, nameof(restored));
        RequireSameKind(ImageKind.FromImage(restored), ImageKind.FromImage(reference));
    }

    private void RequireImage(Tensor image, string role)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        ArgumentNullException.ThrowIfNull(image, role);
        if (image.dim() != 4 || image.shape[0] < 1 || image.shape[1] != 3)
            throw new ArgumentException($"'{Expression}' expected a {role} image of shape (N, 3, H, W), found {Describe(image.shape)}", role);
        if (!image.is_floating_point())
            throw new ArgumentException($"'{Expression}' expected a {role} image of floating-point values in [0, 1], found {image.dtype}: convert it and divide it by the maximum of its type", role);
        if (image.shape[2] < MinimumSize || image.shape[3] < MinimumSize)
            throw new InputException($"'{Expression}' needs images of at least {MinimumSize}×{MinimumSize} pixels, found a {role} image of {image.shape[3]}×{image.shape[2]}");
    }

    private void RequireSameKind(ImageKind restored, ImageKind reference)
    {
        if (!restored.Shape.SequenceEqual(reference.Shape))
            throw new InputException($"'{Expression}' expected images of one size, found {Describe(restored.Shape)} (restored) and {Describe(reference.Shape)} (reference)");
        if (restored.Type != reference.Type)
            throw new ArgumentException($"'{Expression}' expected both images in one type, found {restored.Type} (restored) and {reference.Type} (reference)", nameof(restored));
        if (restored.Device != reference.Device)
            throw new ArgumentException($"'{Expression}' expected both images on one device, found {restored.Device} (restored) and {reference.Device} (reference)", nameof(restored));
    }

    private static string Describe(long[] shape) => $"({string.Join(", ", shape)})";

    /// <summary>The properties in which two images must agree: shape, type and device.</summary>
    internal sealed record ImageKind(long[] Shape, ScalarType Type, string Device)
    {
        public static ImageKind FromImage(Tensor image) => new(image.shape, image.dtype, image.device.ToString());
    }
}
